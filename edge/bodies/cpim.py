"""CPIM messages: `message/cpim` (RFC 3862). Called by `edge.mapping.payloads`.

Inside the SIP body stand message headers, an empty line, and a MIME entity. What the headers say of people is no more
than what the sender writes; `agrees` is the one check that is made of it.
"""

import re
from typing import NamedTuple

from edge.bodies.mime import Entity
from edge.bodies.mime import parse as parse_entity
from edge.codes import Code
from edge.domains import domain
from edge.errors import RemoteProtocolError

MEDIA_TYPE = "message/cpim"

MAX_HEAD = 8192  # octets of the message headers
MAX_HEADERS = 50
MAX_URI = 512  # characters of an address

KNOWN = frozenset(("From", "To", "cc", "DateTime", "Subject", "NS", "Require"))  # RFC 3862 §4; case matters (§3.1)


class Address(NamedTuple):
    """A formal name, which may be empty, and the text of a URI (RFC 3862 §4.1)."""

    name: str
    uri: str

    @property
    def host(self) -> str:
        """The host of a URI as im: and sip: have it, in lower case; empty if there is none, or if it is in doubt."""
        rest = self.uri.partition(":")[2].partition("?")[0]
        if rest.count("@") > 1:
            return ""
        return rest.rpartition("@")[2].partition(";")[0].partition(":")[0].lower().removesuffix(".")


class Extension(NamedTuple):
    """A header of somebody else's: the URI of its namespace, its name without the prefix, its value (RFC 3862 §3.4)."""

    namespace: str
    name: str
    value: str


class Message(NamedTuple):
    """A CPIM message. ``subjects`` are (language or "", text); ``requires`` the names of headers that must be known."""

    from_: Address | None
    to: tuple[Address, ...]
    content: Entity
    date_time: str = ""
    subjects: tuple[tuple[str, str], ...] = ()
    requires: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()

    def extension(self, namespace: str, name: str) -> str:
        """The value of the first header of that name, empty if there is none."""
        for item in self.extensions:
            if item.name == name and item.namespace == namespace:
                return item.value
        return ""

    def unknown(self, *namespaces: str) -> list[str]:
        """The required headers that are neither of RFC 3862 nor of ``namespaces``: they cannot be honoured (§4.7)."""
        known = KNOWN.union(f"{item.namespace} {item.name}" for item in self.extensions if item.namespace in namespaces)
        return [name for name in self.requires if name not in known]


def parse(body: bytes) -> Message:
    """Read a message. `RemoteProtocolError` (400) if it is none, names its sender twice or has no inner type."""
    found = _EMPTY_LINE.search(body, 0, MAX_HEAD)
    if found is None:
        raise _malformed("the CPIM message has no end of its headers")
    try:
        head = body[: found.start()].decode()
    except UnicodeDecodeError:
        raise _malformed("the CPIM headers are not in UTF-8") from None
    rows = _rows(head)
    spaces = {name: value for name, value in (_namespace(value) for key, _, value in rows if key == "NS")}
    senders = [_address(value) for key, _, value in rows if key == "From"]
    if len(senders) > 1:
        raise _malformed("the CPIM message has two senders")
    required = [value for key, _, value in rows if key == "Require"]
    content = parse_entity(body[found.end() :])
    if not _HAS_TYPE.search(body, found.start(), found.end() + MAX_HEAD):
        raise _malformed("the CPIM message does not say what it holds")
    return Message(
        senders[0] if senders else None,
        tuple([_address(value) for key, _, value in rows if key == "To"]),
        content,
        next((value for key, _, value in rows if key == "DateTime"), ""),
        tuple([(lang, value) for key, lang, value in rows if key == "Subject"]),
        tuple([_qualified(name.strip(), spaces) for name in ",".join(required).split(",") if name.strip()]),
        tuple([_extension(_qualified(key, spaces), value) for key, _, value in rows if "." in key]),
    )


def render(message: Message) -> bytes:
    """Write a message, its extensions in namespaces with the prefix that is the last word of their URI."""
    lines = []
    if message.from_ is not None:
        lines.append(f"From: {_written(message.from_)}")
    lines += [f"To: {_written(address)}" for address in message.to]
    if message.date_time:
        lines.append(f"DateTime: {_escaped(message.date_time)}")
    lines += [
        f"Subject:{f';lang={lang}' if _LANGUAGE.fullmatch(lang) else ''} {_escaped(text)}"
        for lang, text in message.subjects
    ]
    for namespace in dict.fromkeys(item.namespace for item in message.extensions):
        lines.append(f"NS: {_prefix(namespace)} <{_uri(namespace)}>")
        lines += [
            f"{_prefix(namespace)}.{item.name}: {_escaped(item.value)}"
            for item in message.extensions
            if item.namespace == namespace and _HEADER_NAME.fullmatch(item.name)
        ]
    content = message.content
    inner = [f"Content-Type: {content.media}"]
    if content.id:
        inner.append(f"Content-ID: <{_uri(content.id)}>")
    if content.disposition:
        inner.append(f"Content-Disposition: {content.disposition}")
    inner.append(f"Content-Length: {len(content.body)}")
    head = "\r\n".join([*lines, "", *inner, "", ""])
    return head.encode() + content.body


