"""People at Microsoft clients and at a real XMPP server, and the gateway between them; new ones for each test."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest

from demo.authority import Authority
from tests.interop.edge import NAME, Edge, Keys, System
from tests.interop.lync import LyncEdge
from tests.interop.lync_user import WITHIN, LyncUser
from tests.interop.process import Addresses, half_closed, wait_until
from tests.interop.prosody import Prosody
from tests.interop.xmpp_user import Element, XmppUser

CAPULET, CONTOSO = "capulet.example", "contoso.example"
SECRET = "a secret"
COUPLES = 80  # at most
STATES = "http://jabber.org/protocol/chatstates"
ACTIVE = f"<active xmlns='{STATES}'/>"


class Contoso:
    """A Microsoft edge as a partner, and the XMPP server of the house."""

    def __init__(
        self,
        stack: ExitStack,
        folders: pytest.TempPathFactory,
        authority: Authority,
        addresses: Addresses,
        im_mode: str = "session",
        sip: Keys | None = None,
        build: type[Edge] = Edge,
    ) -> None:
        self._numbers = count()
        name = f"sip.{CONTOSO}"
        issued = authority.issue("", dns=[name], key="rsa", eku=["server"])
        port = addresses.port("lync")
        self.lync = LyncEdge(folders.mktemp("lync"), addresses.of("lync"), port, name, issued, authority.pem)
        self.edge = build(folders.mktemp("edge"), addresses, authority, [CAPULET, CONTOSO])
        self.lync.knows(NAME, (self.edge.address, self.edge.sip))
        issued = authority.issue("", dns=[CAPULET])
        self.prosody = Prosody(folders.mktemp("prosody"), addresses, CAPULET, issued, authority.pem)
        accounts = {f"juliet{number}": "pencil" for number in range(COUPLES)}
        stack.enter_context(self.prosody.start(accounts=accounts, components={CONTOSO: SECRET}))
        link = {"link": "component", "hosts": [f"{self.prosody.address}:{self.prosody.component}"]}
        there = {"hosts": [f"{self.lync.address}:{port}"], "im_mode": im_mode}
        self.edge.configure(
            [System("capulet", CAPULET, "xmpp", link, secret=SECRET)],
            [System("contoso", CONTOSO, "sip", there, tls={"peer_names": [name]})],
            presence={"pace_seconds": 0.1},
            sip=sip,
        )
        stack.enter_context(self.lync.start())
        stack.enter_context(self.edge)
        self.start_edge()

    def start_edge(self) -> None:
        self.edge.start()
        self.edge.is_connected("capulet", CONTOSO)

    @contextmanager
    def strict(self) -> Iterator[None]:
        """What the gateway does wrong meanwhile is an error."""
        faults = self.lync.faults
        faults.clear()
        yield
        self.lync.latency = 0.0
        found = list(faults)
        faults.clear()
        assert not found, "\n\n".join(found)

    def couple(self) -> "Couple":
        return Couple(self, next(self._numbers))


class Client(XmppUser):
    """One who looks at what came in more ways than others do."""

    def texts(self) -> list[str]:
        """What others have said and nobody has waited for."""
        found = [(each.get("type"), each.findtext("{*}body", "")) for each in self._messages()]
        return [body for kind, body in found if body and kind != "error"]

    def given_back(self) -> list[str]:
        """The ids of messages that did not arrive."""
        return [each.get("id", "") for each in self._messages() if each.get("type") == "error"]

    def states(self) -> list[str]:
        """What others were doing, in the words of XEP-0085."""
        return [child.tag.rpartition("}")[2] for each in self._messages() for child in each if STATES in child.tag]

    def _messages(self) -> list[Element]:
        with self._changed:
            return [each for each in self._received if each.tag.endswith("}message")]


class Couple:
    """Alice, Juliet, and what each of them calls the other."""

    def __init__(self, contoso: Contoso, number: int) -> None:
        self.lync = contoso.lync
        self.alice: LyncUser = contoso.lync.user(f"alice{number}")
        prosody = contoso.prosody
        self.juliet = Client(f"juliet{number}@{CAPULET}/balcony", "pencil", prosody.address, prosody.c2s)
        self.for_alice = f"sip:juliet{number}@{CAPULET}"
        self.for_juliet = f"alice{number}@{CONTOSO}"
        self.edge, self.start_edge = contoso.edge, contoso.start_edge

    def lync_restarts(self) -> None:
        """And the gateway has seen it."""
        self.lync.restart()
        wait_until(lambda: not half_closed({self.lync.address}), "the gateway has closed its ends", WITHIN)

    def juliet_writes(self, *texts: str, more: str = "") -> None:
        for text in texts:
            self.juliet.message(self.for_juliet, text, id=text[:40], more=more)

    def juliet_reads(self, *texts: str, seconds: float = WITHIN) -> None:
        """These are all that has come since the last time."""
        try:
            wait_until(lambda: len(self.juliet.texts()) >= len(texts), "", seconds)
        finally:
            assert self.juliet.texts() == list(texts)
        for text in texts:
            self.juliet.expect("message", body=text, from_=self.for_juliet)

    def juliet_reads_no_more(self) -> None:
        assert self.juliet.texts() == []

    def juliet_sees(self, *states: str) -> None:
        """The last state that came is one of these."""
        wait_until(lambda: self.juliet.states()[-1:] in [[each] for each in states], f"{states}", WITHIN)

    def meet(self) -> None:
        """A session that Alice has opened, in which both have spoken."""
        self.alice.write(self.for_alice, "hello")
        self.juliet_reads("hello")
        self.alice.has_delivered(self.for_alice, "hello")
        self.juliet_writes("hello yourself", more=ACTIVE)
        self.alice.reads(self.for_alice, "hello yourself")
