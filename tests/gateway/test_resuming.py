"""Messages of an earlier life go on where they were, or back to who has said them."""

import pytest
from msgspec.structs import replace

from edge.codes import Code
from edge.domains import domain
from edge.gateway.effects import Effect, Forget
from edge.gateway.journal import FOR_SO_LONG
from edge.gateway.records import Kind, MessageRecord, encode
from edge.partners import Block, Directory
from tests.gateway.bench import Bench, message, reports, sends, spoken
from tests.gateway.test_journal import ends, remembered
from tests.sip.samples import as_request

WALL = 1_700_000_000.0
PLAIN = (("Content-Type", "text/plain;charset=UTF-8"),)
RECORD = MessageRecord(
    "juliet@xmpp.example/balcony", "romeo@sip.example", "m1", "chat", PLAIN, b"one", "call", "tag"
)
KEY = "01700000000000001"


def restored(bench: Bench, *records: MessageRecord, due: float = WALL + 20) -> list[Effect]:
    rows = [(int(Kind.MESSAGE), f"{int(KEY) + n:017d}", due, encode(each)) for n, each in enumerate(records)]
    return bench.gateway.restored(reversed(rows))


def codes(effects: list[Effect]) -> list[Code | None]:
    return [report.code for report in reports(effects) if report.event == "message.failed"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_request_is_the_same_on_another_branch() -> None:
    before, after = Bench(), Bench()
    effects = before.stanzas(message("one"), message("two"))
    (kept,) = remembered(effects)
    first = as_request(sends(before.answer(sends(effects)[0]))[0].data)
    after.stanzas(*(message("zero", to=f"user{n}@sip.example") for n in range(9)))  # identifiers differ
    second = as_request(sends(after.gateway.restored([(3, kept.key, kept.due, kept.data)]))[0].data)
    assert first.via.branch != second.via.branch
    for name in ("From", "To", "Call-ID", "CSeq", "Content-Type"):
        assert first.headers.rows(name.lower()) == second.headers.rows(name.lower()), name
    assert first.body == second.body


def test_they_go_in_the_order_in_which_they_came(bench: Bench) -> None:
    effects = restored(bench, RECORD, replace(RECORD, body=b"two", id="m2", call_id="two"))
    (first,) = sends(effects)
    (second,) = sends(bench.answer(first))
    assert [as_request(each.data).body for each in (first, second)] == [b"one", b"two"]


def test_it_stays_kept_until_it_is_answered(bench: Bench) -> None:
    (sent,) = sends(restored(bench, RECORD))
    assert ends(bench) == []
    assert [effect.key for effect in bench.answer(sent) if isinstance(effect, Forget)] == [KEY]


def test_new_ones_come_behind_it(bench: Bench) -> None:
    restored(bench, RECORD)
    (kept,) = remembered(bench.stanzas(message("two")))
    assert kept.key > KEY


def test_form_is_tried_first(bench: Bench) -> None:
    formed = replace(RECORD, form=((("Content-Type", "message/cpim"),), b"with more"))
    (first,) = sends(restored(bench, formed))
    assert as_request(first.data).body == b"with more"
    (second,) = sends(bench.answer(first, 415))
    assert as_request(second.data).body == b"one"
    assert as_request(second.data).from_.tag != as_request(first.data).from_.tag


@pytest.mark.parametrize(("left", "seconds"), [(20.0, 25.0), (1.0, 6.0)])
def test_it_has_what_was_left_of_its_time_and_some_for_the_answer(bench: Bench, left: float, seconds: float) -> None:
    restored(bench, RECORD, due=WALL + left)
    assert codes(bench.passes(seconds - 0.5)) == []
    assert codes(bench.passes(1)) == [Code.M02]


def test_it_comes_back_when_its_time_is_over(bench: Bench) -> None:
    effects = restored(bench, RECORD, due=WALL)
    assert [stanza.id for stanza in spoken(effects)] == ["m1"]
    assert (codes(effects), sends(effects)) == ([Code.M02], [])
    assert bench.gateway.submissions._under_way.count("xmpp") == 0


def test_it_comes_back_when_the_partner_may_not_be_written_to(bench: Bench) -> None:
    object.__setattr__(bench.node.directory.systems[0], "allow", "incoming")
    assert codes(restored(bench, RECORD)) == [Code.A03]


def test_it_comes_back_when_the_partner_is_blocked(bench: Bench) -> None:
    directory = bench.node.directory
    directory.become(Directory(directory.systems, [Block((domain("sip.example"),), (), reason="abuse")]))
    effects = restored(bench, RECORD)
    assert (codes(effects), len(spoken(effects))) == ([Code.A02], 1)


@pytest.mark.parametrize("changes", [
    {"sender": "juliet@unknown.example"}, {"sender": "tybalt@other.example"}, {"sender": "@"}, {"recipient": "@"},
])
def test_it_is_forgotten_when_nobody_can_be_told(bench: Bench, changes: dict[str, str]) -> None:
    effects = restored(bench, replace(RECORD, **changes))
    assert [effect.key for effect in effects if isinstance(effect, Forget)] == [KEY]
    assert reports(effects)[-1].fields["forgotten"] == 1
    assert spoken(effects) == []


def test_it_is_forgotten_after_a_day(bench: Bench) -> None:
    effects = restored(bench, RECORD, due=WALL - FOR_SO_LONG - 1)
    assert [effect.key for effect in effects if isinstance(effect, Forget)] == [KEY]


def test_what_cannot_be_read_is_forgotten_and_the_log_says_so(bench: Bench) -> None:
    effects = bench.gateway.restored([(3, KEY, WALL, b"\x00"), (3, f"{int(KEY) + 1:017d}", WALL + 9, encode(RECORD))])
    assert [effect.key for effect in effects if isinstance(effect, Forget)] == [KEY]
    assert (reports(effects)[-1].fields["messages"], reports(effects)[-1].fields["forgotten"]) == (1, 1)