def agrees(address: Address | None, host: str) -> bool:
    """Whether a From names somebody at ``host``, or nobody at all.

    This compares domains, and no more: who at that domain has written is the word of the domain. Nobody is a message
    without From, or one from a name that can be nobody's, as ``anonymous@anonymous.invalid`` (RFC 2606 §2).
    """
    if address is None:
        return True
    named = address.host
    if named.endswith(".invalid"):
        return True
    try:
        return domain(named) == domain(host)
    except RemoteProtocolError:
        return False


# --- private ----------------------------------------------------------------------------------------------------------

_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_HAS_TYPE = re.compile(rb"(?i)\ncontent-type[ \t]*:")
_HEADER_NAME = re.compile(r"[!#-'*+\-0-9A-Z^_`a-z{|}~]{1,64}(?:\.[!#-'*+\-0-9A-Z^_`a-z{|}~]{1,64})?")  # RFC 3862 §3.1
_LANGUAGE = re.compile("[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_ADDRESS = re.compile(r'(?:"((?:[^"\\]|\\.)*+)" *+|([^<>"]*+))<([^<>]*+)>')
_NAMESPACE = re.compile(r"([A-Za-z0-9_\-]{0,64}) ?<([^<> ]{1,512})>")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_URI = re.compile(r"[\x00-\x20<>\x7f-\xa0]+")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r"}


def _rows(head: str) -> list[tuple[str, str, str]]:
    """Name, language and escaped value of each header. One line each, never folded (RFC 3862 §2.2)."""
    lines = head.split("\n")
    if len(lines) > MAX_HEADERS:
        raise _malformed("the CPIM message has too many headers")
    rows = []
    for line in lines:
        name, colon, value = line.removesuffix("\r").partition(":")
        if not colon or _HEADER_NAME.fullmatch(name) is None or _CONTROL.search(value) is not None:
            raise _malformed("a CPIM header is malformed")
        lang = ""
        if value.startswith(";"):  # RFC 3862 §3.3
            parameter, _, value = value[1:].partition(" ")
            key, _, lang = parameter.partition("=")
            if key.lower() != "lang" or _LANGUAGE.fullmatch(lang) is None:
                lang = ""
        # COMPAT(rcs): clients leave out the space behind the colon, or write more; since 2010
        value = value.strip(" ")
        rows.append((name, lang, value if name in ("From", "To", "NS") else _unescaped(value)))
    return rows


def _address(value: str) -> Address:
    found = _ADDRESS.fullmatch(value)
    if found is None or len(found[3]) > MAX_URI:
        raise _malformed("an address in the CPIM message is malformed")
    quoted, plain, uri = found.groups()
    return Address(_unescaped(plain.strip() if quoted is None else quoted), uri.strip())


def _namespace(value: str) -> tuple[str, str]:
    found = _NAMESPACE.fullmatch(value)
    if found is None:
        raise _malformed("a namespace in the CPIM message is malformed")
    return found[1], found[2]


def _qualified(name: str, spaces: dict[str, str]) -> str:
    """``prefix.Name`` as namespace, space, name; a prefix that nobody declared is its own namespace, in brackets."""
    prefix, dot, local = name.partition(".")
    return f"{spaces.get(prefix, f'[{prefix}]')} {local}" if dot else name


def _extension(qualified: str, value: str) -> Extension:
    namespace, _, name = qualified.partition(" ")
    return Extension(namespace, name, value)


def _unescaped(value: str) -> str:
    """RFC 3862 §2.3: of an unknown escape the next character counts."""
    if "\\" not in value:
        return value
    value = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2]), value)
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # an astral character takes two escapes


def _escaped(value: str) -> str:
    """``value`` so that nothing in it can end the line."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04X}", value.replace("\\", "\\\\"))


def _written(address: Address) -> str:
    name = _escaped(address.name).replace('"', '\\"')
    return f'"{name}" <{_uri(address.uri)}>' if name else f"<{_uri(address.uri)}>"


def _uri(uri: str) -> str:
    """``uri`` without what could end it."""
    return _NOT_URI.sub("", uri)


def _prefix(namespace: str) -> str:
    """The last word of a namespace: ``imdn`` of ``urn:ietf:params:imdn``."""
    return re.sub("[^A-Za-z0-9]", "", namespace.rpartition(":")[2]) or "x"


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)
