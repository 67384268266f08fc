"""Random conversations: whatever a peer does and in whatever order, every message ends once and nothing is left."""

from collections import Counter
from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.codes import Code
from edge.gateway.delivery import Delivery
from edge.gateway.effects import Effect, SendSip, SendStanza
from edge.sip.message import Response
from tests.gateway.talking import TEXT, Talk
from tests.sip.microsoft_samples import typing
from tests.sip.samples import Rows, as_request

USERS = ("romeo", "mercutio")
INVITE_ANSWERS = (*(200,) * 12, 100, 180, 301, 404, 408, 480, 481, 486, 487, 488, 500, 501, 503, 603)
MESSAGE_ANSWERS = (*(200,) * 8, 202, 404, 405, 408, 415, 480, 481, 488, 500, 501, 503, 603)
KEYBOARD = (("Content-Type", "application/xml"),)
LONG = 40.0  # seconds: longer than any transaction lives
TOO_LONG = " " + "x" * 1300  # to go by itself
SAME = [("Ms-client-diagnostics", "52035")]

STEP = st.tuples(
    st.sampled_from([
        *["says"] * 6, *["answers"] * 10, "invites", "acks", "texts", "types", "hangs up", "pages", "hears", "returns",
        "shows", "loses", "fails", "soon", "later",
    ]),
    st.integers(0, 2**16),
)


