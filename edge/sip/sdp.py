"""Session descriptions: the subset by which two sides agree on a session of text (RFC 4566, RFC 3264).

Called by `edge.sip.session`, and by `edge.gateway` to see what an INVITE is for.

A description may be one of several, for new and for old peers, or come with parts of which others know what they mean.

COMPAT(lync): text is offered as the medium `message` with the protocol `sip`, which is in no standard: each message
is a MESSAGE request within the dialog. Address and port mean nothing, and the format is `null` or a SIP URI; since
Live Communications Server 2003, which called it `x-ms-message`.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip import parts
from edge.sip.message import Request
from edge.sip.values import MediaType

SDP: Final = "application/sdp"

MAX_LENGTH = 65_536  # octets; an offer of audio, video and sharing by a Microsoft client has up to 10,000
MAX_LINES = 2_000  # the same offer has 200
MAX_STREAMS = 32  # the same offer has 5; each needs a line in the answer
MAX_DEPTH = 2  # bodies of several parts inside of each other; Microsoft's clients have one, others put it into a second
MAX_TYPES = 64  # media types of one list; a Microsoft client names 8

ADDRESS = "IN IP4 127.0.0.1"  # nobody looks at it, and our real one is nobody's business
PORT = 5060  # what Microsoft clients write; nobody looks at it either


class Stream(NamedTuple):
    """One m-line: ``kind`` and ``protocol`` in lower case, the first format as it came."""

    kind: str
    port: str
    protocol: str
    format: str

    @property
    def is_text(self) -> bool:
        """Whether it offers messages within the dialog. Port 0 takes an offer back (RFC 3264 §8.2)."""
        return self.kind in ("message", "x-ms-message") and self.protocol == "sip" and self.port != "0"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a session description offers. ``refusal`` is "" if it is text, else a sentence for a 488."""

    streams: tuple[Stream, ...] = ()
    chosen: int = -1
    """Which of the streams is the text."""
    accept_types: tuple[str, ...] = ()
    """Media types that the other side reads, in lower case, in its order; () if it does not say."""
    wrapped_types: tuple[str, ...] = ()
    """The same inside of containers such as message/cpim and multipart."""
    times: str = "0 0"
    refusal: str = ""

    def takes(self, media_type: str) -> bool:
        """Whether the other side reads this type. Who does not say what he reads, reads text/plain."""
        if not self.accept_types:
            return media_type == "text/plain"
        return not {"*", "*/*", media_type, media_type.partition("/")[0] + "/*"}.isdisjoint(self.accept_types)


def offered(request: Request) -> Offer:
    """What an INVITE or UPDATE is for, by its body.

    `RemoteProtocolError`: it is malformed (400), too long (413), or not understood though it has to be (415).
    """
    if not request.body:
        return Offer(refusal="the invitation describes no session")
    content = request.content_type
    if content is None:
        raise RemoteProtocolError("a body has no Content-Type")
    if (request.headers.get("content-encoding") or "identity").strip().lower() != "identity":
        raise RemoteProtocolError("the encoding of the body is not supported", Code.S04, status=415)
    return _offered(content, request.body, MAX_DEPTH)


def parse(body: bytes) -> Offer:
    """Read a session description, of an offer or an answer. What it says about anything but text is not looked at."""
    if len(body) > MAX_LENGTH:
        raise RemoteProtocolError("the session description is too long", Code.S09, status=413)
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise RemoteProtocolError("the session description has too many lines", Code.S09, status=413)
    if lines[0].strip() != "v=0":
        raise RemoteProtocolError("the session description does not begin with its version")
    streams: list[Stream] = []
    sections: list[list[str]] = [[]]
    for line in lines:
        if line[:2] == "m=":
            streams.append(_stream(line[2:]))
            sections.append([])
        elif line[:2] in ("a=", "t="):
            sections[-1].append(line)
    if len(streams) > MAX_STREAMS:
        raise RemoteProtocolError("the session description has too many streams", Code.S09, status=413)
    common, *own = sections
    times = next((line[2:].strip() for line in common if _TIMES.fullmatch(line)), "0 0")
    chosen = next((index for index, stream in enumerate(streams) if stream.is_text), -1)
    if chosen < 0:
        return Offer(tuple(streams), times=times, refusal=_refusal(streams))
    about = own[chosen]
    accepted = _types(about, "accept-types") or _types(common, "accept-types")
    wrapped = _types(about, "accept-wrapped-types") or _types(common, "accept-wrapped-types")
    return Offer(tuple(streams), chosen, accepted, wrapped, times)


def answer(offer: Offer, user_uri: str, accept_types: Sequence[str]) -> bytes:
    """Accept the text and refuse everything else that stands beside it (RFC 3264 §6)."""
    lines = []
    for index, stream in enumerate(offer.streams):
        if index == offer.chosen:
            lines += [f"m={stream.kind} {PORT} {stream.protocol} sip:{user_uri.partition(':')[2]}", _line(accept_types)]
        else:
            lines.append(f"m={stream.kind} 0 {stream.protocol} {stream.format}")
    return _description(offer.times, lines)


