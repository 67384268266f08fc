"""ABNF fragments of RFC 3261 §25.1 under their ABNF names, and the scanners for lists and parameters.

Called by the value types of `edge.sip`; everything works on text that has been unfolded. Nothing here
uses a pattern that can match the same character in two ways, so scanning is linear in the input.
"""

import re
from functools import lru_cache
from typing import Final

from edge.errors import RemoteProtocolError

Parameters = tuple[tuple[str, str | None], ...]

CACHE = 4096  # parameter lists; bounded, because peers choose them

LWS: Final = " \t"  # what is left of LWS once header lines are unfolded

token_characters: Final = r"A-Za-z0-9\-.!%*_+`'~"
TOKEN: Final = re.compile(rf"[{token_characters}]+")
TOKEN_OCTETS: Final = re.compile(TOKEN.pattern.encode("ascii"))
COMMA: Final = 0x2C  # for ``COMMA in octets``: Python tries first to read what is on the left as a number
SEMICOLON: Final = 0x3B
QUOTED_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # every control character but HT

# What a parameter may have as its value, besides a quoted string: token, host and IPv6reference, and the
# characters that URIs and base64 add; peers write all of them (RFC 3261 §25.1 gen-value).
_VALUE: Final = re.compile(r"[!#-+\--:=?-~]*")  # visible ASCII without `"` `,` `;` `<` `>`
_SPECIAL: Final = re.compile(r'"(?:[^"\\]*(?:\\.[^"\\]*)*")?|<[^<>]*>?|[,>]', re.DOTALL)
_QUOTED_OR_SEMICOLON: Final = re.compile(r'"(?:[^"\\]*(?:\\.[^"\\]*)*")?|;', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def is_token(text: str) -> bool:
    """Whether ``text`` is a token."""
    return TOKEN.fullmatch(text) is not None


def quote(text: str) -> str:
    """Return ``text`` as a quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """Return what a quoted-string says; any other text comes back as it is."""
    if text[:1] != '"':
        return text
    inner = text[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def elements(text: str) -> list[str]:
    """Split a comma list, minding quoted strings and angle brackets (RFC 3261 §7.3.1).

    Elements are stripped; empty ones are kept, because for some headers they are an error.
    """
    if "," not in text:
        return [text.strip(LWS)]
    if '"' not in text and "<" not in text:
        return [element.strip(LWS) for element in text.split(",")]
    found = []
    start = 0
    for match in _SPECIAL.finditer(text):
        special = match[0]
        if special == ",":
            found.append(text[start : match.start()].strip(LWS))
            start = match.end()
        elif special == '"' or (special[0] == "<" and special[-1] != ">"):
            raise RemoteProtocolError("a quote or an angle bracket is not closed")
    found.append(text[start:].strip(LWS))
    return found


def parameters(text: str) -> Parameters:
    """Read ``*( SEMI generic-param )``: names in lower case, values as they stand, quotes included."""
    parts = _outside_quotes(text) if '"' in text else text.split(";")
    if parts[0].strip(LWS):
        raise RemoteProtocolError("something stands between a value and its parameters")
    found = [_parameter(part) for part in parts[1:]]
    if len(found) > 1 and len(dict(found)) != len(found):
        raise RemoteProtocolError("a parameter is given twice")
    return tuple(found)


@lru_cache(CACHE)
def other_parameters(octets: bytes) -> Parameters | None:
    """The parameters behind a tag or branch, without their first semicolon; None if they must be read with it."""
    found = parameters(";" + octets.decode("utf-8", "replace"))
    return None if any(name in ("tag", "branch") for name, _ in found) else found


def parameters_text(items: Parameters) -> str:
    """Write parameters the way `parameters` reads them."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in items])


def value_of(items: Parameters, name: str) -> str | None:
    """The value of one parameter; None if it is absent or has none."""
    for key, value in items:
        if key == name:
            return value
    return None


_KNOWN_NAMES: Final = {name: name for name in ("branch", "tag", "epid", "received", "rport", "lr", "expires", "q")}


def _parameter(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    known = _KNOWN_NAMES.get(name)
    if known is None:
        known = name.strip(LWS).lower()
        if TOKEN.fullmatch(known) is None:
            raise RemoteProtocolError("a parameter has no name, or a malformed one")
    if equals and value.isalnum() and value.isascii():
        return known, value
    value = value.strip(LWS)
    if known in ("tag", "branch"):
        if TOKEN.fullmatch(value) is None:
            raise RemoteProtocolError(f"a {known} is empty or malformed")
    elif not equals:
        return known, None
    elif value[:1] == '"':
        if QUOTED_STRING.fullmatch(value) is None or CONTROL.search(value) is not None:
            raise RemoteProtocolError("a quoted parameter is malformed")
    elif _VALUE.fullmatch(value) is None:
        raise RemoteProtocolError("the value of a parameter is malformed")
    return known, value


def _outside_quotes(text: str) -> list[str]:
    parts = []
    start = 0
    for match in _QUOTED_OR_SEMICOLON.finditer(text):
        special = match[0]
        if special == ";":
            parts.append(text[start : match.start()])
            start = match.end()
        elif special == '"':
            raise RemoteProtocolError("a quote is not closed")
    parts.append(text[start:])
    return parts
