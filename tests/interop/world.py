"""Users who can reach each other: a real XMPP server, a real Kamailio, the gateway between them, and DNS for all.

By component link the XMPP server is ours and the SIP edge a partner; by s2s it is the other way round, and the
certificates of both have the serverAuth purpose only. With the component link there are three domains more: a SIP edge
that authorizes watchers one by one, and a SIP and an XMPP domain that are always down.
"""

from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.dns import Dns, Service
from tests.interop.edge import NAME, Edge, Keys, System
from tests.interop.ejabberd import Ejabberd, EjabberdByTheManual
from tests.interop.kamailio import Kamailio
from tests.interop.process import Addresses
from tests.interop.prosody import Prosody
from tests.interop.sip_user import SipUser
from tests.interop.xmpp_user import XmppUser

CAPULET, MONTAGUE = "capulet.example", "montague.example"
VERONA, MANTUA = "verona.example", "mantua.example"  # an XMPP and a SIP domain that are always down
FERRARA = "ferrara.example"  # a SIP domain where nobody may watch without being authorized
SECRET = "a secret"
NAMES = ("juliet", "nurse", "rosaline", "tybalt", "paris", "peter")
SERVERS = {"prosody": Prosody, "ejabberd": Ejabberd, "ejabberd-by-the-manual": EjabberdByTheManual}
BRISK = {"pace_seconds": 0.2}  # for tests that need not wait until a watcher may be told again
PATIENT = 15  # seconds a message waits for a partner that is down: on a busy machine, a link takes its time
IMPATIENT = 4  # the same where it is down indeed, and somebody waits for that


class World:
    """Both servers and the gateway; ``kind`` is what XMPP server it is and how it is connected: "ejabberd s2s".

    ``names`` are the accounts there, ``presence`` is that section of edge.toml; without ``crowd`` there are these two
    domains and no others; ``patience`` is how many seconds a message waits for either.
    """

    def __init__(
        self,
        kind: str,
        stack: ExitStack,
        folders: pytest.TempPathFactory,
        authority: Authority,
        addresses: Addresses,
        *,
        names: Sequence[str] = NAMES,
        presence: Keys | None = None,
        crowd: bool = True,
        patience: int = PATIENT,
    ) -> None:
        server, link = kind.split()
        self._names = names
        self.addresses = addresses
        uses = ("server", "client") if link == "component" else ("server",)
        issued = {domain: authority.issue("", dns=[domain], eku=uses) for domain in (CAPULET, MONTAGUE)}
        self.server = SERVERS[server](folders.mktemp(server), addresses, CAPULET, issued[CAPULET], authority.pem)
        self.kamailio = Kamailio(folders.mktemp("kamailio"), addresses, MONTAGUE, issued[MONTAGUE], authority.pem)
        self.edge = Edge(folders.mktemp("edge"), addresses, authority, [MONTAGUE, CAPULET])
        target = self.edge.address if server == "ejabberd" else NAME  # it asks the system for host names
        services = [Service(f"_xmpp-server._tcp.{MONTAGUE}", target, self.edge.xmpp)]
        dns = stack.enter_context(Dns(folders.mktemp("dns"), addresses, {NAME: self.edge.address}, services).start())
        self._dns = dns.server
        served = [MONTAGUE, *([FERRARA, MANTUA] if crowd else [])]
        self._components = dict.fromkeys(served, SECRET) if link == "component" else {}
        stack.enter_context(self.start_server())
        stack.enter_context(self.start_kamailio())
        port = self.server.component if link == "component" else self.server.s2s
        xmpp = System(
            "capulet",
            CAPULET,
            "xmpp",
            {"link": link, "hosts": [f"{self.server.address}:{port}"]},
            limits={"pending_seconds": patience},
            secret=self._components.get(MONTAGUE, ""),
        )
        sip = System(
            "montague",
            MONTAGUE,
            "sip",
            {"hosts": [f"{self.kamailio.address}:{self.kamailio.tls}"]},
            tls={"peer_names": [MONTAGUE]},
            limits={"pending_seconds": patience},
        )
        self.strict = Kamailio(
            folders.mktemp("strict"), addresses, FERRARA, authority.issue("", dns=[FERRARA]), authority.pem
        )
        if link == "component" and crowd:
            stack.enter_context(self.strict.start(gateway=self.edge.sip_address, everybody_may_watch=False))
            self.strict.resolves(NAME, self.edge.address)
            there = [f"{self.strict.address}:{self.strict.tls}"]
            ferrara = System("ferrara", FERRARA, "sip", {"hosts": there}, tls={"peer_names": [FERRARA]})
            nobody = [f"{self.edge.address}:{addresses.port('edge')}"]
            verona = System("verona", VERONA, "xmpp", {"link": link, "hosts": nobody}, secret=SECRET)
            mantua = System("mantua", MANTUA, "sip", {"hosts": nobody}, tls={"peer_names": [MANTUA]})
            self.edge.configure([xmpp, verona], [sip, mantua, ferrara], presence=presence)
        elif link == "component":
            self.edge.configure([xmpp], [sip], presence=presence)
        else:
            self.edge.configure([sip], [xmpp], presence=presence)
        stack.enter_context(self.edge)
        self.start_edge()

    def start_edge(self) -> None:
        self.edge.start()
        self.edge.is_connected("capulet", *self._components)

    def start_server(self) -> Prosody | Ejabberd:
        accounts = dict.fromkeys(self._names, "pencil")
        return self.server.start(accounts=accounts, components=self._components, dns=self._dns)

    def start_kamailio(self) -> Kamailio:
        self.kamailio.start(gateway=self.edge.sip_address)
        self.kamailio.resolves(NAME, self.edge.address)
        return self.kamailio

    def xmpp_user(self, name: str, resource: str = "balcony") -> XmppUser:
        return XmppUser(f"{name}@{CAPULET}/{resource}", "pencil", self.server.address, self.server.c2s)

    def sip_user(self, name: str, domain: str = MONTAGUE) -> SipUser:
        edge = self.strict if domain == FERRARA else self.kamailio
        return SipUser(f"sip:{name}@{domain}", self.addresses.of("users"), (edge.address, edge.local))
