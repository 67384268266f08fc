"""One connection to one address of a partner, made only to see how far it comes: SIP, an XMPP stream, or a component's.

Each goes the way that a link of the gateway would go, with the same certificates and the same judgement, but for
itself: it carries no traffic, and never asks for XEP-0288 or stream management, so that nobody sends on it what is
meant for a real one. `edge.admin.probing` makes them; `Probe.done` fires with the `Reach` however it ends.
"""

from dataclasses import dataclass
from typing import cast

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall, IHandshakeListener
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from edge.admin.certificates import PURPOSES
from edge.admin.evidence import Fault, Reach, Shown
from edge.certificates.contexts import Contexts
from edge.certificates.examination import weakness
from edge.certificates.handshake import Handshake, Recorded
from edge.certificates.peers import issuer_address, presented, purposes
from edge.certificates.trust import fingerprint_of, pin_of
from edge.codes import Code
from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.net.links import cause_of
from edge.net.sip_owner import Transport
from edge.net.tcp import Reactor
from edge.net.xmpp_pings import Pings
from edge.partners import Directory, System
from edge.xmpp.dialback import Keys

CONNECT = 5.0  # seconds for TCP, as the pools have it
SHAKE = 8.0  # seconds for TLS, the same
ANSWER = 8.0  # seconds for whatever comes then, each time: the header of a stream, an answer to OPTIONS
TEXT = 200  # characters of what a peer says


@dataclass(frozen=True, slots=True)
class Kit:
    """What a probe needs of the gateway. ``host`` and ``port`` are where we say that we are."""

    reactor: Reactor
    directory: Directory
    contexts: Contexts
    ids: Identifiers
    keys: Keys
    pings: Pings
    host: Domain
    port: int


@dataclass(frozen=True, slots=True)
class Aim:
    """Whom a probe is to reach, and for which domain of ours."""

    system: System
    domain: Domain
    local: Domain


@implementer(IHandshakeListener)
class Probe(Protocol):
    """What all have in common: stages, each with its end in time, and one outcome."""

    def __init__(self, kit: Kit, aim: Aim, reach: Reach) -> None:
        self.done: Deferred[Reach] = Deferred(lambda _: self.give_up())
        self.reach = reach
        self.kit = kit
        self.aim = aim
        self.settled = False  # there is a connection, or it is known that there is none
        self.begun = kit.reactor.seconds()
        self._deadline: IDelayedCall | None = None
        self._over = False
        self._heard = False  # anything, behind TLS

    # --- for those that are made of it

    def opened(self) -> None:
        """TCP is connected."""

    def secured(self, handshake: Handshake) -> None:
        """TLS is there."""

    def heard(self, data: bytes) -> None:
        """Something came."""

    def farewell(self) -> None:
        """It is over: say so, if there is a way to say it."""

    def enter(self, stage: str, seconds: float = ANSWER) -> None:
        """One more step is done, and ``stage`` begins."""
        self.took(self.reach.stage)
        self.reach.stage = stage
        self.begun = self.kit.reactor.seconds()
        self._disarm()
        self._deadline = self.kit.reactor.callLater(seconds, self._late)

    def took(self, stage: str) -> None:
        """Write down how long ``stage`` has taken."""
        self.reach.milliseconds.setdefault(stage, round((self.kit.reactor.seconds() - self.begun) * 1000))

    def end(self, code: Code | None = None, text: str = "", stage: str = "") -> None:
        """It is over: with a fault in this stage, or well."""
        if self._over:
            return
        self._over = True
        self._disarm()
        if stage:
            self.reach.stage = stage
        if code is None:
            self.reach.stage = "done"
        else:
            self.reach.fault = Fault(code, text[:TEXT])
        self.farewell()
        if self.transport is not None:
            wire = cast(Transport, self.wire)
            wire.loseConnection()
            self._deadline = self.kit.reactor.callLater(CONNECT, wire.abortConnection)
        if not self.done.called:
            self.done.callback(self.reach)

    def give_up(self) -> None:
        """There is no more time."""
        if not self._over:
            self._late()

    @property
    def wire(self) -> object:
        """What is written to."""
        return self.transport

    # --- for Twisted

    def connectionMade(self) -> None:
        self.settled = True
        self.enter("tls", SHAKE)
        self.opened()

    def handshakeCompleted(self) -> None:
        """`IHandshakeListener`"""
        if self._over:
            return
        connection = cast(Transport, self.wire).getHandle()
        handshake = Handshake.of(connection)
        self.reach.asked = isinstance(connection, Recorded) and connection.shown
        self.reach.tls_version, self.reach.cipher = handshake.tls_version, handshake.cipher
        self.reach.shown = shown_by(handshake)
        self._heard = False
        self.enter("cert", SHAKE)
        self.secured(handshake)

    def dataReceived(self, data: bytes) -> None:
        if not self._over:
            self._heard = True
            self.heard(data)

    def chunk_ended(self) -> None:
        """`edge.net.gate.Chunkwise`: nothing is held back here."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._disarm()
        if not self._over:
            wire = self.wire
            cause = cause_of(reason, None if self._heard else wire)
            connection = cast(Transport, wire).getHandle()
            self.reach.asked = isinstance(connection, Recorded) and connection.shown
            self.end(cause.code, cause.text, "tls" if cause.code.name[0] == "T" else "")
            self._disarm()

    def connection_failed(self, reason: Failure) -> None:
        """There was nobody."""
        self.settled = True
        cause = cause_of(reason)
        self.end(cause.code, cause.text)

    def _late(self) -> None:
        stage = self.reach.stage
        texts = {"tcp": "the connection attempt timed out", "tls": "the TLS handshake took too long"}
        code = Code.N02 if stage in ("tcp", "tls", "cert") else Code.X06
        self.end(code, texts.get(stage, code.sentence))

    def _disarm(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None


class Dialling(ClientFactory):
    """The one connection of a probe."""

    noisy = False

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    def buildProtocol(self, addr: IAddress | None) -> Probe:
        return self._probe

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._probe.connection_failed(reason)


def shown_by(handshake: Handshake) -> Shown | None:
    """The certificate of the other side as it is told of."""
    leaf = handshake.leaf
    if leaf is None:
        return None
    found = purposes(leaf)
    named = None if found is None else tuple(sorted(PURPOSES.get(each, each.dotted_string) for each in found))
    weak = next(filter(None, map(weakness, handshake.chain)), "")
    return Shown(
        subject=_printed(leaf.subject), names=presented(leaf), issuer=_printed(leaf.issuer),
        not_before=leaf.not_valid_before_utc, not_after=leaf.not_valid_after_utc, fingerprint=fingerprint_of(leaf),
        pin=pin_of(leaf), purposes=named, chain=tuple(map(_link, handshake.chain)), weak=weak,
        issuer_at=(issuer_address(leaf) or "")[:TEXT], ends=tuple(each.not_valid_after_utc for each in handshake.chain),
    )


# -- private ---------------------------------------------------------------------------------------------------------


def _printed(name: x509.Name) -> str:
    try:
        return name.rfc4514_string()[:TEXT]
    except ValueError:
        return ""


def _link(certificate: x509.Certificate) -> str:
    ends = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    return f"{_printed(certificate.subject) or 'no subject'}, issued by {_printed(certificate.issuer)}, ends {ends}"
