"""Two user agents back to back, transaction layers included: sessions of text from the first INVITE to the last BYE."""

from collections import deque

import pytest

from edge.sip.layer import Acked, Answer, Cancelled, Deliver, Failed, Send, TransactionLayer
from edge.sip.message import Request, Response
from edge.sip.session import Session
from edge.sip.session_outputs import Answered, Arrived, Cancel, Cause, Ended, Opened, Output, Repeat, Respond, SendAck
from edge.sip.subscription import Rearm, SendRequest, UserAgent, usage_key
from edge.sip.transaction import ServerTransaction
from edge.timers import Slot, Wheel
from tests.sip.samples import JULIET, ROMEO, Rows, counted_ids, parsed

TYPES = ("text/plain",)


class Agent:
    """A transaction layer with sessions above it, and a wire to its peer."""

    def __init__(self, name: str) -> None:
        self.wheel: Wheel[object] = Wheel(1000.0)
        ids = counted_ids()
        self.layer = TransactionLayer(self.wheel, ids)
        self.agent = UserAgent(f"{name}.example:5061", f"<sip:{name}.example:5061;transport=tls>", ids)
        self.sessions: dict[tuple[str, str], Session] = {}
        self.slots: dict[Session, Slot[object]] = {}
        self.wire: deque[bytes] = deque()
        self.told: list[Output] = []
        self.is_slow = False  # its user does not answer INVITEs

    def perform(self, session: Session, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case SendRequest(method, branch, call_id, data):
                    invite = data if method == "INVITE" else b""
                    self.layer.open_client(method, branch, session, call_id=call_id, invite=invite)
                    self.wire.append(data)
                case SendAck(data):
                    self.wire.append(data)
                case Cancel(branch):
                    self.write(self.layer.cancel(branch))
                case Repeat(transaction):
                    self.write(self.layer.repeat(transaction))
                case Respond(transaction, status, headers, body):
                    self.write(self.layer.respond(transaction, status, headers=headers, body=body))
                case Rearm(seconds):
                    self.stop(session)
                    self.slots[session] = self.wheel.start(seconds, session)
                case _:
                    self.told.append(output)
                    if isinstance(output, Arrived):
                        self.write(self.layer.respond(output.transaction, 200))
                    if isinstance(output, Ended):
                        self.stop(session)
                        del self.sessions[session.key]

    def write(self, outputs: object) -> None:
        assert isinstance(outputs, list)
        for send in outputs:
            assert isinstance(send, Send)
            self.wire.append(send.data)

    def stop(self, session: Session) -> None:
        if session in self.slots:
            Wheel.stop(self.slots.pop(session), session)

    def call(self, headers: Rows = ()) -> Session:
        session = Session.call(self.agent, JULIET, ROMEO, TYPES)
        self.sessions[session.key] = session
        self.perform(session, session.invite(self.wheel.now, headers))
        return session

    def receive(self, message: Request | Response) -> None:
        now = self.wheel.now
        if isinstance(message, Response):
            outputs = self.layer.receive_response(message)
        else:
            outputs = self.layer.receive_request("link", message)
        for output in outputs:
            if isinstance(output, Send):
                self.wire.append(output.data)
            elif isinstance(output, Deliver):
                self.deliver(output.transaction)
            else:
                session = output.transaction.user
                assert isinstance(session, Session)
                if isinstance(output, Answer):
                    self.perform(session, session.answered(output.response, now))
                elif isinstance(output, Acked):
                    self.perform(session, session.acked(output.transaction, now))
                elif isinstance(output, Cancelled):
                    self.perform(session, session.cancelled(output.transaction, now))

    def deliver(self, transaction: ServerTransaction) -> None:
        request, now = transaction.request, self.wheel.now
        session = self.sessions.get(usage_key(request))
        if session is not None:
            transaction.user = session
            self.perform(session, session.requested(transaction, now))
        elif request.method == "INVITE":
            session = Session.incoming(self.agent, transaction, TYPES)
            transaction.user = session
            self.sessions[session.key] = session
            if not self.is_slow:
                self.perform(session, session.accept(now))
        else:
            self.write(self.layer.respond(transaction, 481))

    def advance(self, now: float) -> None:
        for item in self.wheel.advance(now):
            if isinstance(item, Session):
                self.perform(item, item.expire(now))
                continue
            for output in self.layer.expire(item):
                assert isinstance(output, Failed)
                session = output.transaction.user
                assert isinstance(session, Session)
                self.perform(session, session.failed(output.transaction.key, output.status, now))

    def send(self, session: Session, text: str) -> None:
        outputs = session.send("MESSAGE", text, self.wheel.now, [("Content-Type", "text/plain")], text.encode())
        self.perform(session, outputs)

    def bye(self, session: Session) -> None:
        self.perform(session, session.bye(self.wheel.now))

    @property
    def session(self) -> Session:
        (session,) = self.sessions.values()
        return session

    def hear(self) -> list[object]:
        """What its user was told since the last time, in short."""
        told, self.told = self.told, []
        short: list[object] = []
        for output in told:
            if isinstance(output, Arrived):
                short.append(output.transaction.request.body.decode())
            elif isinstance(output, Answered):
                short.append((output.token, output.status))
            else:
                short.append(output.cause if isinstance(output, Ended) else type(output))
        return short


class Line:
    """Juliet's agent calls Romeo's."""

    def __init__(self) -> None:
        self.juliet, self.romeo = Agent("capulet"), Agent("montague")
        self.carried: list[str] = []
        self.lost: set[str] = set()  # start lines with one of these words do not arrive

    def talk(self) -> None:
        """Carry what is on the wires until they are empty."""
        while self.juliet.wire or self.romeo.wire:
            for sender, receiver in ((self.juliet, self.romeo), (self.romeo, self.juliet)):
                if sender.wire:
                    data = sender.wire.popleft()
                    words = data.split(b"\r\n")[0].decode().split(" ")
                    word = words[1] if words[0] == "SIP/2.0" else words[0]
                    self.carried.append(word)
                    if word not in self.lost:
                        receiver.receive(parsed(data))

    def passes(self, seconds: float) -> None:
        now = self.juliet.wheel.now
        for step in range(1, int(seconds * 4) + 1):
            self.juliet.advance(now + step / 4)
            self.romeo.advance(now + step / 4)
            self.talk()

    def carries(self) -> list[str]:
        """What went over the wires since the last time."""
        carried, self.carried = self.carried, []
        return carried


@pytest.fixture
def line() -> Line:
    return Line()


def opened(line: Line) -> Line:
    line.juliet.call()
    line.talk()
    assert (line.juliet.hear(), line.romeo.hear()) == ([Opened], [Opened])
    assert line.carries() == ["INVITE", "100", "200", "ACK"]
    return line


def is_clean(line: Line) -> bool:
    """Nothing is left when the last transaction is over."""
    line.passes(40)
    sides = (line.juliet, line.romeo)
    return not any(side.sessions or side.layer.clients or side.layer.servers or len(side.wheel) for side in sides)


def test_session_is_opened_used_both_ways_and_ended(line: Line) -> None:
    opened(line)
    line.juliet.send(line.juliet.session, "Art thou not Romeo?")
    line.romeo.send(line.romeo.session, "Neither, fair saint.")
    line.talk()
    assert line.juliet.hear() == ["Neither, fair saint.", ("Art thou not Romeo?", 200)]
    assert line.romeo.hear() == ["Art thou not Romeo?", ("Neither, fair saint.", 200)]
    line.romeo.bye(line.romeo.session)
    line.talk()
    assert (line.juliet.hear(), line.romeo.hear()) == ([Cause.BYE], [Cause.LEFT])
    assert line.carries() == ["MESSAGE", "MESSAGE", "200", "200", "BYE", "200"]
    assert is_clean(line)


def test_invitation_that_nobody_answers_is_cancelled(line: Line) -> None:
    line.romeo.is_slow = True
    line.juliet.call()
    line.passes(61)
    assert (line.juliet.hear(), line.romeo.hear()) == ([Cause.UNANSWERED], [Cause.CANCELLED])
    assert line.carries() == ["INVITE", "100", "CANCEL", "200", "487", "ACK"]
    assert is_clean(line)


def test_acceptance_that_crosses_the_cancel_is_followed_by_bye(line: Line) -> None:
    line.romeo.is_slow = True
    session = line.juliet.call()
    line.talk()
    line.juliet.bye(session)
    line.romeo.perform(line.romeo.session, line.romeo.session.accept(line.romeo.wheel.now))
    line.talk()
    assert (line.juliet.hear(), line.romeo.hear()) == ([Cause.CANCELLED], [Opened, Cause.BYE])
    assert line.carries() == ["INVITE", "100", "CANCEL", "200", "ACK", "200", "BYE", "200"]
    assert is_clean(line)


def test_cancel_has_what_the_invite_had(line: Line) -> None:
    """RFC 3261 §9.1."""
    session = line.juliet.call()
    invite = parsed(line.juliet.wire[0])
    line.lost = {"200", "487", "CANCEL"}
    line.romeo.is_slow = True
    line.talk()
    line.juliet.bye(session)
    cancel = parsed(line.juliet.wire[0])
    assert isinstance(cancel, Request) and isinstance(invite, Request)
    assert (cancel.method, cancel.uri, cancel.vias) == ("CANCEL", invite.uri, invite.vias)
    assert (cancel.from_, cancel.to, cancel.call_id) == (invite.from_, invite.to, invite.call_id)
    assert (str(cancel.cseq), cancel.body, cancel.contact) == ("1 CANCEL", b"", None)
    line.passes(34)
    assert line.juliet.hear() == [Cause.CANCELLED]
    assert line.juliet.layer.clients == 0


def test_nobody_can_be_cancelled_before_he_answers_or_after(line: Line) -> None:
    session = line.juliet.call()
    assert line.juliet.layer.cancel(session.control) == line.juliet.layer.cancel("unknown") == []
    branch = session.control
    line.talk()
    assert line.juliet.layer.cancel(branch) == []


def test_nothing_is_repeated_but_an_acceptance(line: Line) -> None:
    line.romeo.is_slow = True
    line.juliet.call()
    line.talk()
    invitation = line.romeo.session.invitation
    assert invitation is not None and line.romeo.layer.repeat(invitation) == []
    line.romeo.layer.respond(invitation, 486)
    assert line.romeo.layer.repeat(invitation) == []


def test_acceptance_is_repeated_and_acknowledged_until_the_ack_arrives(line: Line) -> None:
    """RFC 3261 §13.3.1.4."""
    line.lost = {"ACK"}
    line.juliet.call()
    line.passes(5)
    assert (line.juliet.hear(), line.romeo.hear()) == ([Opened], [])
    line.lost = set()
    line.passes(5)
    assert line.romeo.hear() == [Opened]
    assert line.carries() == ["INVITE", "100", *["200", "ACK"] * 5]


def test_session_without_ack_is_ended_by_bye(line: Line) -> None:
    line.lost = {"ACK"}
    line.juliet.call()
    line.passes(34)
    assert (line.juliet.hear(), line.romeo.hear()) == ([Opened, Cause.BYE], [Cause.UNACKED])
    assert is_clean(line)


def test_dialog_that_the_peer_has_lost_is_gone(line: Line) -> None:
    opened(line)
    line.lost = {"BYE"}
    line.romeo.bye(line.romeo.session)
    line.passes(33)
    line.juliet.send(line.juliet.session, "Wherefore art thou?")
    line.talk()
    assert line.juliet.hear() == [("Wherefore art thou?", 481), Cause.GONE]
    assert is_clean(line)


def test_lost_link_fails_the_message_but_not_the_session(line: Line) -> None:
    opened(line)
    line.juliet.send(line.juliet.session, "one")
    (transaction,) = (each for each in line.juliet.layer._clients.values() if each.method == "MESSAGE")
    transaction.link = "broken"
    for failed in line.juliet.layer.link_lost("broken"):
        assert isinstance(failed, Failed)
        session = line.juliet.session
        line.juliet.perform(session, session.failed(failed.transaction.key, failed.status, 1000.0))
    assert line.juliet.hear() == [("one", 503)]
    line.juliet.wire.clear()
    line.juliet.send(line.juliet.session, "one again")
    line.talk()
    assert line.juliet.hear() == [("one again", 200)]


@pytest.mark.parametrize(
    ("takes_update", "carried"), [(True, ["UPDATE", "200"]), (False, ["INVITE", "100", "200", "ACK"])]
)
def test_session_is_refreshed(line: Line, takes_update: bool, carried: list[str]) -> None:
    """RFC 4028 §7.4, §9."""
    session = line.juliet.call([("Session-Expires", "90;refresher=uac"), ("Supported", "timer")])
    line.talk()
    session.takes_update = takes_update
    line.carries()
    line.passes(46)
    assert line.carries() == carried
    line.romeo.send(line.romeo.session, "still here")
    line.talk()
    assert line.juliet.hear() == [Opened, "still here"]
    line.passes(90)
    assert session.can_send
    line.lost = {carried[0]}
    line.passes(90)
    assert (line.juliet.hear()[-1], line.romeo.hear()[-1]) == (Cause.EXPIRED, Cause.EXPIRED)
