"""A stream that is opened for a test: up to a ping, or for a component up to the handshake.

Made by `edge.admin.probing`.

The ping (XEP-0199 §4.4) is answered on a stream that the other server opens to us, so its answer says that the way back
is open as well.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from twisted.internet.interfaces import IProtocol

from edge.admin.evidence import Fault, Reach
from edge.admin.probes import TEXT, Aim, Kit, Probe
from edge.certificates.handshake import Handshake
from edge.codes import Code
from edge.net.gate import held
from edge.net.sip_owner import Transport
from edge.net.xmpp_dialling import ALPN
from edge.net.xmpp_tls import begin_tls
from edge.net.xmpp_trust import Trust
from edge.xmpp.acknowledgement import ping_bytes
from edge.xmpp.component import Component
from edge.xmpp.conditions import StreamError
from edge.xmpp.element import Element
from edge.xmpp.initiating import Initiating
from edge.xmpp.jid import JID
from edge.xmpp.negotiation import (
    SASL,
    End,
    Negotiation,
    Output,
    Proved,
    Ready,
    Restart,
    StartTLS,
    Unproved,
    Verify,
    Write,
)
from edge.xmpp.stream import StreamParser

FEATURES = 12  # of one stream that are shown


class StreamProbe(Probe):
    """``external``: whether SASL EXTERNAL is worth a try."""

    alive = orderly = True  # for `edge.net.xmpp_pings.Pinger`

    def __init__(self, kit: Kit, aim: Aim, reach: Reach, *, external: bool = True) -> None:
        super().__init__(kit, aim, reach)
        self.peer = kit.directory.identify("xmpp", frozenset((aim.domain,)))
        self.negotiation: Negotiation = self._negotiation(external)
        self._parser = StreamParser()
        self._tls: Transport | None = None
        self._handshake: Handshake | None = None
        self._behind_tls = False
        reach.expected = tuple(sorted({aim.domain, *aim.system.peer_names.difference(aim.system.domains)}))

    def _negotiation(self, external: bool) -> Negotiation:
        local, domain = self.aim.local, self.aim.domain
        return Initiating(local, domain, False, self.kit.keys, self.reach.direct, external)

    @property
    def wire(self) -> object:
        return self._tls or self.transport

    @property
    def fell_back(self) -> bool:
        """Whether the server went when EXTERNAL had failed, so that dialback alone is worth a try."""
        return isinstance(self.negotiation, Initiating) and self.negotiation.fell_back

    def opened(self) -> None:
        self._perform(self.negotiation.start())

    def secured(self, handshake: Handshake) -> None:
        self._handshake = handshake
        self._behind_tls = True
        self._perform(self.negotiation.secured())

    def heard(self, data: bytes) -> None:
        try:
            for event in self._parser.feed(data):
                if isinstance(event, Element) and event.name == "features" and self._behind_tls:
                    self._look(event)
                self._perform(self.negotiation.receive(event))
                if self.negotiation.ended:
                    return
        except StreamError as error:
            self._perform(self.negotiation.fail(error.code, str(error), error.condition))

    def farewell(self) -> None:
        self.kit.pings.lost(self)
        self._write(self.negotiation.finish())

    # --- for `edge.net.xmpp_pings`

    def answered(self, ping: str) -> None:
        """The answer has come, on a stream of theirs."""
        if self.reach.stage == "ping":
            self.took("ping")
            self.end()

    def knock(self) -> str:
        """Never asked for: nothing is counted here."""
        return ""

    def facts(self) -> dict[str, object]:
        """What the log should say of it."""
        return {"partner": self.aim.system.name, "remote": self.aim.domain}

    # --- private

    def _look(self, features: Element) -> None:
        if self.reach.stage == "stream":
            self.enter("auth")
            mechanisms = features.child("mechanisms", SASL)
            found = [] if mechanisms is None else [each.text.strip()[:TEXT] for each in mechanisms.elements()]
            self.reach.mechanisms = tuple(found[:FEATURES])
            self.reach.features = tuple(each.name for each in features.elements())[:FEATURES]

    def _perform(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Write):
                self._write((output,))
            elif isinstance(output, Restart):
                self._parser.reset()
            elif isinstance(output, StartTLS):
                self._begin_tls()
            elif isinstance(output, Verify):
                self._judge(output)
            elif isinstance(output, Unproved):
                self.reach.fell_back = output.text[:TEXT]
            elif isinstance(output, Proved):
                self.reach.proved = output.how
            elif isinstance(output, Ready):
                self._be_ready()
            elif isinstance(output, End):
                code = output.code or Code.N03
                self.end(code, output.text or "the peer closed the stream")

    def _begin_tls(self) -> None:
        aim, kit = self.aim, self.kit
        alpn = [ALPN] if self.reach.direct else []
        creator = kit.contexts.dialling(aim.domain, aim.system, aim.local, alpn)
        tcp = cast(Transport, self.transport)
        self._tls = begin_tls(tcp, cast(IProtocol, self), creator, True, kit.reactor)

    def _judge(self, claim: Verify) -> None:
        assert self._handshake is not None
        waiting = Trust(self.kit.directory, self.kit.contexts).waiting(claim.remote, claim.local, self._handshake)
        held(self._tls, waiting, lambda: self._judge_now(claim))

    def _judge_now(self, claim: Verify) -> None:
        assert self._handshake is not None
        if self.negotiation.ended:
            return
        verdict = Trust(self.kit.directory, self.kit.contexts).judge(claim.remote, claim.local, self._handshake)
        fault, self.reach.proof = verdict.peer.fault, verdict.proof
        if fault is not None:
            self.reach.minded = Fault(fault, fault.sentence)
        if fault is None or verdict.allowed.dialback:
            self.enter("stream")
        self._perform(self.negotiation.verified(fault, replace(verdict.allowed, bidi=False)))

    def _be_ready(self) -> None:
        self.enter("ping")
        ping = f"{self.kit.ids.tag()}-test"
        self.kit.pings.sent(self, ping)
        self._write((Write(ping_bytes(JID("", self.aim.local), JID("", self.aim.domain), ping)),))

    def _write(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Write) and self.transport is not None:
                cast(Transport, self.wire).write(output.data)

    def _late(self) -> None:
        if self.reach.stage == "ping":
            self.end()  # the stream is good; what is missing is the way back
        else:
            super()._late()


class ComponentProbe(StreamProbe):
    """The connection of a component; if the gateway has ``in_use`` one already, only TCP is tried."""

    def __init__(self, kit: Kit, aim: Aim, reach: Reach, *, in_use: bool) -> None:
        self._in_use = in_use
        super().__init__(kit, aim, reach)

    def _negotiation(self, external: bool) -> Negotiation:
        return Component(self.aim.local, self.aim.domain, self.aim.system.secret, {self.aim.local})

    def opened(self) -> None:
        self.enter("stream")
        if self._in_use:
            self.end()
        else:
            super().opened()

    def _be_ready(self) -> None:
        self.end()