def offer(accept_types: Sequence[str]) -> bytes:
    """Offer text, as Microsoft clients do."""
    return _description("0 0", [f"m=message {PORT} sip null", _line(accept_types)])


def _offered(media: MediaType, body: bytes, depth: int) -> Offer:
    if media.type == SDP:
        return parse(body)
    if not media.type.startswith("multipart/"):
        return Offer(refusal=_OTHER_BODIES.get(media.type, "the invitation is for something other than text"))
    if not depth:
        raise RemoteProtocolError("the parts of a body lie too deep in each other", Code.S09, status=413)
    if len(body) > MAX_LENGTH:
        raise RemoteProtocolError("the description of the session is too long", Code.S09, status=413)
    found = parts.split(body, media)
    if media.type == "multipart/alternative":
        return _best(found, depth - 1)
    return _whole(found, depth - 1)


def _best(found: list[parts.Part], depth: int) -> Offer:
    """One of several descriptions of the same, of which later ones say more (RFC 2046 §5.1.4)."""
    for part in reversed(found):
        if part.is_plain and part.disposition in _OF_SESSIONS:
            with suppress(RemoteProtocolError):
                offer = _offered(part.media, part.body, depth)
                if not offer.refusal:
                    return offer
    return Offer(refusal=_OTHER_BODIES["multipart/alternative"])


def _whole(found: list[parts.Part], depth: int) -> Offer:
    """A description, and what belongs to it. What is not understood counts unless it may be left out."""
    offer: Offer | None = None
    is_unknown = False
    for part in found:
        if part.media.type in _OTHER_BODIES and not part.media.type.startswith("multipart/"):
            return Offer(refusal=_OTHER_BODIES[part.media.type])
        is_multipart = part.media.type.startswith("multipart/")
        describes = (is_multipart or part.media.type == SDP) and part.is_plain and part.disposition in _OF_SESSIONS
        if describes and offer is None:
            offer = _offered(part.media, part.body, depth)
        elif not part.is_optional:  # RFC 3261 §20.11: what says nothing must be understood
            is_unknown = True
    if offer is None or offer.refusal:
        return offer or Offer(refusal=_OTHER_BODIES["multipart/mixed"])
    if is_unknown:
        raise RemoteProtocolError("a part of the invitation is not understood", Code.S04, status=415)
    return offer


# Kinds of body that come in the place of a session description.
_OTHER_BODIES: Final = {
    "application/ms-conf-invite+xml": "the invitation is to a meeting",
    "application/cccp+xml": "the invitation is to a conference",
    "application/ms-filetransfer+xml": "the invitation is for a file transfer",
    "multipart/mixed": "the invitation is for a file transfer or something else beside text",
    "multipart/alternative": "the invitation is for audio, video or sharing",
}
_OF_SESSIONS: Final = ("", "session")  # Content-Disposition of a description that counts (RFC 3261 §20.11)
_WORD: Final = re.compile(r"[!-~]{1,256}")
_TIMES: Final = re.compile(r"t=[0-9]{1,20} [0-9]{1,20}[ \t]*")
_NAME: Final = re.compile(r"[a-z0-9-]{1,24}")


def _stream(text: str) -> Stream:
    fields = text.split()
    if len(fields) < 3 or not all(map(_WORD.fullmatch, fields[:4])):
        raise RemoteProtocolError("a stream in the session description is malformed")
    port = fields[1].partition("/")[0]
    if not (port.isascii() and port.isdigit()):
        raise RemoteProtocolError("a port in the session description is malformed")
    return Stream(fields[0].lower(), port.lstrip("0") or "0", fields[2].lower(), fields[3] if fields[3:] else "*")


def _types(lines: Sequence[str], attribute: str) -> tuple[str, ...]:
    """The media types of an attribute that lists them, each once and without parameters."""
    found: dict[str, None] = {}
    for line in lines:
        name, _, value = line[2:].partition(":")
        if line[:2] == "a=" and name.strip().lower() == attribute:
            words = (word.partition(";")[0].lower() for word in value.split()[:MAX_TYPES])
            found.update((word, None) for word in words if _WORD.fullmatch(word))
    return tuple(found)[:MAX_TYPES]


def _refusal(streams: Sequence[Stream]) -> str:
    """Names only what is a plain word: the sentence goes into headers and logs."""
    kinds = dict.fromkeys(stream.kind for stream in streams if _NAME.fullmatch(stream.kind))
    if any(stream.is_text for stream in streams) or not kinds:
        return "the invitation offers no text"
    if kinds.keys() & {"message", "x-ms-message"}:
        return "the invitation offers messages by a protocol that is not supported"
    return f"the invitation offers {', '.join(list(kinds)[:4])} and no text"


def _description(times: str, lines: Sequence[str]) -> bytes:
    head = ["v=0", f"o=- 0 0 {ADDRESS}", "s=session", f"c={ADDRESS}", f"t={times}"]
    return "".join([f"{line}\r\n" for line in (*head, *lines)]).encode("ascii", "replace")


def _line(accept_types: Sequence[str]) -> str:
    return f"a=accept-types:{' '.join(accept_types)}"
