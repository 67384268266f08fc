"""The stream on which a receiving server asks the authoritative one whether a key is its own (XEP-0220 §2.1.2).

It is opened by `edge.net.xmpp_verifier` for one question, to the server that DNS names and never to one that a peer
names, on a connection of its own: the one whose far end is in doubt proves nothing. TLS is required as everywhere;
nothing else flows on this stream, so nobody needs to prove anything on it.
"""

from edge.domains import Domain
from edge.xmpp.dialback import Dialback, read
from edge.xmpp.element import Element
from edge.xmpp.initiating import Initiating
from edge.xmpp.initiating_tables import Input
from edge.xmpp.negotiation import Answered, End, Event, Output, Write


class Verifying(Initiating):
    """Our end of the stream from ``local`` to ``remote`` that asks about ``key``, which came with the stream ``id``."""

    role = "s2s verify"

    def __init__(self, local: Domain, remote: Domain, id: str, key: str, direct: bool = False) -> None:
        super().__init__(local, remote, managed=False, direct=direct)
        self._doubt = Dialback("verify", local, remote, key, id)

    def _proof(self, event: Element) -> Input:
        return Input.QUESTION

    def _answer(self, found: Dialback) -> Input:
        self._question = None
        return Input.ANSWERED

    def _ask(self) -> list[Output]:
        self._question = self._doubt
        return [Write(self._doubt.to_bytes())]

    def _be_answered(self, event: Event | None) -> list[Output]:
        found = read(event) if isinstance(event, Element) else None
        assert found is not None
        self.ended = self.served = True
        return [Answered(found.answer), *self._last_words(), End()]
