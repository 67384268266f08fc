"""Proof that the peer has processed what we wrote, on streams without XEP-0198 (XEP-0199 §4.4).

RFC 6120 §10.1 makes a peer process a stream's stanzas in order; so whoever answers a ping has processed
everything that was written before the ping. One `Acknowledgement` belongs to each outgoing stream; the link
asks `due` after each batch of writes, and writes `ping_bytes` when it gets an id.
"""

from edge.identifiers import Identifiers
from edge.xmpp.element import escape_attribute
from edge.xmpp.jid import JID

NS_PING = "urn:xmpp:ping"
MIN_INTERVAL = 0.005  # seconds between two pings: a ping costs both sides as much as a message
LIMIT = 25.0  # seconds for the answer; below the 32 s after which a SIP client gives up (RFC 3261 §17.1.2.2)


class Acknowledgement:
    """The tokens of what was written on one stream and is not yet known to be processed."""

    __slots__ = ("_asked_at", "_behind", "_before", "_identifiers", "_outstanding")

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._before: list[object] = []  # written before the outstanding ping
        self._behind: list[object] = []  # written since
        self._outstanding = ""
        self._asked_at = float("-inf")

    def sent(self, token: object) -> None:
        """The stanza of ``token`` has been written."""
        self._behind.append(token)

    def due(self, now: float) -> str | None:
        """The id of a ping to be written now, or None: nothing to ask for, or a ping is out, or was just now.

        The caller asks again when the ping is answered, and `MIN_INTERVAL` later.
        """
        if not self._behind or self._outstanding or now - self._asked_at < MIN_INTERVAL:
            return None
        # Unpredictable: a user behind the peer who could guess it could answer in the peer's place.
        self._outstanding = f"{self._identifiers.tag()}-ping"
        self._asked_at = now
        self._before, self._behind = self._behind, []
        return self._outstanding

    def answered(self, id: str) -> list[object]:
        """An IQ result *or error* with ``id`` has come: the tokens that are proven to be processed, in order."""
        if not id or id != self._outstanding:
            return []
        taken, self._before = self._before, []
        self._outstanding = ""
        return taken

    def overdue(self, now: float) -> bool:
        """The peer owes an answer for `LIMIT` seconds: the link is as good as dead."""
        return bool(self._outstanding) and now - self._asked_at >= LIMIT

    def drain(self) -> list[object]:
        """The link is lost: the tokens whose stanzas nobody has vouched for, in order."""
        lost = self._before + self._behind
        self._before, self._behind = [], []
        self._outstanding = ""
        return lost

    @property
    def waiting(self) -> int:
        """How many tokens are not acknowledged."""
        return len(self._before) + len(self._behind)


def ping_bytes(from_: JID, to: JID, id: str) -> bytes:
    """The ping (XEP-0199 §4.4)."""
    return (
        f"<iq from='{from_.quoted}' to='{to.quoted}' id='{escape_attribute(id)}' type='get'>"
        f"<ping xmlns='{NS_PING}'/></iq>"
    ).encode()
