"""Dialback by itself: keys, elements, and the life of one pair of domains."""

import pytest

from edge.domains import Domain, domain
from edge.errors import LocalProtocolError
from edge.xmpp.dialback import (
    CONDITIONS,
    MAX_ASKED,
    MAX_KEY,
    MAX_PAIRS,
    PAIR,
    PASSING,
    Action,
    Dialback,
    Input,
    Keys,
    Pairs,
    State,
    read,
)
from edge.xmpp.document import NS_DIALBACK
from edge.xmpp.element import Element
from edge.xmpp.stream import StreamParser

US, THEM = Domain("sip.example"), Domain("xmpp.example")
HEADER = (
    b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
    b" xmlns:db='jabber:server:dialback' version='1.0'>"
)
PAIR_OF = (THEM, US)


def reread(data: bytes) -> Element:
    *_, element = StreamParser(max_stanza=100_000).feed(HEADER + data)
    assert isinstance(element, Element)
    return element


def element(name: str = "result", text: str = "key", **attributes: str) -> Element:
    given = {"from": THEM, "to": US, **{key.rstrip("_"): value for key, value in attributes.items()}}
    return Element(name, NS_DIALBACK, {key: value for key, value in given.items() if value}, [text] if text else [])


# --- keys ---------------------------------------------------------------------------------------------


def test_key_is_that_of_the_examples() -> None:
    """XEP-0185 §3, XEP-0220 §2.1.1."""
    keys = Keys(b"s3cr3tf0rd14lb4ck")
    assert (
        keys.key(Domain("xmpp.example.com"), Domain("example.org"), "D60000229F")
        == "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"
    )
    assert (
        keys.key(Domain("montague.example"), Domain("capulet.example"), "D60000229F")
        == "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3"
    )


@pytest.mark.parametrize(
    ("receiving", "originating", "stream_id"),
    [
        ("jabber.example", "bber.example", "1"), ("bber.example", "jabber.example", "1"),
        ("jabber.exampl", "ebber.example", "1"),
        ("jabber.example", "jabber.example", "11"), ("jabber.example jabber.example", "1", ""),
    ],
)
def test_key_of_domains_that_end_alike_is_another(receiving: str, originating: str, stream_id: str) -> None:
    """CVE-2016-0756."""
    keys = Keys(b"ours")
    key = keys.key(Domain("jabber.example"), Domain("jabber.example"), "1")
    assert not keys.made(key, Domain(receiving), Domain(originating), stream_id)


def test_key_is_known_by_the_one_who_made_it_and_nobody_else() -> None:
    keys = Keys(b"a")
    key = keys.key(THEM, US, "id1")
    assert keys.made(key, THEM, US, "id1")
    assert not Keys(b"b").made(key, THEM, US, "id1")
    assert not keys.made("", THEM, US, "id1") and not keys.made(key[:-1], THEM, US, "id1")
    assert not keys.made("\u00e9", THEM, US, "id1")


@pytest.mark.parametrize(
    ("receiving", "originating", "id"),
    [
        (US, THEM, "id1"),
        (THEM, US, "id2"),
        (THEM, Domain("ip.example"), "sid1"),
        (Domain("xmpp.exampleb"), Domain("er.example"), "id1"),
        (Domain("bber.example"), Domain("ja"), "id1"),
    ],
)
def test_key_is_for_one_stream_between_two_domains(receiving: Domain, originating: Domain, id: str) -> None:
    """CVE-2016-0756: keys whose fields ran into each other."""
    keys = Keys(b"a")
    assert keys.key(receiving, originating, id) != keys.key(THEM, US, "id1")
    assert keys.key(Domain("ja"), Domain("bber.example"), "x") != keys.key(Domain("jabber.example"), Domain(""), "x")


# --- elements -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialback",
    [
        Dialback("result", US, THEM, "a key"),
        Dialback("verify", US, THEM, "a<&>key", "i'd\""),
        Dialback("result", US, THEM, type="valid"),
        Dialback("verify", US, THEM, "", "id1", "invalid"),
        *(Dialback("verify", US, THEM, "", "id1", "error", condition) for condition in CONDITIONS),
        Dialback("result", domain("münchen.example"), THEM, "key"),
    ],
)
def test_element_is_read_back_as_it_was_meant(dialback: Dialback) -> None:
    data = dialback.to_bytes()
    assert data.startswith(b"<db:"), "the prefix is literal"
    assert read(reread(data)) == dialback