class Disorder(Talk):
    """A peer who does anything, and a book of what became of what Juliet said."""

    def __init__(self, im_mode: str) -> None:
        super().__init__(im_mode)
        self.said: list[str] = []
        self.fates: Counter[str] = Counter()
        self.delivered: list[str] = []
        self.dialogs: list[Response | SendSip] = []
        self.number = 1
        self.carried = 0  # messages that went to XMPP
        self.invited = 0  # sessions that were asked for
        self.asked_of_us = 0
        self.answered_by_us: Counter[str] = Counter()  # by branch; the 2xx to an INVITE is repeated until its ACK

    def step(self, what: str, chance: int) -> None:
        self.number += 1
        if what == "says":
            user = USERS[chance % 2]
            text = f"{user} {len(self.said)}" + (TOO_LONG if chance % 7 == 0 else "")
            self.said.append(text)
            self.says(text, to=f"{user}@sip.example")
        elif what == "answers" and self.requests:
            self.answer(chance)
        elif what == "invites":
            self.invite(USERS[chance % 2], bool(chance % 3))
        elif what == "acks" and self.dialogs:
            self.inside_of(chance, "ACK", number=1)
        elif what == "texts" and self.dialogs:
            self.inside_of(chance, "MESSAGE", b"text", TEXT, self.number)
        elif what == "types" and self.dialogs:
            self.inside_of(chance, "INFO", typing(("type", "idle")[chance % 2]).encode(), KEYBOARD, self.number)
        elif what == "shows":
            state = ("composing", "paused", "active", "gone")[chance // 2 % 4]
            self.shows(state, to=f"{USERS[chance % 2]}@sip.example")
        elif what == "hangs up" and self.dialogs:
            self.inside_of(chance, "BYE", number=self.number)
        elif what == "pages":
            page = self.bench.page("text", from_=f"<sip:{USERS[chance % 2]}@sip.example>;tag=t")
            self.asked_of_us += 1
            self.do(self.bench.sip(page))
        elif what == "hears":
            self.listen()
        elif what == "returns" and self.stanzas and isinstance(self.stanzas[0].token, Delivery):
            self.returns("service-unavailable")
        elif what == "loses":
            self.requests.clear()
            self.do(self.gateway.sip_lost(self.bench.link))
        elif what == "fails" and self.requests and self.requests[-1].token is not None:
            self.fails(self.requests.pop(), (Code.N01, Code.M02)[chance % 2])
        elif what == "soon":
            self.passes(0.5)
        elif what == "later":
            self.requests.clear()
            self.passes(LONG)
            self.requests.clear()  # an answer to what came meanwhile might be too late
        self.count()

    def answer(self, chance: int) -> None:
        sent = self.requests[chance % len(self.requests)]
        self.requests.remove(sent)
        if sent.token is not None and sent.token.key not in self.gateway.node.layer._clients:
            return  # nobody waits for the answer any more
        method = sent.data.partition(b" ")[0]
        if method == b"INVITE":
            status = INVITE_ANSWERS[chance % len(INVITE_ANSWERS)]
            if status < 200:
                self.requests.append(sent)
            elif status == 200:
                self.dialogs.append(sent)
            self.answers(sent, status, SAME if status == 488 and chance % 3 else ())
        elif method == b"MESSAGE":
            status = MESSAGE_ANSWERS[chance % len(MESSAGE_ANSWERS)]
            text = as_request(sent.data).body.decode()
            if status < 300 and not text.startswith("<"):  # else it is a state
                self.fates[text] += 1
                self.delivered.append(text)
            self.answers(sent, status)
        elif method == b"BYE":
            self.answers(sent, (200, 481)[chance % 2])
        elif method == b"INFO":
            self.answers(sent, (200, 408, 415, 481)[chance % 4])

    def answers_well(self) -> None:
        sent = self.requests[0]
        if sent.data.startswith((b"MESSAGE ", b"BYE ", b"INFO ")):
            self.answer(0)
        else:
            self.requests.popleft()
            if sent.data.startswith(b"INVITE "):
                self.answers(sent, 486)

    def invite(self, user: str, acknowledges: bool) -> None:
        number = self.number
        answer = self.invites(f"call{number}", f"r{number}", from_=f"<sip:{user}@sip.example>;tag=r{number}")
        if answer.status == 200:
            self.dialogs.append(answer)
            if acknowledges:
                self.within(answer, "ACK", number=1)

    def inside_of(self, chance: int, method: str, body: bytes = b"", rows: Rows = (), number: int = 1) -> None:
        dialog = self.dialogs[chance % len(self.dialogs)]
        self.asked_of_us += method != "ACK"
        self.within(dialog, method, body, rows, number)

    def listen(self) -> None:
        for heard in self.hears():
            if ": " in heard:
                self.fates[heard.partition(": ")[0]] += 1
        self.count()

    def count(self) -> None:
        """At every moment all that was said is delivered, given back, or waiting."""
        for stanza in [each for each in self.stanzas if not isinstance(each.token, Delivery)]:
            self.stanzas.remove(stanza)
            self.gateway.taken([stanza.token])
            text = stanza.data.partition(b" id='")[2].partition(b"'")[0].decode()
            self.fates[text] += b"type='error'" in stanza.data
        finals = [each for each in self.responses if each.status >= 200 and each.cseq.method != "INVITE"]
        self.answered_by_us.update(each.via.branch for each in finals)
        self.responses.clear()
        under_way = self.gateway.submissions._under_way.count("xmpp")
        assert len(self.said) == sum(self.fates.values()) + under_way
        assert len(self.said) == self.counted("xmpp") + under_way
        assert self.carried == self.counted("sip") + len(self.gateway.deliveries._open)

    def counted(self, protocol: str) -> int:
        """How many messages have ended, by the counters."""
        numbers = self.gateway.node.counters.messages
        return sum(number for labels, number in numbers.items() if labels[1] == protocol and labels[3] != "late")

    def do(self, effects: Iterable[Effect]) -> None:
        effects = list(effects)
        self.invited += sum(isinstance(each, SendSip) and each.data.startswith(b"INVITE ") for each in effects)
        self.carried += sum(isinstance(each, SendStanza) and isinstance(each.token, Delivery) for each in effects)
        super().do(effects)

    def ends(self) -> None:
        """Everybody answers, and then nobody says anything any more."""
        while self.requests or self.gateway.submissions._under_way.count("xmpp"):
            for _ in range(round(LONG)):  # what is asked later is answered in time too
                while self.requests:
                    self.answers_well()
                    self.count()
                self.passes(1)
            self.listen()
        self.passes(905)
        while self.requests:
            self.answers_well()
        self.passes(2 * LONG)
        self.listen()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["session", "auto", "page"]), st.lists(STEP, min_size=20, max_size=80))
def test_every_message_ends_once_and_in_order_and_nothing_is_left(im_mode: str, steps: list[tuple[str, int]]) -> None:
    talk = Disorder(im_mode)
    for what, chance in steps:
        talk.step(what, chance)
    talk.ends()
    assert talk.fates == Counter(talk.said)
    for user in USERS:
        order = [int(text.split()[1]) for text in talk.delivered if text.startswith(user)]
        assert order == sorted(order)
    assert set(talk.answered_by_us.values()) <= {1} and len(talk.answered_by_us) == talk.asked_of_us
    talk.is_over()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["session", "auto"]), st.lists(STEP, min_size=5, max_size=50), st.lists(STEP, max_size=10))
def test_gateway_that_stops_amid_everything_ends_every_session(
    im_mode: str, before: list[tuple[str, int]], meanwhile: list[tuple[str, int]]
) -> None:
    talk = Disorder(im_mode)
    for what, chance in before:
        talk.step(what, chance)
    talk.do(talk.gateway.leave())
    invited = talk.invited
    for what, chance in meanwhile:
        if what != "invites":  # which is refused
            talk.step(what, chance)
    talk.ends()
    assert talk.invited == invited
    assert talk.fates == Counter(talk.said)
    assert talk.gateway.sessions == 0
    talk.is_over()
