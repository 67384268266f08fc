"""Identifiers that must be unique or unpredictable, from an injected source of randomness.

Cores never call `os.urandom`: `edge.service` gives them an `Identifiers`, tests give a counted one.
"""

from collections.abc import Callable
from itertools import count


class Identifiers:
    """Makes branches, tags, Call-IDs and stanza ids.

    ``token`` returns a fresh unpredictable token of at least 64 bits in characters of the SIP token
    rule; ``node`` is put into Call-IDs, so that several nodes never meet in one identifier.
    Branches and stanza ids need to be unique but not secret (RFC 3261 §8.1.1.7): they are one random
    prefix and a counter.
    """

    __slots__ = ("_token", "_node", "_prefix", "_count")

    def __init__(self, token: Callable[[], str], node: str) -> None:
        self._token = token
        self._node = node
        self._prefix = token()
        self._count = count(1)

    def branch(self) -> str:
        """A Via branch, unique in space and time, with the magic cookie (RFC 3261 §8.1.1.7)."""
        return f"z9hG4bK{self._prefix}.{next(self._count):x}"

    def tag(self) -> str:
        """A From or To tag with at least 32 bits of randomness (RFC 3261 §19.3)."""
        return self._token()

    def call_id(self) -> str:
        """A Call-ID (RFC 3261 §8.1.1.4)."""
        return f"{self._token()}@{self._node}"

    def stanza_id(self) -> str:
        """The ``id`` of a stanza (RFC 6120 §8.1.3)."""
        return f"{self._prefix}-{next(self._count):x}"
