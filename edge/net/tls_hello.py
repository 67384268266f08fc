"""What the other side wanted of TLS, read off the first bytes it sent: a ClientHello, or a ServerHello (RFC 8446 §4.1).

OpenSSL says that nothing fits, and not what was offered; an administrator has to know both. `edge.net.tls` keeps the
bytes while a handshake goes on, `edge.net.links.cause_of` asks if it fails.
"""

import ssl
from dataclasses import dataclass
from functools import cache

from edge.codes import Code

LONGEST = 4096  # bytes that are kept of one handshake; browsers with keys of the future send 1,800
SHOWN = 3  # cipher suites that are named
OURS = "ECDHE with AES-GCM or ChaCha20"  # what edge.certificates.contexts.CIPHERS means

_RECORD, _CLIENT_HELLO, _SERVER_HELLO = 22, 1, 2
_SUPPORTED_VERSIONS = 43  # the extension of that name
_VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
_SIGNALS = frozenset({0x00FF, 0x5600})  # numbers in the place of a suite that are none: renegotiation, fall-back


@dataclass(frozen=True, slots=True)
class Hello:
    """``versions`` and ``ciphers`` are numbers, in the order in which they came; a server has chosen one of each."""

    versions: tuple[int, ...]
    ciphers: tuple[int, ...]


def hello_of(data: bytes) -> Hello | None:
    """The hello at the beginning of a connection; None if it is none, or not whole."""
    if len(data) < 6 or data[0] != _RECORD or data[5] not in (_CLIENT_HELLO, _SERVER_HELLO):
        return None
    try:
        return _read(data[5] == _CLIENT_HELLO, _Bytes(_unwrapped(data)[4:]))
    except IndexError:
        return None


def offers(code: Code, transport: object) -> str:
    """What both sides have of what they cannot agree about; "" if it is about something else."""
    if code not in (Code.T02, Code.T03):
        return ""
    hello = hello_of(getattr(transport, "hello", b""))
    if code is Code.T02:
        ours = "TLS 1.3" if _lowest(transport) == "1.3" else "TLS 1.2 and 1.3"
        theirs = [_VERSIONS.get(each, f"version {each:#06x}") for each in hello.versions] if hello else []
    else:
        ours, theirs = OURS, _names(hello.ciphers) if hello else []
    return f"we offer {ours}, they " + (", ".join(theirs) if theirs else "did not say what they have")


# -- private ---------------------------------------------------------------------------------------------------------


class _Bytes:
    """Bytes that are read from the front. `IndexError` when there are too few."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, count: int) -> bytes:
        if count > len(self._data):
            raise IndexError
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def numbers(self, size: int) -> tuple[int, ...]:
        """A list of numbers of two bytes, behind its length in ``size`` bytes."""
        listed = _Bytes(self.take(self.number(size)))
        found = []
        while listed:
            found.append(listed.number(2))
        return tuple(found)


def _unwrapped(data: bytes) -> bytes:
    """The handshake, which may lie in several records."""
    left, found = _Bytes(data), b""
    while left:
        kind, _, length = left.number(1), left.number(2), left.number(2)
        if kind != _RECORD:
            break
        try:
            found += left.take(length)
        except IndexError:  # the rest was not kept; the hello is at the beginning
            break
    return found


def _read(of_client: bool, hello: _Bytes) -> Hello:
    version = hello.number(2)
    hello.take(32)  # random
    hello.take(hello.number(1))  # session
    if not of_client:
        return Hello((version,), (hello.number(2),))
    ciphers = hello.numbers(2)
    hello.take(hello.number(1))  # compression
    versions = _supported(_Bytes(hello.take(hello.number(2)))) if hello else ()
    known = tuple(each for each in versions if each in _VERSIONS)  # but for those that are there to be ignored
    return Hello(known or tuple(range(version, 0x0300, -1))[:3] or (version,), ciphers)


def _supported(extensions: _Bytes) -> tuple[int, ...]:
    while extensions:
        kind, content = extensions.number(2), _Bytes(extensions.take(extensions.number(2)))
        if kind == _SUPPORTED_VERSIONS:
            return content.numbers(1)
    return ()


def _names(ciphers: tuple[int, ...]) -> list[str]:
    """The first of them as OpenSSL calls them, and how many there are besides."""
    suites = [each for each in ciphers if each not in _SIGNALS and each & 0x0F0F != 0x0A0A]  # 0x?A?A is noise
    named = [_known().get(each, f"{each:#06x}") for each in suites[:SHOWN]]
    return named + ([f"{len(suites) - SHOWN} more"] if len(suites) > SHOWN else [])


@cache
def _known() -> dict[int, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return {each["id"] & 0xFFFF: each["name"] for each in context.get_ciphers()}


def _lowest(transport: object) -> str:
    """The lowest version that we would have taken on this connection."""
    get = getattr(transport, "getHandle", None)
    return str(getattr(get(), "lowest", "")) if get is not None else ""
