"""Juliet watches Romeo on a bench: what she asks for, and what his side answers."""

from edge.gateway.effects import Effect
from edge.gateway.watch import Watch
from edge.sip.message import Request
from edge.xmpp.jid import JID
from tests.gateway.bench import Bench, kinds, presence, sends
from tests.sip.samples import Rows, as_request

CONTACT = JID.parse("juliet@xmpp.example")
GRANTED = (("Expires", "3600"), ("Contact", "<sip:romeo@edge.sip.example:5061;transport=tls>"))
NOTHING = (0, 0)


def document(*resources: str, user: str = "romeo") -> bytes:
    """What Romeo's side says of him: open with each of these, nothing without any."""
    tuples = "".join(f"<tuple id='ID-{each}'><status><basic>open</basic></status></tuple>" for each in resources)
    space = "urn:ietf:params:xml:ns:pidf"
    return f"<presence xmlns='{space}' entity='pres:{user}@sip.example'>{tuples}</presence>".encode()


OPEN = document("orchard")


class Watching:
    """Juliet asks to see Romeo's presence, or that of ``user``."""

    def __init__(self, user: str = "romeo", bench: Bench | None = None, type: str = "subscribe") -> None:
        self.bench = bench or Bench()
        self.user = user
        self.number = 0
        self.asked(self.says(type))

    def says(self, type: str, from_: str = "") -> list[Effect]:
        """A stanza from Juliet, or her server, to whom she watches."""
        return self.bench.stanzas(presence(type, to=f"{self.user}@sip.example", from_=from_))

    def asked(self, effects: list[Effect]) -> "Watching":
        """The effects hold a SUBSCRIBE: from now on it is the one that is answered and notified."""
        (self.send,) = sends(effects, "SUBSCRIBE")
        if not self.request.to.tag and self.request.cseq.number == 1:
            self.number = 0
        return self

    @property
    def request(self) -> Request:
        return as_request(self.send.data)

    @property
    def watch(self) -> Watch:
        pair = self.bench.gateway.pairs.get(JID.parse(f"{self.user}@sip.example"), CONTACT)
        assert pair is not None and pair.watch is not None
        return pair.watch

    def answer(self, status: int = 200, headers: Rows = GRANTED) -> list[Effect]:
        return self.bench.answer(self.send, status, headers)

    def notify(self, state: str = "active;expires=3600", body: bytes = b"") -> list[Effect]:
        self.number += 1
        return self.bench.sip(self.bench.notify(self.request, state, body, self.number))

    def lives(self, seconds: float = 0.0, expires: int = 3600) -> "Watching":
        """The subscription is active, and has been for some time."""
        self.answer()
        effects = self.notify(f"active;expires={expires}", document("orchard", user=self.user))
        assert kinds(effects) == ["subscribed", ""]
        if seconds:
            self.bench.passes(seconds)
        return self

    def refreshes(self, effects: list[Effect]) -> "Watching":
        """A refresh is due and goes out, because her server does not say whether she is there."""
        if kinds(effects) == ["probe"]:
            effects = self.bench.stanzas(presence("unsubscribed", to="sip.example"))
        return self.asked(effects)

    @property
    def left(self) -> tuple[int, int]:
        """What is still there: watches; transactions and timers."""
        return len(self.bench.gateway.subscribers), self.bench.open
