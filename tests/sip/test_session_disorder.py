"""Whatever comes in whatever order, a session breaks no rule, raises only what a peer deserves, and ends once."""

from hypothesis import given
from hypothesis import strategies as st

from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.sip.message import response_bytes
from edge.sip.session import Session
from edge.sip.session_outputs import Answered, Ended, Output, Respond, SendAck
from edge.sip.session_tables import SessionState
from edge.sip.subscription import SendRequest
from edge.sip.transaction import ServerTransaction
from tests.sip.samples import GRUU, ROUTE, Rows, as_request, as_response, request
from tests.sip.strategies import MANY
from tests.sip.talk import MEDIA, OFFER, Talk, transaction_of

STATUSES = [100, 180, 200, 202, 302, 405, 408, 480, 481, 487, 491, 500, 503, 603]
METHODS = ["MESSAGE", "INFO", "BYE", "INVITE", "UPDATE", "OPTIONS", "PRACK", "REFER", "X"]
HEADERS: list[Rows] = [
    [], [("Contact", f"<{GRUU}>"), ("Record-Route", ROUTE), ("Allow", "UPDATE")], [("Contact", "<")],
    [("Contact", "<tel:1>")], [("Record-Route", "<sip:x")], [("Session-Expires", "90;refresher=uas")],
    [("Contact", f"<{GRUU}>"), ("Session-Expires", "90;refresher=uac"), ("Supported", "timer")],
    [("Content-Type", "application/sdp")], [("Content-Type", "/"), ("Session-Expires", ";")],
]
INDEX = st.integers(0, 7)
TAGS = st.sampled_from(["romeo1", "romeo1", "romeo1", "romeo2"])

STEPS = st.one_of(
    st.tuples(st.just("answer"), INDEX, st.sampled_from(STATUSES), st.sampled_from(HEADERS), TAGS),
    st.tuples(st.just("failed"), INDEX, st.sampled_from([408, 503])),
    st.tuples(
        st.just("request"), st.sampled_from(METHODS), st.integers(0, 9), st.sampled_from(HEADERS),
        st.sampled_from([b"", OFFER, MEDIA, b"x"]), TAGS,
    ),
    st.tuples(st.just("acked"), INDEX),
    st.tuples(st.just("cancelled"), INDEX),
    st.tuples(st.just("expire"), st.sampled_from([0.0, 1.0, 40.0, 1000.0])),
    st.tuples(st.sampled_from(["accept", "decline", "send", "bye"])),
)


class World:
    """A session, and all that was ever sent and fed."""

    def __init__(self, session: Session, fed: list[ServerTransaction]) -> None:
        self.session = session
        self.now = 5000.0
        self.fed = fed
        self.sent: list[SendRequest] = []
        self.open: set[object] = set()
        self.is_over = False
        self.numbers: list[int] = []

    def feed(self, step: tuple[object, ...]) -> list[Output]:
        session, now = self.session, self.now
        match step:
            case ("answer", int(index), int(status), headers, str(tag)) if self.sent:
                data = self.sent[index % len(self.sent)].data
                answer = response_bytes(as_request(data), status, to_tag=tag, headers=headers)  # type: ignore[arg-type]
                return session.answered(as_response(answer), now)
            case ("failed", int(index), int(status)) if self.sent:
                return session.failed(self.sent[index % len(self.sent)].branch, status, now)
            case ("request", str(method), int(number), headers, bytes(body), str(tag)):
                call_id, ours = session.key
                self.fed.append(transaction_of(request(
                    method, from_=f"<sip:romeo@sip.example>;tag={tag}", to=f"<sip:juliet@xmpp.example>;tag={ours}",
                    call_id=call_id, cseq=f"{number} {method}", headers=headers, body=body,  # type: ignore[arg-type]
                )))
                outputs = session.requested(self.fed[-1], now)
                assert outputs
                return outputs
            case ("acked", int(index)) if self.fed:
                return session.acked(self.fed[index % len(self.fed)], now)
            case ("cancelled", int(index)) if self.fed:
                return session.cancelled(self.fed[index % len(self.fed)], now)
            case ("expire", float(seconds)):
                self.now += seconds
                return session.expire(self.now)
            case ("accept",) if session.state in (SessionState.OFFERED, SessionState.TERMINATED):
                return session.accept(now)
            case ("decline",) if session.state in (SessionState.OFFERED, SessionState.TERMINATED):
                return session.decline(480, now)
            case ("send",) if session.can_send:
                return session.send("MESSAGE", object(), now, (), b"Hello")
            case ("bye",):
                return session.bye(now)
        return []

    def take(self, outputs: list[Output]) -> None:
        """What must be true of whatever a session does."""
        for place, output in enumerate(outputs):
            if isinstance(output, Ended):
                assert not self.is_over, "it ends once"
                assert place == len(outputs) - 1, "nothing comes behind the end"
            elif self.is_over:
                assert isinstance(output, Respond | Answered), "nothing is sent after the end"
                assert not isinstance(output, Respond) or output.status in (200, 400, 481, 488, 500)
            elif isinstance(output, SendRequest):
                sent = as_request(output.data)
                assert sent.branch not in [each.branch for each in self.sent]
                self.sent.append(output)
                if sent.to.tag in ("", self.session.dialog.remote_tag):
                    self.numbers.append(sent.cseq.number)
            elif isinstance(output, SendAck):
                assert as_request(output.data).cseq.number in [as_request(each.data).cseq.number for each in self.sent]
        assert self.numbers == sorted(set(self.numbers)), "numbers rise"
        self.is_over = self.is_over or any(isinstance(output, Ended) for output in outputs)
        assert self.is_over == (self.session.state is SessionState.TERMINATED)
        if self.is_over:
            assert self.session.invitation is None and not self.session.can_send


@MANY
@given(st.booleans(), st.booleans(), st.lists(STEPS, max_size=40))
def test_whatever_comes_the_session_keeps_the_rules(
    is_caller: bool, is_open: bool, steps: list[tuple[object, ...]]
) -> None:
    talk = Talk.calling() if is_caller else Talk.called([("Session-Expires", "90;refresher=uas")])
    world = World(talk.session, [] if talk.last is None else [talk.last])
    world.take(list(talk.requests))
    if is_open and is_caller:
        steps = [("answer", 0, 200, HEADERS[1], "romeo1"), *steps]
    elif is_open:
        steps = [("accept",), ("acked", 0), *steps]
    for step in steps:
        try:
            world.take(world.feed(step))
        except RemoteProtocolError:
            assert step[0] == "request", "only a request can be refused"
        except LocalProtocolError as error:
            raise AssertionError(f"{step}: {error}") from error
