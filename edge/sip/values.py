"""CSeq, Event, Subscription-State and Content-Type (RFC 3261 §20.15 and §20.16, RFC 6665 §8.2).

Called through `edge.sip.headers` and `edge.sip.message`. Few different rows occur, so all of them are cached.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from edge.errors import RemoteProtocolError
from edge.sip import grammar
from edge.sip.grammar import LWS, Parameters, is_token, parameters, parameters_text

T = TypeVar("T")

CACHE = 1024  # rows of each kind; bounded, because peers choose them
MAX_LENGTH = 512  # octets; RFC 4475's longest row of these kinds has 160. What is refused is not remembered
MAX_NUMBER = 2**32 - 1  # RFC 3261 §20.16 and §20.19: both fit 32 bits


class CSeq(NamedTuple):
    """A sequence number and the method it counts (RFC 3261 §20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read the header; `RemoteProtocolError` if it is malformed or beyond 32 bits."""
        match = _CSEQ.fullmatch(text.strip(LWS))
        if match is None:
            raise RemoteProtocolError("the CSeq header is malformed")
        digits, method = match.groups()
        counted = number(digits)
        if counted is None:
            raise RemoteProtocolError("the CSeq number is too large")
        return cls(counted, method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


class Event(NamedTuple):
    """An event package and the id of one subscription to it (RFC 6665 §8.2.1)."""

    package: str
    id: str | None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> "Event":
        """Read the header; `RemoteProtocolError` if it is malformed."""
        package, others = _head(text, "the Event header is malformed")
        identifier = grammar.value_of(others, "id")
        return cls(package, identifier, tuple([item for item in others if item[0] != "id"]))

    def __str__(self) -> str:
        identifier = "" if self.id is None else f";id={self.id}"
        return f"{self.package}{identifier}{parameters_text(self.parameters)}"


class SubscriptionState(NamedTuple):
    """The state of a subscription (RFC 6665 §8.2.3). State and reason are in lower case."""

    state: str
    reason: str | None = None
    expires: int | None = None
    retry_after: int | None = None

    @classmethod
    def parse(cls, text: str) -> "SubscriptionState":
        """Read the header; `RemoteProtocolError` if it is malformed. A number beyond 32 bits counts as absent."""
        state, others = _head(text, "the Subscription-State header is malformed")
        reason = grammar.value_of(others, "reason")
        return cls(
            state.lower(),
            None if reason is None else reason.lower(),
            _seconds(others, "expires"),
            _seconds(others, "retry-after"),
        )

    def __str__(self) -> str:
        reason = "" if self.reason is None else f";reason={self.reason}"
        expires = "" if self.expires is None else f";expires={self.expires}"
        retry = "" if self.retry_after is None else f";retry-after={self.retry_after}"
        return f"{self.state}{reason}{expires}{retry}"


class MediaType(NamedTuple):
    """A media type, ``type/subtype`` in lower case, and its parameters with their quotes taken off."""

    type: str
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> "MediaType":
        """Read the header; `RemoteProtocolError` if it is malformed."""
        media, semicolon, rest = text.partition(";")
        match = _MEDIA.fullmatch(media.strip(LWS))
        if match is None:
            raise RemoteProtocolError("a media type is malformed")
        found = parameters(semicolon + rest) if semicolon else ()
        plain = tuple([(name, None if value is None else grammar.unquote(value)) for name, value in found])
        return cls(f"{match[1]}/{match[2]}".lower(), plain)

    def parameter(self, name: str) -> str | None:
        """The value of a parameter; None if it is absent or has none."""
        return grammar.value_of(self.parameters, name)

    def __str__(self) -> str:
        written = [(name, _written(value)) for name, value in self.parameters]
        return self.type + parameters_text(tuple(written))


def number(digits: str) -> int | None:
    """Read ASCII digits; None if the number is beyond 32 bits."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > 10:
        return None
    found = int(digits)
    return found if found <= MAX_NUMBER else None


def _kept(parse: Callable[[str], T]) -> Callable[[bytes], T]:
    """``parse`` for raw rows, which it remembers."""

    @lru_cache(CACHE)
    def read(row: bytes) -> T:
        if len(row) > MAX_LENGTH:
            raise RemoteProtocolError("a header is too long")
        return parse(row.decode("utf-8", "replace"))

    return read


def _number(text: str) -> int | None:
    stripped = text.strip(LWS)
    if not (stripped.isdigit() and stripped.isascii()):
        raise RemoteProtocolError("a number in a header is malformed")
    return number(stripped)


cseq_of: Final = _kept(CSeq.parse)
event_of: Final = _kept(Event.parse)
subscription_state_of: Final = _kept(SubscriptionState.parse)
media_type_of: Final = _kept(MediaType.parse)
number_of: Final = _kept(_number)

_CSEQ: Final = re.compile(rf"([0-9]+)[ \t]+([{grammar.token_characters}]+)")
_MEDIA: Final = re.compile(rf"([{grammar.token_characters}]+)[ \t]*/[ \t]*([{grammar.token_characters}]+)")


def _head(text: str, fault: str) -> tuple[str, Parameters]:
    word, semicolon, rest = text.partition(";")
    word = word.strip(LWS)
    if not is_token(word):
        raise RemoteProtocolError(fault)
    return word, parameters(semicolon + rest) if semicolon else ()


def _seconds(items: Parameters, name: str) -> int | None:
    value = grammar.value_of(items, name)
    return None if value is None else _number(value)


def _written(value: str | None) -> str | None:
    return value if value is None or is_token(value) else grammar.quote(value)
