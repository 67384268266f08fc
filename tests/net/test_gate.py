"""A link hears of its handshake when the verdict can be given, and loses nothing that came meanwhile."""

from contextlib import suppress
from pathlib import Path

import pytest
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress, IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from edge.certificates.contexts import Contexts
from edge.certificates.handshake import Handshake
from edge.certificates.identity import parse
from edge.codes import Code
from edge.domains import Domain
from edge.net.gate import held
from edge.net.tls import ChunkwiseTLSFactory
from edge.partners import System
from tests.certificates.made import authority, dns, make
from tests.certificates.shaking import somebody

ROOT = authority("Root", number=1)
OURS = make(dns("edge.example"), issuer=ROOT, number=2)
THEIRS = make(dns("b.example"), issuer=ROOT, number=3)


@implementer(IHandshakeListener)
class Link(Protocol):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def handshakeCompleted(self) -> None:
        self.heard.append("shaken")

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def chunk_ended(self) -> None:
        if self.heard[-1:] != ["|"] and self.heard:
            self.heard.append("|")

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.heard.append("lost")


class Asked:
    """Whoever is asked about revocation; the answer comes when the test wants it, or need not be waited for."""

    def __init__(self) -> None:
        self.answer: Deferred[None] | None = Deferred()
        self.handshakes: list[Handshake] = []

    def fault(self, handshake: Handshake, policy: str) -> Code | None:
        return None

    def waiting(self, handshake: Handshake) -> "Deferred[None] | None":
        self.handshakes.append(handshake)
        return self.answer


class Links(Factory[Link]):
    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: IAddress | None) -> Link:
        return self._link


class Case:
    def __init__(self, folder: Path, asked: Asked | None) -> None:
        (folder / "ca.pem").write_bytes(ROOT.pem)
        ca = folder / "ca.pem"
        listed = System(name="b", inside=False, protocol="sip", domains=(Domain("b.example"),), ca=ca)
        contexts = Contexts(parse(OURS.pem, OURS.key_pem), ca, [listed])
        if asked is not None:
            contexts.consult(asked)
        self.link = Link()
        near = ChunkwiseTLSFactory(contexts.accepting(), False, Links(self.link), Clock()).buildProtocol(None)
        assert near is not None
        self.near, self.transport = near, StringTransport()
        near.makeConnection(self.transport)
        self.far = SSL.Connection(somebody([THEIRS]), None)
        self.far.set_connect_state()

    def shake(self, then: bytes = b"") -> None:
        """The far end shakes hands, and says ``then`` in the same breath."""
        for _ in range(4):
            try:
                self.far.do_handshake()
                if then:
                    self.far.send(then)
                    then = b""
            except SSL.WantReadError:
                pass
            self.carry()

    def say(self, text: bytes) -> None:
        self.far.send(text)
        self.carry()

    def carry(self) -> None:
        with suppress(SSL.WantReadError):
            self.near.dataReceived(self.far.bio_read(1 << 16))
        if said := self.transport.value():
            self.transport.clear()
            self.far.bio_write(said)

    @property
    def is_read(self) -> bool:
        return self.transport.producerState == "producing"


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_link_hears_nothing_until_the_answer_is_there_and_then_everything(asked: Asked, tmp_path: Path) -> None:
    case = Case(tmp_path, asked)
    case.shake(then=b"hello")
    assert (case.link.heard, case.is_read) == ([], False)
    assert [handshake.leaf for handshake in asked.handshakes] == [THEIRS.certificate]
    assert asked.answer is not None
    asked.answer.callback(None)
    assert (case.link.heard, case.is_read) == (["shaken", b"hello", "|"], True)
    case.say(b"again")
    assert case.link.heard == ["shaken", b"hello", "|", b"again", "|"]
    assert case.near.wrappedProtocol is case.link


def test_what_need_not_be_waited_for_is_not(asked: Asked, tmp_path: Path) -> None:
    asked.answer = None
    case = Case(tmp_path, asked)
    case.shake(then=b"hello")
    assert (case.link.heard, case.is_read) == (["shaken", b"hello", "|"], True)


def test_without_anybody_to_ask_there_is_no_gate(tmp_path: Path) -> None:
    case = Case(tmp_path, None)
    assert case.near.wrappedProtocol is case.link
    case.shake(then=b"hello")
    assert case.link.heard == ["shaken", b"hello", "|"]


def test_link_that_is_lost_meanwhile_hears_of_that_alone(asked: Asked, tmp_path: Path) -> None:
    case = Case(tmp_path, asked)
    case.shake()
    case.near.connectionLost(Failure(ConnectionLost()))
    assert asked.answer is not None
    asked.answer.callback(None)
    assert case.link.heard == ["lost"]


def test_held_goes_on_at_once_or_when_the_answer_comes(tmp_path: Path) -> None:
    case, done = Case(tmp_path, None), list[bool]()
    held(case.near, None, lambda: done.append(case.is_read))
    assert done == [True]
    answer: Deferred[None] = Deferred()
    held(case.near, answer, lambda: done.append(case.is_read))
    assert done == [True] and not case.is_read
    answer.callback(None)
    assert done == [True, False] and case.is_read
