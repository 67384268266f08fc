"""One session of ours and the peer's side of its dialog, for the tests of sessions.

Juliet is ours, on XMPP; Romeo is behind a SIP partner with a Microsoft server.
"""

from edge.sip.message import Request, Response
from edge.sip.session import Session
from edge.sip.session_outputs import Ended, Output, Respond, SendAck
from edge.sip.subscription import Rearm, SendRequest, UserAgent
from edge.sip.transaction import InviteServer, NonInviteServer, ServerTransaction
from tests.sip.samples import GRUU, JULIET, ROMEO, ROUTE, Rows, answer, as_request, counted_ids, request

TYPES = ("text/plain",)
CONTACT = "<sip:edge.example.net:5061;transport=tls>"
OFFER = (
    b"v=0\r\no=- 0 0 IN IP4 10.1.1.5\r\ns=session\r\nc=IN IP4 10.1.1.5\r\nt=0 0\r\nm=message 5060 sip null\r\n"
    b"a=accept-types:text/plain multipart/alternative image/gif text/rtf text/html application/x-ms-ink "
    b"application/ms-imdn+xml text/x-msmsgsinvite \r\n"
)
MEDIA = b"v=0\r\no=- 0 0 IN IP4 10.1.1.5\r\ns=session\r\nc=IN IP4 10.1.1.5\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
SDP: Rows = (("Content-Type", "application/sdp"),)
ACCEPTANCE: Rows = (("Record-Route", ROUTE), ("Contact", f"<{GRUU}>"), *SDP)


def user_agent() -> UserAgent:
    return UserAgent("edge.example.net:5061", CONTACT, counted_ids())


def transaction_of(incoming: Request, to_tag: str = "") -> ServerTransaction:
    """What the transaction layer makes of a request."""
    state = InviteServer.PROCEEDING if incoming.method == "INVITE" else NonInviteServer.TRYING
    return ServerTransaction((), None, "link", incoming, to_tag, "", state)


def invitation(headers: Rows = (), body: bytes = OFFER, content: str = "application/sdp") -> ServerTransaction:
    """The INVITE of a Microsoft client."""
    rows = [("Record-Route", ROUTE), ("Contact", f"<{GRUU}>"), ("Supported", "timer"), ("Allow", "INVITE, UPDATE")]
    rows += [("Content-Type", content)] if content else []
    return transaction_of(request("INVITE", headers=[*rows, *headers], body=body), "juliet1")


class Talk:
    """A session, its peer and a clock."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now = 5000.0
        self.cseq = 1
        self.requests: list[SendRequest] = []
        self.acks: list[Request] = []
        self.seconds: float | None = None  # what the timer was last armed with
        self.last: ServerTransaction | None = None  # what was last fed

    @classmethod
    def calling(cls, headers: Rows = (), **other: float) -> "Talk":
        """Juliet's INVITE is sent."""
        talk = cls(Session.call(user_agent(), JULIET, ROMEO, TYPES, **other))
        assert talk.take(talk.session.invite(talk.now, headers)) == []
        return talk

    @classmethod
    def called(cls, headers: Rows = (), body: bytes = OFFER, **other: float) -> "Talk":
        """Romeo's INVITE has come."""
        incoming = invitation(headers, body)
        talk = cls(Session.incoming(user_agent(), incoming, TYPES, **other))
        talk.last = incoming
        return talk

    def opened(self) -> "Talk":
        """It goes well."""
        if self.session.is_caller:
            self.answer(200, ACCEPTANCE)
        else:
            self.accept()
            self.ack()
        assert self.session.can_send
        return self

    def take(self, outputs: list[Output]) -> list[Output]:
        """Perform what every user performs alike; return the rest."""
        assert not any(isinstance(output, Ended) for output in outputs[:-1])
        for output in outputs:
            if isinstance(output, SendRequest):
                self.requests.append(output)
            elif isinstance(output, SendAck):
                self.acks.append(as_request(output.data))
            elif isinstance(output, Rearm):
                self.seconds = output.seconds
        return [output for output in outputs if not isinstance(output, SendRequest | SendAck | Rearm)]

    @property
    def sent(self) -> Request:
        """What we sent last."""
        return as_request(self.requests[-1].data)

    def reply(self, status: int, headers: Rows = (), *, nth: int = -1, tag: str = "romeo1") -> Response:
        return answer(self.requests[nth].data, status, tag=tag, headers=headers)

    def answer(self, status: int = 200, headers: Rows = (), *, nth: int = -1, tag: str = "romeo1") -> list[Output]:
        """Romeo's side answers the last request, or another one."""
        return self.take(self.session.answered(self.reply(status, headers, nth=nth, tag=tag), self.now))

    def fail(self, status: int = 408, *, nth: int = -1) -> list[Output]:
        return self.take(self.session.failed(self.requests[nth].branch, status, self.now))

    def accept(self, headers: Rows = ()) -> list[Output]:
        return self.take(self.session.accept(self.now, headers))

    def ack(self) -> list[Output]:
        assert self.last is not None
        return self.take(self.session.acked(self.last, self.now))

    def incoming(
        self, method: str, headers: Rows = (), body: bytes = b"", *, cseq: int = 0, tag: str = "romeo1", to: str = ""
    ) -> ServerTransaction:
        """A request of Romeo's within the dialog."""
        self.cseq = cseq or self.cseq + 1
        call_id, ours = self.session.key
        sender = f"<{ROMEO}>;epid=01" + (f";tag={tag}" if tag else "")
        return transaction_of(
            request(
                method, from_=sender, to=f"<{JULIET}>;tag={to or ours}", call_id=call_id,
                cseq=f"{self.cseq} {method}", headers=headers, body=body,
            )
        )

    def say(self, method: str = "MESSAGE", headers: Rows = (), body: bytes = b"", **other: int | str) -> list[Output]:
        """Romeo's side sends a request within the dialog."""
        self.last = self.incoming(method, headers, body, **other)  # type: ignore[arg-type]
        return self.take(self.session.requested(self.last, self.now))

    def status(self, method: str = "MESSAGE", headers: Rows = (), body: bytes = b"", **other: int | str) -> int:
        """The same, and the status of the answer."""
        responded = self.say(method, headers, body, **other)[0]
        assert isinstance(responded, Respond)
        return responded.status

    def send(self, method: str = "MESSAGE", token: object = "one", body: bytes = b"Hello") -> list[Output]:
        headers = [("Content-Type", "text/plain;charset=UTF-8")]
        return self.take(self.session.send(method, token, self.now, headers, body))

    def bye(self) -> list[Output]:
        return self.take(self.session.bye(self.now))

    def fire(self) -> list[Output]:
        """The timer that was armed fires."""
        assert self.seconds is not None
        self.now += self.seconds
        self.seconds = None
        return self.take(self.session.expire(self.now))