@pytest.mark.parametrize(
    "bad",
    [
        element(from_=""),
        element(to=""),
        element(to="a b"),
        element(from_="romeo@xmpp.example"),
        element(text=""),
        element(text="k" * (MAX_KEY + 1)),
        element("verify"),
        element("verify", type="valid", id=""),
        element(type="maybe"),
        element("other"),
        Element("result", "jabber:server", {"from": THEM, "to": US}, ["key"]),
    ],
)
def test_element_without_what_it_needs_is_none(bad: Element) -> None:
    assert read(bad) is None


def test_error_without_a_condition_that_we_know_is_one_that_passes() -> None:
    for inside in ([], [Element("error", "jabber:server", children=[Element("wrong", "x")])]):
        found = read(Element("result", NS_DIALBACK, {"from": THEM, "to": US, "type": "error"}, [*inside]))
        assert found is not None and found.answer == "remote-server-timeout"
    assert frozenset(CONDITIONS) >= PASSING


@pytest.mark.parametrize("answer", ["valid", "invalid", "item-not-found"])
def test_answer_fits_its_question_only(answer: str) -> None:
    question = Dialback("verify", US, THEM, "key", "id1")
    found = question.answered(answer)
    assert found.answers(question) and found.answer == answer
    assert not question.answers(question)
    for other in (
        Dialback("verify", US, THEM, "key", "id2"),
        Dialback("verify", US, Domain("other.example"), "key", "id1"),
        Dialback("verify", Domain("other.example"), THEM, "key", "id1"),
        Dialback("result", US, THEM, "key", "id1"),
        Dialback("verify", THEM, US, "key", "id1"),
    ):
        assert not found.answers(other)


def test_answer_of_prosody_to_a_result_fits_in_spite_of_its_id() -> None:
    assert Dialback("result", THEM, US, "", "id1", "valid").answers(Dialback("result", US, THEM, "key"))


# --- one pair -------------------------------------------------------------------------------------------


def test_pair_table_asks_once_and_proves_by_one_answer_only() -> None:
    proving = [(state, given) for state, given, after, _ in PAIR.rows() if after is State.PROVED is not state]
    assert proving == [
        (State.UNPROVED, Input.CERTIFICATE),
        (State.ASKED, Input.VALID),
        (State.ASKED, Input.CERTIFICATE),
    ]
    asking = [(state, given) for state, given, _, action in PAIR.rows() if action is Action.ASK]
    assert asking == [(State.UNPROVED, Input.RESULT)]


@pytest.mark.parametrize(
    ("answer", "action", "proved"),
    [
        (Input.VALID, Action.CONFIRM, True),
        (Input.INVALID, Action.DENY, False),
        (Input.ERROR, Action.COMPLAIN, False),
    ],
)
def test_pair_is_proved_by_the_answer_and_may_be_tried_again(answer: Input, action: Action, proved: bool) -> None:
    pairs = Pairs()
    assert pairs.step(PAIR_OF, Input.RESULT) is Action.ASK
    assert pairs.step(PAIR_OF, Input.RESULT) is Action.NOTHING
    assert PAIR_OF not in pairs.proved and pairs.asked == 1
    assert pairs.step(PAIR_OF, answer) is action
    assert (PAIR_OF in pairs.proved) is proved and pairs.asked == 0
    assert pairs.step(PAIR_OF, Input.RESULT) is (Action.CONFIRM if proved else Action.ASK)


@pytest.mark.parametrize("answer", [Input.VALID, Input.INVALID, Input.ERROR])
def test_pair_that_was_not_asked_for_has_no_answer(answer: Input) -> None:
    with pytest.raises(LocalProtocolError):
        Pairs().step(PAIR_OF, answer)


def test_pairs_do_not_prove_each_other() -> None:
    pairs = Pairs()
    pairs.step(PAIR_OF, Input.CERTIFICATE)
    assert pairs.proved == {PAIR_OF}


def test_pairs_are_limited() -> None:
    pairs = Pairs()
    for number in range(MAX_ASKED):
        assert not pairs.full
        pairs.step((Domain(f"d{number}.example"), US), Input.RESULT)
    assert pairs.full
    pairs = Pairs()
    for number in range(MAX_PAIRS):
        assert not pairs.full
        pairs.step((Domain(f"d{number}.example"), US), Input.CERTIFICATE)
    assert pairs.full
