"""The receiving half of an XMPP link: what its parser finds -> stanzas for the gateway, and the rest for the stream.

Stanzas go to the `Sink`, those of one chunk together, and only from an authenticated stream that may bring them.
Owned by `edge.net.xmpp_link`.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from edge.codes import Code
from edge.net.sink import Sink
from edge.net.xmpp_answers import Answers
from edge.net.xmpp_owner import Owner
from edge.xmpp.element import Element
from edge.xmpp.management import SM
from edge.xmpp.negotiation import SERVER, Output
from edge.xmpp.screening import Misaddressed, screen
from edge.xmpp.stanzas import Iq, Stanza
from edge.xmpp.stream import Event

if TYPE_CHECKING:
    from edge.net.xmpp_link import XmppLink

STANZAS = frozenset(("message", "presence", "iq"))
REQUEST = SM, "r"


class Inbox:
    """``perform`` does what the negotiation of ``link`` wants. `heard`: when a stanza came, or the answer to a ping."""

    def __init__(
        self,
        clock: IReactorTime,
        owner: Owner,
        sink: Sink,
        link: "XmppLink",
        perform: Callable[[list[Output]], None],
    ) -> None:
        self.heard = clock.seconds()
        self.read = 0  # stanzas so far
        self.answers: Answers | None = None  # with stream management
        self._clock = clock
        self._owner = owner
        self._sink = sink
        self._link = link
        self._perform = perform

    def follow(self, events: Iterable[Event]) -> None:
        """Events in their order: stanzas are gathered, everything else is a matter of the stream itself.

        A peer that asks after every few stanzas what we have counted (XEP-0198 §4) gets one answer behind all of them.
        """
        negotiation = self._link.negotiation
        is_component = negotiation.namespace != SERVER
        stanzas: list[Stanza] = []
        asked: Event | None = None
        try:
            for event in events:
                if type(event) is Element and negotiation.ready and negotiation.receives and event.name in STANZAS:
                    stanza = screen(negotiation, event)
                    if self.answers is not None:
                        self.answers.arrived(stanza)
                    if isinstance(stanza, Misaddressed):
                        self._give_back(stanza)
                        continue
                    if is_component:
                        self._owner.pings.heard(self._link, stanza)
                    if type(stanza) is Iq and stanza.type in ("result", "error"):
                        settle = self._owner.pings.answer(self._link, stanza)
                        if settle is not None:
                            # what came before may be the failure of a stanza that the ping stands behind
                            self._deliver(stanzas)
                            self.heard = self._clock.seconds()
                            settle()
                            continue
                    stanzas.append(stanza)
                elif self.answers is not None and type(event) is Element and (event.namespace, event.name) == REQUEST:
                    asked = event
                else:
                    self._deliver(stanzas)
                    self._perform(negotiation.receive(event))
                    if negotiation.ended:
                        return
        finally:
            self._deliver(stanzas)
            if asked is not None and not negotiation.ended:
                self._perform(negotiation.receive(asked))

    def _deliver(self, stanzas: list[Stanza]) -> None:
        if stanzas:
            self._link.worked = True
            self.read += len(stanzas)
            self.heard = self._clock.seconds()
            self._sink.stanzas_received(self._link, stanzas[:])
            stanzas.clear()
            if self.answers is not None and self.answers.overfull:
                self._link.fail(Code.L01, condition="policy-violation")

    def _give_back(self, stanza: Misaddressed) -> None:
        self._sink.link_event("stanza.refused", code=Code.S08, **self._link.facts())
        if stanza.answer:
            self._owner.send(stanza.recipient, stanza.sender, stanza.answer, None)
