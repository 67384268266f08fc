"""POSH (RFC 7711): what a domain says over HTTPS of the certificates that its servers show.

`edge.net.proofs` fetches the document, and judges by it.
"""

import binascii
import json
from base64 import b64decode
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

MAX_DOCUMENT = 1 << 16  # bytes; a fingerprint has 200
MAX_FINGERPRINTS = 100  # certificates; the same file may serve all hosts of a provider
MAX_SECONDS = 86_400.0  # that a document is believed, whatever it says; a withdrawn key must come to its end

_HASHES = {"sha-256": SHA256(), "sha-512": SHA512()}


class PoshError(Exception):
    """The document says nothing."""


@dataclass(frozen=True, slots=True)
class Document:
    """For ``seconds``: either the digests of each certificate, by algorithm, or the address of another document."""

    seconds: float
    fingerprints: tuple[tuple[tuple[str, bytes], ...], ...] = ()
    url: str = ""

    def names(self, leaf: x509.Certificate) -> bool:
        """Whether it is one of the certificates: all digests that are known for it are right."""
        digests = {name: leaf.fingerprint(made) for name, made in _HASHES.items()}
        return any(all(digests[name] == digest for name, digest in each) for each in self.fingerprints)


def read(content: bytes) -> Document:
    """Read a document with fingerprints, or one that refers to another. Raises `PoshError`."""
    if len(content) > MAX_DOCUMENT:
        raise PoshError("the document is too large")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise PoshError("the document is no JSON") from None
    seconds = found.get("expires") if isinstance(found, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        raise PoshError("the document does not say how long it is valid")
    seconds = float(min(seconds, int(MAX_SECONDS)))
    url, listed = found.get("url"), found.get("fingerprints")
    if isinstance(url, str) and listed is None:
        return Document(seconds, url=url)
    if not isinstance(listed, list) or url is not None:
        raise PoshError("the document has no fingerprints")
    read = [_digests(each) for each in listed[:MAX_FINGERPRINTS]]
    return Document(seconds, tuple(each for each in read if each))


# -- private ---------------------------------------------------------------------------------------------------------


def _digests(listed: object) -> tuple[tuple[str, bytes], ...]:
    """The digests of one certificate that we can compare; none if one of them is garbage."""
    if not isinstance(listed, dict):
        return ()
    found = []
    for name, made in _HASHES.items():
        text = listed.get(name)
        if text is None:
            continue
        try:
            digest = b64decode(text, validate=True)
        except (TypeError, ValueError, binascii.Error):
            return ()
        if len(digest) != made.digest_size:
            return ()
        found.append((name, digest))
    return tuple(found)
