"""Tests of CSeq, Event, Subscription-State, Content-Type and numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RemoteProtocolError
from edge.sip import values
from edge.sip.values import CSeq, Event, MediaType, SubscriptionState
from tests.sip.strategies import MANY, PARAMETERS, TOKENS

LOWER = TOKENS.map(str.lower)
NUMBERS = st.none() | st.integers(0, values.MAX_NUMBER)
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.builds(CSeq, st.integers(0, values.MAX_NUMBER), TOKENS))
@MANY
def test_cseq_survives_writing_and_reading(cseq: CSeq) -> None:
    assert CSeq.parse(str(cseq)) == cseq


OTHERS = PARAMETERS.map(lambda found: tuple(item for item in found if item[0] != "id"))


@given(st.builds(Event, TOKENS, st.none() | TOKENS, OTHERS))
@MANY
def test_event_survives_writing_and_reading(event: Event) -> None:
    assert Event.parse(str(event)) == event


@given(st.builds(SubscriptionState, LOWER, st.none() | LOWER, NUMBERS, NUMBERS))
@MANY
def test_subscription_state_survives_writing_and_reading(state: SubscriptionState) -> None:
    assert SubscriptionState.parse(str(state)) == state


@given(st.builds(
    lambda kind, items: MediaType(kind, tuple(items.items())),
    st.builds("{}/{}".format, LOWER, LOWER),
    st.dictionaries(LOWER.filter(lambda name: name not in ("tag", "branch")), st.none() | PLAIN, max_size=3),
))
@MANY
def test_media_type_survives_writing_and_reading(media: MediaType) -> None:
    assert MediaType.parse(str(media)) == media


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 MESSAGE", CSeq(1, "MESSAGE")),
        (" 0009 \t INVITE ", CSeq(9, "INVITE")),
        ("4294967295 x", CSeq(4294967295, "x")),
        ("0 !odd-Method.%*_+`'~", CSeq(0, "!odd-Method.%*_+`'~")),
    ],
)
def test_cseq_is_read(text: str, expected: CSeq) -> None:
    assert CSeq.parse(text) == expected
    assert values.cseq_of(text.encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "MESSAGE", "MESSAGE 1", "1MESSAGE", "-1 MESSAGE", "+1 MESSAGE", "1.0 MESSAGE", "4294967296 MESSAGE",
        "١ MESSAGE", "36893488147419103232 REGISTER", "1 MESSAGE x", "1 MESS/AGE", "1 MESSAGE;x",
        "9" * 5000 + " MESSAGE",
    ],
)
def test_cseq_is_refused_when_malformed(text: str) -> None:
    for read in (CSeq.parse, lambda text: values.cseq_of(text.encode())):
        with pytest.raises(RemoteProtocolError) as caught:
            read(text)
        assert caught.value.status == 400


def test_event_has_an_id_and_others() -> None:
    event = Event.parse("presence ; ID=a1;x=y")
    assert event == Event("presence", "a1", (("x", "y"),))
    assert Event.parse("presence") == Event("presence", None)


@pytest.mark.parametrize("text", ["", ";id=1", "a b", "presence,dialog", "presence;", "a/b", "presence;id=1;id=2"])
def test_event_is_refused_when_malformed(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Event.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("active;expires=3599", SubscriptionState("active", None, 3599)),
        ("Terminated;Reason=Deactivated;retry-after=60;x", SubscriptionState("terminated", "deactivated", None, 60)),
        ("pending ; expires = 00010", SubscriptionState("pending", None, 10)),
        ("active;expires=4294967296", SubscriptionState("active", None, None)),
    ],
)
def test_subscription_state_is_read(text: str, expected: SubscriptionState) -> None:
    assert SubscriptionState.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a b", "active;expires=x", "active;expires=-1", "active;expires=", "active,pending"]
)
def test_subscription_state_is_refused_when_malformed(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        SubscriptionState.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text/plain", MediaType("text/plain")),
        ("Text / PLAIN ; Charset=UTF-8", MediaType("text/plain", (("charset", "UTF-8"),))),
        ('multipart/mixed;boundary="a \\"b\\""', MediaType("multipart/mixed", (("boundary", 'a "b"'),))),
        ("application/pidf+xml", MediaType("application/pidf+xml")),
    ],
)
def test_media_type_is_read(text: str, expected: MediaType) -> None:
    assert MediaType.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "text", "text/", "/plain", "text/plain/x", "text/plain, a/b", "text/plain;", "te xt/a"]
)
def test_media_type_is_refused_when_malformed(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        MediaType.parse(text)


def test_media_type_has_parameters() -> None:
    media = MediaType.parse("text/plain;charset=utf-8")
    assert (media.parameter("charset"), media.parameter("boundary")) == ("utf-8", None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [(b"0", 0), (b" 70 ", 70), (b"0068", 68), (b"4294967295", 4294967295), (b"4294967296", None), (b"9" * 400, None)],
)
def test_number_beyond_32_bits_counts_as_absent(row: bytes, expected: int | None) -> None:
    assert values.number_of(row) == expected


@pytest.mark.parametrize(
    "row", [b"", b" ", b"-1", b"+1", b"1 2", b"1,2", b"0x1", b"1_0", b"1.5", b"\xd9\xa1", b"1\n", b"9" * 600]
)
def test_number_is_refused_when_malformed(row: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        values.number_of(row)


def test_rows_that_are_too_long_are_refused_and_not_remembered() -> None:
    row = b"presence;x=" + b"y" * values.MAX_LENGTH
    for read in (values.event_of, values.cseq_of, values.media_type_of, values.subscription_state_of):
        with pytest.raises(RemoteProtocolError):
            read(row)


@given(st.binary(max_size=40) | st.text("12 a/;=\",", max_size=20).map(str.encode))
@MANY
def test_values_raise_nothing_but_protocol_errors(row: bytes) -> None:
    for read in (
        values.cseq_of, values.event_of, values.subscription_state_of, values.media_type_of, values.number_of,
    ):
        try:
            read(row)
        except RemoteProtocolError as error:
            assert error.status == 400
