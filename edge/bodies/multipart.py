"""Multipart bodies cut into their parts (RFC 2046 §5.1); which part counts is decided in `edge.mapping.payloads`.

A body is looked at once for each level, and levels and parts are few, so that a hostile one costs little more than its
length.
"""

import re
from collections.abc import Mapping

from edge.bodies.mime import Entity, parse
from edge.codes import Code
from edge.errors import RemoteProtocolError

MAX_PARTS = 20  # of one body; Microsoft's clients send three
MAX_DEPTH = 4  # of entities inside each other: signed, mixed, alternative, and one for luck
MAX_BYTES = 262_144  # of a body; what a stanza may hold at most by default


def split(body: bytes, parameters: Mapping[str, str]) -> list[Entity]:
    """Return the parts between the boundaries that the ``parameters`` of its Content-Type name.

    `RemoteProtocolError`: 400 without a boundary or without parts, 413 for too many of them or too long a body.
    A last part without its closing boundary counts.
    """
    boundary = parameters.get("boundary", "")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise RemoteProtocolError("the multipart body names no boundary", Code.S01, status=400)
    if len(body) > MAX_BYTES:
        raise RemoteProtocolError(f"the body is longer than {MAX_BYTES} bytes", Code.S09, status=413)
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("ascii")) + rb"(--)?[ \t]*+(?=\r?\n|\Z)")
    parts: list[Entity] = []
    begin = -1
    for found in line.finditer(body):
        if begin >= 0:
            parts.append(_part(body[begin : found.start()]))
            if len(parts) > MAX_PARTS:
                raise RemoteProtocolError(f"the body has more than {MAX_PARTS} parts", Code.S09, status=413)
        begin = found.end()
        if found[1]:
            begin = -1
            break
    if begin >= 0:
        parts.append(_part(body[begin:]))
    if not parts:
        raise RemoteProtocolError("the multipart body has no parts", Code.S01, status=400)
    return parts


def root(parts: list[Entity], parameters: Mapping[str, str]) -> Entity:
    """The part of a multipart/related that the others belong to: the one named by ``start``, else the first."""
    start = parameters.get("start", "").strip("<>")
    return next((part for part in parts if start and part.id == start), parts[0])


_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")  # RFC 2046 §5.1.1


def _part(octets: bytes) -> Entity:
    """``octets`` begin with the line end behind a boundary."""
    return parse(octets[octets.find(b"\n") + 1 :] if octets else b"\r\n")
