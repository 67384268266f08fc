"""Juliet's gateway and Romeo's client on a bench: what tests of sessions say and hear."""

from collections import deque
from collections.abc import Iterable
from itertools import count

from edge.codes import Code
from edge.gateway.effects import Effect, Report, RespondSip, SendSip, SendStanza
from edge.mapping.extensions import NS_STATES
from edge.sip.message import Request, Response
from edge.sip.transaction import ClientTransaction
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, StanzaError
from tests.gateway.bench import CONTACT, JULIET_JID, Bench, answer_to, message, spoken
from tests.sip.samples import JULIET, ROMEO, Rows, as_request, parsed, request

SDP = ("Content-Type", "application/sdp")
OFFER = (
    b"v=0\r\no=- 0 0 IN IP4 10.0.0.7\r\ns=session\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n"
    b"m=message 5060 sip null\r\na=accept-types:text/plain text/html\r\n"
)
TEXT = (("Content-Type", "text/plain; charset=UTF-8"),)
HUNG_UP = [("Ms-client-diagnostics", '52035;reason="The client has an IM session with the same conversation ID"')]
QUIET = 200.0  # seconds after which every transaction is over


class Talk:
    """What the gateway has sent to either side waits in ``requests``, ``responses`` and ``stanzas``."""

    def __init__(self, im_mode: str = "session", pending_messages: int = 500) -> None:
        self.bench = Bench(pending_messages, im_mode=im_mode)
        self.gateway = self.bench.gateway
        self.requests: deque[SendSip] = deque()
        self.responses: deque[Response] = deque()
        self.stanzas: deque[SendStanza] = deque()
        self.reports: list[Report] = []
        self.met: Response | None = None  # the session that Romeo has opened last
        self._numbers = count(1)

    def do(self, effects: Iterable[Effect]) -> None:
        """Take what the gateway wants done."""
        systems = self.bench.node.directory.systems
        for effect in effects:
            if isinstance(effect, SendSip):
                if effect.token is not None:
                    self.gateway.sip_sent(effect.token, self.bench.link)
                self.requests.append(effect)
            elif isinstance(effect, RespondSip):
                response = parsed(effect.data)
                if isinstance(response, Response):
                    self.responses.append(response)
                elif response.method == "CANCEL":  # where its INVITE went, past the queue for links
                    self.requests.append(SendSip(systems[0], self.bench.node.name, effect.data, None))
            elif isinstance(effect, SendStanza):
                self.stanzas.append(effect)
            elif isinstance(effect, Report):
                assert effect.event != "internal.error", effect.fields
                self.reports.append(effect)

    def passes(self, seconds: float) -> None:
        self.do(self.bench.passes(seconds))

    # --- Juliet's side

    def says(self, *texts: str, to: str = "romeo@sip.example") -> None:
        """Juliet writes; each text is the id of its stanza too."""
        self.do(self.bench.stanzas(*(message(text, id=text, to=to) for text in texts)))

    def hears(self) -> list[str]:
        """What came to Juliet since the last time: texts, and "id: condition" for those that came back."""
        stanzas, self.stanzas = list(self.stanzas), deque()
        self.do(self.gateway.taken([stanza.token for stanza in stanzas if stanza.token is not None]))
        found = [each for each in spoken(stanzas) if isinstance(each, Message)]
        return [f"{each.id}: {each.error.condition}" if each.error else each.body for each in found]

    def returns(self, condition: str) -> None:
        """Juliet's server gives the last stanza back."""
        (stanza,) = spoken([self.stanzas.popleft()])
        error = StanzaError(condition)
        back = Message(JID.parse("juliet@xmpp.example"), stanza.from_, stanza.id, "error", error=error)
        self.do(self.bench.stanzas(back))

    def shows(self, state: str, text: str = "", to: str = "romeo@sip.example", id: str = "") -> None:
        """Juliet's client tells a chat state, by itself or with a text."""
        states = (Element(state, NS_STATES),)
        stanza = Message(JULIET_JID, JID.parse(to), id or text, "chat", body=text, extensions=states)
        self.do(self.bench.stanzas(stanza))

    def sees(self) -> list[str]:
        """The chat states that came to Juliet since the last time."""
        stanzas, self.stanzas = list(self.stanzas), deque()
        self.do(self.gateway.taken([stanza.token for stanza in stanzas if stanza.token is not None]))
        found = [each for each in spoken(stanzas) if isinstance(each, Message)]
        return [element.name for each in found for element in each.extensions if element.namespace == NS_STATES]

    # --- Romeo's side, who is called

    def asked(self, method: str) -> SendSip:
        """The next request of the gateway."""
        assert self.requests, f"no {method} came"
        sent = self.requests.popleft()
        assert sent.data.startswith(method.encode() + b" "), f"not a {method}: {sent.data!r}"
        return sent

    def texts(self) -> list[str]:
        """The messages among all that the gateway has asked since the last time."""
        waiting, self.requests = list(self.requests), deque()
        found = [as_request(sent.data) for sent in waiting if sent.data.startswith(b"MESSAGE ")]
        return [each.body.decode() for each in found]

    def answers(self, sent: SendSip, status: int = 200, headers: Rows = (), body: bytes = b"") -> None:
        rows = (*headers, CONTACT) if sent.data.startswith(b"INVITE ") and status < 300 else headers
        response = answer_to(sent, status, rows, body=body)
        self.do(self.bench.sip(response))

    def fails(self, sent: SendSip, code: Code = Code.N01) -> None:
        """It never left."""
        assert isinstance(sent.token, ClientTransaction)
        sent.token.link = None
        self.do(self.gateway.unsent(sent.token, code, code.sentence))

    def opens(self) -> SendSip:
        """Romeo's client accepts the INVITE that waits, which is returned."""
        invite = self.asked("INVITE")
        self.answers(invite)
        self.asked("ACK")
        return invite

    def answered(self) -> list[int]:
        """What Romeo's requests were answered since the last time."""
        responses, self.responses = list(self.responses), deque()
        return [each.status for each in responses]

    # --- Romeo's side, who calls

    def invites(self, call_id: str = "call", tag: str = "r1", offer: bytes = OFFER, **changes: str) -> Response:
        """Romeo opens a session; the answer."""
        self.do(self.bench.sip(self._from_romeo("INVITE", (SDP, CONTACT), offer, call_id=call_id, tag=tag, **changes)))
        assert self.responses.popleft().status == 100
        return self.responses.popleft()

    def inside(self, method: str, body: bytes = b"", headers: Rows = (), number: int = 2) -> Request:
        """A request of Romeo's in the session that he has opened."""
        assert self.met is not None
        return self.within(self.met, method, body, headers, number)

    def within(
        self, answer: Response | SendSip, method: str, body: bytes = b"", headers: Rows = (), number: int = 2
    ) -> Request:
        """A request of Romeo's in the dialog that ``answer`` to him, or an INVITE to him, has made."""
        if isinstance(answer, Response):
            to, tag, call_id = str(answer.to), answer.from_.tag, answer.call_id
        else:
            invite = as_request(answer.data)
            to, tag, call_id = str(invite.from_), "romeo1", invite.call_id
        made = self._from_romeo(method, headers, body, call_id=call_id, tag=tag, to=to, cseq=f"{number} {method}")
        self.do(self.bench.sip(made))
        return made

    def meets(self, call_id: str = "call", offer: bytes = OFFER) -> Response:
        """A session that Romeo has opened."""
        answer = self.invites(call_id, offer=offer)
        assert answer.status == 200
        self.within(answer, "ACK", number=1)
        self.met = answer
        return answer

    def _from_romeo(self, method: str, rows: Rows, body: bytes, tag: str = "r1", **changes: str) -> Request:
        branch = f"SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bKr{next(self._numbers)}"
        given = {"via": branch, "from_": f"<{ROMEO}>;tag={tag}", "to": f"<{JULIET}>", **changes}
        return request(method, headers=rows, body=body, **given)

    # --- the end

    def is_over(self) -> None:
        """Nothing is left of it."""
        gateway = self.gateway
        everything = gateway.chats._all
        assert not everything.calls and not everything.chats and everything.quota.count("sip") == 0
        assert gateway.submissions._under_way.count("xmpp") == 0 and gateway.submissions._waiting.count("sip") == 0
        assert not gateway.pager._waiting and not gateway.deliveries._open
        assert gateway.deliveries._quota.count("sip") == 0
        assert self.bench.open == 0, f"{self.bench.layer.clients} {self.bench.layer.servers} {len(self.bench.wheel)}"
