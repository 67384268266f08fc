"""Receipts in any order, from anybody, in sessions that come and go: none is invented, told twice, or contradicted."""

import re
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.gateway.receipts import MAX_WAITING, PAUSE
from edge.timers import TICK
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message
from tests.gateway.bench import spoken
from tests.gateway.talking import OFFER, QUIET, Talk
from tests.gateway.test_receipts import CPIM, cpim, error, receipt
from tests.sip.samples import as_request

WANTS = {"positive-delivery": "delivered", "negative-delivery": "failed", "display": "displayed"}
SHOWS = OFFER.replace(b"text/html", b"message/cpim")
PEOPLE = ("juliet@xmpp.example/balcony", "juliet@xmpp.example/phone", "nurse@xmpp.example/kitchen")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("asks"), st.sets(st.sampled_from(sorted(WANTS)), max_size=3), st.booleans()),
        st.tuples(st.just("tells"), st.integers(0, 5), st.sampled_from(["received", "displayed"]), st.integers(0, 2)),
        st.tuples(st.just("returns"), st.integers(0, 5), st.integers(0, 2)),
        st.tuples(st.just("meets"), st.sampled_from([OFFER, SHOWS])),
        st.tuples(st.just("leaves")),
        st.tuples(st.just("waits")),
        st.tuples(st.just("answers"), st.sampled_from([200, 200, 200, 202, 404, 415, 481])),
    ),
    max_size=25,
)


class Disorder(Talk):
    """Romeo asks, the household answers; what Romeo is told is kept."""

    def __init__(self) -> None:
        super().__init__("auto")
        self.asked_for: list[tuple[Message, set[str]]] = []
        self.true: set[tuple[int, str]] = set()  # what Juliet's clients have said
        self.told: Counter[tuple[int, str]] = Counter()
        self.number = 1

    def _next(self) -> int:
        self.number += 1
        return self.number

    def asks(self, wants: set[str], in_session: bool) -> None:
        body = cpim(wants=", ".join(sorted(wants)) or "nothing", id=f"imdn{len(self.asked_for)}")
        if in_session and self.met is not None:
            self.inside("MESSAGE", body, CPIM, self._next())
        else:
            self.do(self.bench.sip(self.bench._request("MESSAGE", CPIM, body)))
        stanzas = spoken(self.stanzas)
        self.hears()
        if stanzas and isinstance(stanzas[0], Message):  # else the session has ended meanwhile
            self.asked_for.append((stanzas[0], {WANTS[each] for each in wants}))

    def tells(self, index: int, name: str, who: int) -> None:
        if index < len(self.asked_for):
            if who < 2:
                self.true |= {(index, "delivered"), *([(index, "displayed")] if name == "displayed" else [])}
            self.do(self.bench.stanzas(receipt(self.asked_for[index][0].id, name, JID.parse(PEOPLE[who]))))

    def returns_late(self, index: int, who: int) -> None:
        if index < len(self.asked_for):
            if who < 2:
                self.true.add((index, "failed"))
            self.do(self.bench.stanzas(error(self.asked_for[index][0], from_=PEOPLE[who])))

    def hangs_up(self) -> None:
        if self.met is not None:
            self.inside("BYE", number=self._next())
            self.met = None
        self.answered()

    def answers_all(self, status: int) -> None:
        """Romeo's side answers what it was sent; a notification that it has seen is told."""
        waiting, self.requests = list(self.requests), type(self.requests)()
        for sent in waiting:
            body = as_request(sent.data).body.decode()
            id, said = re.search("<message-id>imdn(.*?)<", body), re.search("<status><(.*?)/", body)
            if id is not None and said is not None:
                self.told[int(id[1]), said[1]] += 1
            if not sent.data.startswith(b"ACK"):
                self.answers(sent, 200 if sent.data.startswith(b"BYE") else status)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_nothing_is_told_that_was_not_asked_for_and_said(steps: list[tuple[object, ...]]) -> None:
    talk = Disorder()
    acts = {
        "asks": talk.asks, "tells": talk.tells, "returns": talk.returns_late, "leaves": talk.hangs_up,
        "waits": lambda: talk.passes(PAUSE + TICK), "answers": talk.answers_all,
    }
    for name, *arguments in steps:
        if name == "meets":
            talk.hangs_up()
            talk.meets(f"call{talk._next()}", arguments[0])
        else:
            acts[str(name)](*arguments)
    talk.hangs_up()
    for _ in range(MAX_WAITING):
        talk.answers_all(200)
        talk.passes(PAUSE + TICK)
        if not talk.requests and not talk.gateway.receipts._lines:
            break
    for (index, status), times in talk.told.items():
        message, wants = talk.asked_for[index]
        assert times == 1 and status in wants and (index, status) in talk.true, (index, status, times)
        if status == "failed":
            assert (index, "delivered") not in talk.told and (index, "displayed") not in talk.told
        assert message.extensions or status == "failed"  # asked for where it could be
    assert not talk.gateway.receipts._lines
    talk.passes(QUIET)
    talk.is_over()
