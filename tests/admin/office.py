"""A gateway as an administrator has it, with links that are not: what the tests of his verbs share."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.testing import FakeDatagramTransport, MemoryReactorClock
from twisted.python.failure import Failure

from edge.admin.local import Answer, Verbs
from edge.certificates.contexts import Handshake
from edge.config import load
from edge.domains import Domain, domain
from edge.gateway.pairs import Pair
from edge.net.links import Route
from edge.net.sip_link import SipLink
from edge.net.xmpp_link import XmppLink
from edge.partners import System
from edge.service import EdgeService
from edge.xmpp.authorization import State
from edge.xmpp.jid import JID
from edge.xmpp.receiving import Receiving
from tests.config.written import EDGE, Written

PARTNERS = """\
version = 1  # ours

[[partner]]
name = "contoso"
domains = ["contoso.com"]
via = "sip"
hosts = ["192.0.2.7:5061"]
[partner.tls]
peer_names = ["sip.contoso.com"]

[[partner]]
name = "fabrikam"
domains = ["fabrikam.com", "*.fabrikam.com"]
via = "sip"

[[blocked]]
domains = ["spam.example"]
reason = "ticket 4711"
"""

ROMEO, JULIET = JID.parse("romeo@contoso.com"), JID.parse("juliet@xmpp.example")
TLS = Handshake(None, (), (), (), True, "TLSv1.3", "TLS_AES_256_GCM_SHA384")


class Clock(MemoryReactorClock):
    """A reactor whose time begins late, so that a 0 is not taken for it."""

    def __init__(self) -> None:
        super().__init__()
        self.advance(1000.0)

    def listenUDP(self, port: int, protocol: DatagramProtocol, interface: str = "", size: int = 8192) -> "Silence":
        """Name servers are asked here, and say nothing."""
        silence = Silence()
        protocol.makeConnection(silence)
        return silence

    def getThreadPool(self) -> "Clock":
        """Whatever is to be done in a thread is done at once."""
        return self

    def callInThreadWithCallback(self, told: Callable[[bool, Any], None], do: Callable[..., Any], *said: Any) -> None:
        told(True, do(*said))

    def callFromThread(self, do: Callable[..., Any], *said: Any) -> None:
        do(*said)


class Silence(FakeDatagramTransport):
    """A network that brings nothing back."""

    def stopListening(self) -> None:
        pass


class Office:
    """An XMPP server of ours, of xmpp.example, and two SIP partners; ``verbs`` as the local socket has them."""

    def __init__(self, folder: Path, reactor: Any = None, edge: str = EDGE, partners: str = PARTNERS) -> None:
        self.written = Written(folder).write(edge, partners)
        self.reactor = reactor or Clock()
        self.service = EdgeService(self.reactor, load(self.written.edge))
        self.running = self.service._running()
        self.gateway = self.running.gateway
        self.wheel = self.gateway.node.wheel
        self.wheel.now = self.reactor.seconds()
        self.gateway.node.wall = self.running.wall()

    @cached_property
    def verbs(self) -> Verbs:
        from edge.admin.verbs import verbs_of

        return verbs_of(self.running)

    def get(self, name: str, /, **said: str) -> Any:
        return self._ask("GET", name, said)

    def post(self, name: str, /, **said: str) -> Any:
        return self._ask("POST", name, said)

    def _ask(self, method: str, name: str, said: dict[str, str]) -> "Answer | Deferred[Answer]":
        answer = self.verbs[method, name]({"by": "root (uid 0)", **said})
        if not isinstance(answer, Deferred):
            return answer
        results: list[Any] = []

        def told(result: Any) -> Any:
            results.append(result)
            return result

        answer.addBoth(told)
        if results and not isinstance(results[0], Failure):
            return results[0]  # nothing had to be waited for
        return answer

    # --- what there may be

    def system(self, name: str) -> System:
        system = self.running.config.directory.named(name)
        assert system is not None
        return system

    def way(self, name: str = "contoso") -> "Route[SipLink]":
        """The route to a partner, which is being dialled."""
        self.running.sip.reach(self.system(name), self.system(name).domains[0])
        return next(route for partner, _, route in self.running.sip.routes if partner == name)

    def link(self, name: str = "contoso", port: int = 49812, **changes: object) -> SipLink:
        """A link that a partner has opened; nobody's if ``name`` is ""."""
        service = self.service
        link = SipLink(self.reactor, service.sip, service._driver, service._driver._turn)
        names = frozenset(self.system(name).peer_names) if name else frozenset({Domain("sip.strange.example")})
        link.peer = self.running.config.directory.identify("sip", names)
        link.address, link.port, link.alive, link._handshake = "203.0.113.17", port, True, TLS
        for field, value in changes.items():
            setattr(link, field, value)
        service.sip._links.add(link)
        return link

    def stream(self, remote: str, proved: bool = True) -> XmppLink:
        """A stream that a server has opened."""
        service, pool = self.service, self.service.xmpp
        negotiation = Receiving(Domain("edge.example.net"), (), service._node.ids, pool._keys)
        negotiation.local, negotiation.remote = Domain("contoso.com"), domain(remote)
        link = XmppLink(self.reactor, pool, service._driver, service._driver._turn, negotiation)
        link.address, link.port, link.alive = "2001:db8::5", 40112, proved
        if proved:
            link.peer = self.running.config.directory.identify("xmpp", frozenset({negotiation.remote}))
            link.security.proofs[negotiation.remote, negotiation.local] = "external"
        pool._links.add(link)
        return link

    def pair(self, state: State, user: JID = ROMEO, contact: JID = JULIET, sip: str = "contoso") -> Pair:
        """Two users who have allowed each other something."""
        pair = self.gateway.pairs.open(user, contact, self.system(sip), self.system("office"))
        pair.state = state
        return pair
