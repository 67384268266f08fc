"""A resolver's word counts if it gives it: asked with the AD bit, and believed for whole answers alone."""

from collections.abc import Callable
from typing import cast

import pytest
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime, ITCPTransport, IUDPTransport
from twisted.internet.protocol import DatagramProtocol, ServerFactory
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.trial.unittest import TestCase

from edge.net import secured
from edge.net.secured import Secured
from edge.partners import HostPort

NAME, TLSA = "_5269._tcp.xmpp.example", 52
RECORD = b"\3\1\1" + b"x" * 32


def record(name: bytes) -> dns.RRHeader:
    payload = dns.UnknownRecord(RECORD)
    return dns.RRHeader(name, TLSA, payload=payload)  # type: ignore[no-untyped-call]  # so Twisted has it


class Validator(DatagramProtocol):
    """Answers each question with one record, changed by the test, and keeps the questions."""

    def __init__(self, change: Callable[[dns.Message], None]) -> None:
        self.asked: list[dns.Message] = []
        self._change = change

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        asked = dns.Message()
        asked.fromStr(datagram)
        self.asked.append(asked)
        answer = dns.Message(asked.id, answer=1, authenticData=asked.authenticData)
        answer.queries = asked.queries
        answer.answers = [record(asked.queries[0].name.name)]
        self._change(answer)
        cast(IUDPTransport, self.transport).write(answer.toStr(), addr)


class ByTcp(ServerFactory):
    """The same by TCP, or something else."""

    def __init__(
        self,
        change: Callable[[dns.Message], None] = lambda answer: None,
        garbage: bytes = b"",
        close: bool = False,
        silent: bool = False,
    ) -> None:
        self.asked: list[dns.Message] = []
        self.change, self.garbage, self.close, self.silent = change, garbage, close, silent

    def buildProtocol(self, addr: object) -> "_Answering":
        return _Answering(self)


class _Answering(Int16StringReceiver):
    def __init__(self, server: ByTcp) -> None:
        self._server = server

    def stringReceived(self, string: bytes) -> None:
        asked, server = dns.Message(), self._server
        asked.fromStr(string)
        server.asked.append(asked)
        answer = dns.Message(asked.id, answer=1, authenticData=asked.authenticData)
        answer.maxSize = 65_535
        answer.answers = [record(asked.queries[0].name.name)]
        server.change(answer)
        if server.close:
            cast(ITCPTransport, self.transport).loseConnection()
        elif not server.silent:
            self.sendString(server.garbage or answer.toStr())  # type: ignore[no-untyped-call]  # so Twisted has it


class Asking(TestCase):
    timeout = 20

    def validator(self, change: Callable[[dns.Message], None] = lambda answer: None) -> tuple[Validator, Secured]:
        validator = Validator(change)
        return validator, self.asking(validator)

    def asking(self, server: DatagramProtocol, by_tcp: "ByTcp | None" = None) -> Secured:
        port = 0 if by_tcp is None else self.listen_by_tcp(by_tcp)
        try:
            listening = reactor.listenUDP(port, server, "127.0.0.1")  # type: ignore[attr-defined]  # every reactor has UDP
        except CannotListenError:  # that port is somebody else's
            return self.asking(server, by_tcp)
        self.addCleanup(listening.stopListening)
        return Secured(cast(IReactorTime, reactor), [HostPort("127.0.0.1", listening.getHost().port)])

    def listen_by_tcp(self, server: "ByTcp") -> int:
        listening = reactor.listenTCP(0, server, interface="127.0.0.1")  # type: ignore[attr-defined]  # as above
        self.addCleanup(listening.stopListening)
        return int(listening.getHost().port)

    def cut(self, by_tcp: "ByTcp | None" = None) -> tuple[Validator, Secured]:
        """One whose answers fit no datagram."""
        validator = Validator(lambda answer: setattr(answer, "trunc", 1))
        return validator, self.asking(validator, by_tcp)

    async def test_resolver_is_asked_for_its_word_and_for_large_answers(self) -> None:
        validator, asking = self.validator()
        (payload,) = await asking.ask(NAME, TLSA)
        assert payload.data == RECORD
        (asked,) = validator.asked
        (largest,) = asked.additional
        assert asked.authenticData and (largest.type, largest.cls) == (41, secured.DATAGRAM)

    async def test_large_answer_comes_whole(self) -> None:
        def many(answer: dns.Message) -> None:
            answer.answers *= 20
            answer.maxSize = secured.DATAGRAM

        _, asking = self.validator(many)
        assert len(await asking.ask(NAME, TLSA)) == 20

    async def test_answer_that_fits_no_datagram_is_asked_for_by_tcp(self) -> None:
        def many(answer: dns.Message) -> None:
            answer.answers *= 200

        whole = ByTcp(many)
        cut, asking = self.cut(whole)
        payloads = await asking.ask(NAME, TLSA)
        assert len(payloads) == 200 and {payload.data for payload in payloads} == {RECORD}
        assert len(cut.asked) == 1 and [asked.authenticData for asked in whole.asked] == [1]

    async def test_cut_answer_counts_for_nothing_if_there_is_no_other(self) -> None:
        unvouched = ByTcp(lambda answer: setattr(answer, "authenticData", 0))
        for server in (None, unvouched, ByTcp(garbage=b"x"), ByTcp(close=True)):
            _, asking = self.cut(server)
            assert await asking.ask(NAME, TLSA) == []

    async def test_resolver_that_is_silent_by_tcp_is_left_for_the_next(self) -> None:
        self.patch(secured, "TCP_SECONDS", 0.05)  # type: ignore[no-untyped-call]  # so Twisted has it
        silent = ByTcp(silent=True)
        _, asking = self.cut(silent)
        asking._servers *= 2
        assert await asking.ask(NAME, TLSA) == [] and len(silent.asked) == 2

    async def test_silent_resolver_vouches_for_nothing(self) -> None:
        self.patch(secured, "TRIES", (0.05,))  # type: ignore[no-untyped-call]  # so Twisted has it
        asking = self.asking(DatagramProtocol())
        assert await asking.ask(NAME, TLSA) == []


def answer(*, vouched: bool = True, cut: bool = False, code: int = dns.OK) -> dns.Message:
    made = dns.Message(1, answer=1, authenticData=vouched, trunc=cut, rCode=code)
    alias = dns.Record_CNAME(b"other.example")  # type: ignore[no-untyped-call]  # so Twisted has it
    named = dns.RRHeader(NAME.encode(), dns.CNAME, payload=alias)
    made.answers = [named, record(b"other.example")]
    return made


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (answer(), 1),
        (answer(vouched=False), 0),
        (answer(cut=True), 0),
        (answer(code=dns.ESERVER), 0),
        (answer(code=dns.ENAME), 0),
    ],
)
def test_only_whole_answers_count_that_are_vouched_for(given: dns.Message, counts: int) -> None:
    assert len(secured.vouched(given, TLSA)) == counts
