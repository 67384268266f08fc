"""One SIP link by itself, with a clock that is moved by hand."""

import pytest
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from edge.certificates.contexts import Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.net import pending, sip_link
from edge.net.links import Cause, DialError
from edge.net.sip_link import NOBODY, SipLink
from edge.net.sip_rounds import Rounds
from edge.net.turn import Turn
from edge.partners import Peer
from edge.sip.framing import Framer
from edge.sip.message import Request, Response
from tests.net.loopback import Recorder, request, response

NAMES = frozenset([Domain("lync.example")])
PROVED = Peer("sip", NAMES, frozenset(["lync"]))
STRANGER = Peer("sip", NAMES, frozenset(), Code.C01)


class Address:
    host = "192.0.2.1"
    port = 5061


class Transport:
    """A TLS connection without a socket."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.producer: object = None
        self.closing = ""

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def loseConnection(self) -> None:
        assert self.producer is None, "TLS is not shut down while a producer is registered"
        self.closing = self.closing or "closed"

    def abortConnection(self) -> None:
        self.closing = "aborted"

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def getPeer(self) -> Address:
        return Address()

    def getHandle(self) -> SSL.Connection:
        return SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)


class Bench:
    """A link, its transport, and the owner that judges its peer."""

    def __init__(self, peer: Peer = PROVED, outbound: bool = False) -> None:
        self.clock = Clock()
        self.sink = Recorder()
        self.turn = Turn(self.clock)
        self.transport = Transport()
        self.left: list[Cause] = []
        self.lost: list[SipLink] = []
        self.asked: list[str] = []
        self.busy = 0
        self.outcome: list[object] = []
        self._peer = peer
        ready: Deferred[SipLink] | None = None
        if outbound:
            ready = Deferred()
            ready.addBoth(self.outcome.append)
        self.rounds = Rounds(self.clock, self.turn)
        self.link = SipLink(self.clock, self, self.sink, self.turn, ready)
        self.link.makeConnection(self.transport)

    def prove(self, link: SipLink, handshake: Handshake) -> Peer:
        return self._peer

    def framer(self, link: SipLink) -> Framer:
        return Framer(max_body=1000, name="edge.example")

    def link_leaves(self, link: SipLink, cause: Cause) -> None:
        self.left.append(cause)

    def link_up(self, link: SipLink) -> None:
        self.rounds.add(link)

    def link_asked(self, link: SipLink, request: Request) -> None:
        self.asked.append(request.call_id)

    def link_busy(self, link: SipLink) -> None:
        self.busy += 1

    def link_lost(self, link: SipLink) -> None:
        self.lost.append(link)
        self.rounds.discard(link)

    def up(self) -> "Bench":
        self.link.handshakeCompleted()
        return self

    def hear(self, *records: bytes) -> None:
        """One read from the socket."""
        for record in records:
            self.link.dataReceived(record)
        self.link.chunk_ended()

    def lose(self, reason: Exception | None = None) -> None:
        self.link.connectionLost(Failure(reason or ConnectionDone()))


def test_messages_of_one_read_are_one_call() -> None:
    bench = Bench().up()
    bench.hear(request(1) + request(2)[:50], request(2)[50:], request(3) + request(4)[:10])
    assert [[each.call_id for each in messages] for _, messages in bench.sink.received] == [["1", "2", "3"]]
    bench.hear(request(4)[10:])
    assert [each.call_id for each in bench.sink.received[1][1]] == ["4"]


def test_answers_to_one_read_are_one_write() -> None:
    bench = Bench().up()
    bench.sink.answer = lambda link, message: link.write(response(message.cseq.number))
    bench.hear(request(1) + request(2), request(3))
    assert bench.transport.writes == [response(1) + response(2) + response(3)]
    assert bench.sink.received[0][0] is bench.link
    assert (bench.link.progress, bench.link.written) == (3, 3)


def test_ping_is_answered_and_kept_from_the_driver() -> None:
    bench = Bench().up()
    bench.hear(b"\r\n\r\n")
    assert bench.transport.writes == [b"\r\n"]
    assert bench.sink.received == []
    assert bench.link.progress == 0, "it is no message"


def test_garbled_message_is_answered_and_others_go_on() -> None:
    bench = Bench().up()
    bad = request(1).replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 1)
    bench.hear(bad + request(2))
    assert bench.transport.writes[0].startswith(b"SIP/2.0 505 ")
    assert [each.call_id for each in bench.sink.received[0][1]] == ["2"]
    assert bench.sink.codes("sip.garbled") == [Code.S01]
    assert bench.transport.closing == ""


def test_link_is_closed_when_the_end_of_a_message_cannot_be_found() -> None:
    bench = Bench().up()
    bench.sink.answer = lambda link, message: link.write(response(message.cseq.number))
    bench.hear(request(1) + request(2).replace(b"Content-Length: 0\r\n", b"") + request(3))
    (written,) = bench.transport.writes
    assert b"SIP/2.0 400 " in written and response(1) in written
    assert bench.transport.closing == "closed"
    bench.hear(request(4))
    bench.link.write(response(4))
    bench.turn.flush()
    assert (len(bench.sink.received), len(bench.transport.writes)) == (1, 1)


def test_body_over_the_limit_of_the_partner_is_refused() -> None:
    bench = Bench().up()
    bench.hear(request(1, body=bytes(1001)))
    assert bench.transport.writes[0].startswith(b"SIP/2.0 513 ")
    assert bench.sink.received == []


def test_peer_is_nobody_before_the_handshake() -> None:
    bench = Bench()
    assert (bench.link.peer, bench.link.alive, bench.link.address, bench.link.port) == (
        NOBODY, False, "192.0.2.1", 5061
    )
    bench.link.write(b"x")
    bench.turn.flush()
    assert bench.transport.writes == []


def test_handshake_has_a_deadline() -> None:
    bench = Bench()
    bench.clock.advance(sip_link.HANDSHAKE)
    assert bench.transport.closing == "aborted"
    bench.lose(ConnectionLost())
    assert [cause.code for cause in bench.left] == [Code.L04]
    assert bench.sink.codes("link.refused") == [Code.L04]
    assert bench.sink.lost == []


def test_deadline_of_the_handshake_is_off_once_it_is_done() -> None:
    bench = Bench().up()
    bench.clock.advance(sip_link.HANDSHAKE * 10)
    assert bench.transport.closing == ""


def test_dialled_link_is_ready_when_its_peer_is_proved() -> None:
    bench = Bench(outbound=True)
    assert bench.outcome == []
    bench.up()
    assert bench.outcome == [bench.link]


def test_dialled_link_fails_at_once_when_its_peer_is_another() -> None:
    bench = Bench(STRANGER, outbound=True).up()
    (failure,) = bench.outcome
    assert isinstance(failure, Failure)
    assert isinstance(failure.value, DialError)
    assert failure.value.code is Code.C01
    assert bench.transport.closing == "closed"
    bench.lose()
    assert bench.sink.codes("link.refused") == [Code.C01]
    assert bench.sink.event("link.up") is None


def test_dialled_link_fails_with_what_ended_its_handshake() -> None:
    bench = Bench(outbound=True)
    bench.lose(SSL.Error([("SSL routines", "", "tlsv1 alert unknown ca")]))
    (failure,) = bench.outcome
    assert isinstance(failure, Failure)
    assert isinstance(failure.value, DialError)
    assert failure.value.code is Code.T05


def test_stranger_is_answered_a_few_times_and_closed() -> None:
    bench = Bench(STRANGER).up()
    for number in range(sip_link.REFUSALS + 3):
        bench.hear(request(number))
    assert len(bench.sink.received) == sip_link.REFUSALS
    assert bench.transport.closing == "closed"


def test_stranger_is_closed_in_time() -> None:
    bench = Bench(STRANGER).up()
    bench.clock.advance(sip_link.UNPROVED)
    assert bench.transport.closing == "closed"


def test_close_does_not_wait_for_ever() -> None:
    bench = Bench().up()
    bench.link.close()
    assert bench.transport.closing == "closed"
    bench.clock.advance(sip_link.HANDSHAKE)
    assert bench.transport.closing == "aborted"


def test_close_writes_what_has_gathered() -> None:
    bench = Bench().up()
    bench.link.write(response(1))
    bench.link.close()
    assert bench.transport.writes == [response(1)]


def test_link_says_that_it_leaves_before_it_is_lost() -> None:
    bench = Bench().up()
    bench.link.close(Cause(Code.S01, "enough"))
    assert (bench.left, bench.lost) == ([(Code.S01, "enough")], [])
    bench.lose()
    assert (bench.left, bench.lost) == ([(Code.S01, "enough")], [bench.link])


def test_link_has_worked_once_its_peer_has_said_something() -> None:
    bench = Bench().up()
    assert not bench.link.worked
    bench.hear(b"\r\n")
    assert bench.link.worked


def test_lost_link_leaves_no_timer() -> None:
    for bench in (Bench(), Bench().up(), Bench(STRANGER).up(), Bench(outbound=True).up()):
        bench.link.pauseProducing()
        bench.link.close()
        bench.lose()
        bench.turn.flush()
        assert bench.clock.getDelayedCalls() == []


def test_loss_is_reported_with_its_reason() -> None:
    bench = Bench().up()
    bench.lose(ConnectionLost())
    assert bench.sink.codes("link.down") == [Code.N03]
    assert bench.sink.lost == [bench.link]
    assert [cause.code for cause in bench.left] == [Code.N03]


def test_send_reports_the_token_and_responses_have_none() -> None:
    bench = Bench().up()
    bench.link.send(b"request", "token")
    bench.link.send(b"response", None)
    assert bench.sink.sent == [("token", bench.link)]


def test_writes_wait_for_a_peer_that_reads_slowly() -> None:
    bench = Bench().up()
    bench.link.pauseProducing()
    bench.link.write(b"one")
    bench.turn.flush()
    bench.link.write(b"two")
    bench.turn.flush()
    assert bench.transport.writes == []
    bench.link.resumeProducing()
    assert bench.transport.writes == [b"onetwo"]
    bench.clock.advance(sip_link.STALLED)
    assert bench.transport.closing == ""


def test_peer_that_stops_reading_is_given_up_in_time() -> None:
    bench = Bench().up()
    bench.link.pauseProducing()
    bench.clock.advance(sip_link.STALLED)
    assert bench.transport.closing == "aborted"


def test_peer_that_stops_reading_is_given_up_when_too_much_waits() -> None:
    bench = Bench().up()
    bench.link.pauseProducing()
    for _ in range(17):
        assert bench.transport.closing == ""
        bench.link.write(bytes(sip_link.WAITING_BYTES // 16))
    assert bench.transport.closing == "aborted"
    bench.lose(ConnectionLost())
    assert bench.sink.event("link.down")["text"] == "the peer does not read what it is sent"


def test_first_request_on_an_accepted_link_is_shown_to_the_pool() -> None:
    bench = Bench().up()
    bench.hear(response(1) + request(2) + request(3))
    bench.hear(request(4))
    assert bench.asked == ["2"]


def test_requests_of_strangers_and_on_our_own_links_are_not() -> None:
    for bench in (Bench(STRANGER).up(), Bench(outbound=True).up()):
        bench.hear(request(1))
        assert bench.asked == []


def test_link_is_busy_when_many_requests_wait_for_their_answers() -> None:
    bench = Bench(outbound=True).up()
    for number in range(pending.CROWD + 1):
        bench.link.send(request(number), number)
    bench.link.flush()
    assert bench.busy == 0, "it has only just been asked"
    bench.clock.advance(pending.SLOW)
    bench.link.send(request(1000), "one more")
    bench.link.flush()
    assert bench.busy == 1
    bench.hear(response(0))
    bench.link.send(request(1001), "again")
    bench.link.flush()
    assert bench.busy == 1, "a few that wait long are no crowd"


def test_link_is_busy_when_the_peer_does_not_read() -> None:
    bench = Bench(outbound=True).up()
    bench.link.pauseProducing()
    bench.link.write(request(1))
    bench.turn.flush()
    assert bench.busy == 0
    bench.clock.advance(pending.SLOW)
    bench.link.flush()
    assert bench.busy


@pytest.mark.parametrize("kind", [Request, Response])
def test_proved_peer_may_send_both(kind: type) -> None:
    bench = Bench().up()
    bench.hear(request(1) if kind is Request else response(1))
    (message,) = bench.sink.received[0][1]
    assert isinstance(message, kind)
