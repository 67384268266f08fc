"""Tests of From, To and Contact values and of Via."""

from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RemoteProtocolError
from edge.sip import addresses
from edge.sip.addresses import CACHED_LENGTH, NameAddr, Via, first_element
from tests.sip.strategies import MANY, PARAMETERS, TOKENS

DISPLAYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=15)
URIS = st.sampled_from(
    ["sip:a@b.example", "sip:b.example;lr", "sips:a@[2001:db8::1]:5061", "im:a@b.example", "tel:+1", "isbn:2983792873"]
)
TAGGED = st.builds(lambda first, tag, others: ((first, tag), *others), st.just("tag"), TOKENS, PARAMETERS) | PARAMETERS
BRANCHED = st.builds(lambda branch, others: (*others, ("branch", branch)), TOKENS, PARAMETERS) | PARAMETERS
VIAS = st.tuples(
    st.sampled_from(["TLS", "UDP", "UNKNOWN", "ws.x"]),
    st.sampled_from(["a.example", "pool_01", "192.0.2.1", "[2001:db8::1]"]),
    st.none() | st.integers(1, 65535),
    BRANCHED,
).map(lambda parts: Via(*parts))
ADDRESSES = st.tuples(DISPLAYS, URIS, TAGGED).map(lambda parts: NameAddr(*parts))

EVIL = '"x" <sip:attacker@evil.test>;tag="" <sip:victim@ok.test>;tag=1'


@given(ADDRESSES)
@MANY
def test_address_survives_writing_and_reading(address: NameAddr) -> None:
    assert NameAddr.parse(str(address)) == address


@given(ADDRESSES)
@MANY
def test_row_is_read_like_text(address: NameAddr) -> None:
    assert NameAddr.of_row(f" {address} ".encode()) == NameAddr.of_row(str(address).encode()) == address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<sip:a@b>", NameAddr("", "sip:a@b", ())),
        ("<sip:a@b>;tag=x", NameAddr("", "sip:a@b", (("tag", "x"),))),
        ("<sip:a@b;p>;q=1;tag=x.y~;r", NameAddr("", "sip:a@b;p", (("q", "1"), ("tag", "x.y~"), ("r", None)))),
        ("sip:a@b", NameAddr("", "sip:a@b", ())),
        ("sip:a@b;p;tag=x", NameAddr("", "sip:a@b", (("p", None), ("tag", "x")))),
        ("caller<sip:a@b> ; tag = x", NameAddr("caller", "sip:a@b", (("tag", "x"),))),
        ("The Caller \t <sip:a@b>", NameAddr("The Caller", "sip:a@b", ())),
        ("Müller <sip:a@b>", NameAddr("Müller", "sip:a@b", ())),
        ('""<sip:a@b>', NameAddr("", "sip:a@b", ())),
        (r'"a \"b\" \\ c"  <sip:a@b>', NameAddr(r'a "b" \ c', "sip:a@b", ())),
        ('"<sip:x@y>;tag=z" <sip:a@b>;tag=w', NameAddr("<sip:x@y>;tag=z", "sip:a@b", (("tag", "w"),))),
        ('">;tag=" <sip:a@b>;tag=w', NameAddr(">;tag=", "sip:a@b", (("tag", "w"),))),
        ('<sip:a@b>;p=">;tag=1";tag=w', NameAddr("", "sip:a@b", (("p", '">;tag=1"'), ("tag", "w")))),
        ('"\\\0\\\x07" <sip:a@b>', NameAddr("\ufffd\ufffd", "sip:a@b", ())),
        ("<sip:a@b?Route=%3Csip:c%3E>", NameAddr("", "sip:a@b?Route=%3Csip:c%3E", ())),
        ("<sip:a@b;opaque=user:epid:A_-a;gruu>", NameAddr("", "sip:a@b;opaque=user:epid:A_-a;gruu", ())),
        ("<sip:a@b>;epid=", NameAddr("", "sip:a@b", (("epid", ""),))),
        ("<http://a.example>;tag=x", NameAddr("", "http://a.example", (("tag", "x"),))),
    ],
)
def test_address_is_read_in_its_parts(text: str, expected: NameAddr) -> None:
    assert NameAddr.parse(text) == expected
    assert NameAddr.of_row(text.encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        "", " ", "*", "<>", "<sip:a@b", "sip:a@b>", "<sip:a@b>x", "<sip:a@b> x;tag=1", "<sip:a@b>;tag=1;tag=2",
        "<sip:a@b>;tag=", "<sip:a@b>;tag", '<sip:a@b>;tag="x"', "<sip:a@b>;tag=x y", "<sip:a@b>;tag=x,", "<<sip:a@b>>",
        "<sip:a@b>;tag=1, <sip:c@d>;tag=2", "<sip:a@b>;tag=1<sip:c@d>;tag=2", "<sip:a@b>;tag=\xfc", "<sip:a@b>;tag=\0",
        '"x <sip:a@b>', '"x" y <sip:a@b>', '"x"', '"x" sip:a@b', 'x "y" <sip:a@b>', "Watson, Thomas <sip:a@b>",
        "x@y <sip:a@b>", "x: <sip:a@b>", "\0 <sip:a@b>", "< sip:a@b>", "<sip:a@b >", "<sip:a @b>", "<a@b>", "a@b",
        "sip:a@b?x=y", "sip:a,b@c", "sip:a b@c", "<sip:a@b;>", "<sip:@b>", "<sip:a%zz@b>", "<sip:a@b>;<sip:c@d>;tag=1",
        '<sip:a@b>;x=">;tag=1', "<sip:a@b>;x>;tag=1", "<sip:a@b\0>", "<sip:\xfc@b>", "<sip:a@b>\r\n;tag=1",
    ],
)
def test_address_is_refused_when_it_could_be_read_otherwise(text: str) -> None:
    for read in (lambda: NameAddr.parse(text), lambda: NameAddr.of_row(text.encode())):
        with pytest.raises(RemoteProtocolError) as caught:
            read()
        assert caught.value.status == 400


def test_attacker_is_never_read_as_the_victim() -> None:
    """Also not when the address of the attacker has been seen before, and is remembered."""
    NameAddr.of_row(b'"x" <sip:attacker@evil.test>;tag=1')
    NameAddr.of_row(b"<sip:victim@ok.test>;tag=1")
    with pytest.raises(RemoteProtocolError):
        NameAddr.of_row(EVIL.encode())


def test_tag_is_empty_when_there_is_none() -> None:
    assert NameAddr.parse("<sip:a@b>;x").tag == ""
    assert NameAddr.parse("<sip:a@b>;x;TAG=Ab").tag == "Ab"


def test_uri_is_parsed_when_it_is_touched() -> None:
    address = NameAddr.parse("<sip:a@B.example;gr=x>;epid=1")
    assert (address.sip_uri.host, address.sip_uri.parameter("gr")) == ("b.example", "x")
    assert (address.parameter("epid"), address.parameter("tag")) == ("1", None)
    with pytest.raises(RemoteProtocolError) as caught:
        _ = NameAddr.parse("tel:+1").sip_uri
    assert caught.value.status == 416


def test_long_row_is_read_like_a_short_one() -> None:
    user = "a" * CACHED_LENGTH
    assert NameAddr.of_row(f"<sip:{user}@b>;tag=x".encode()) == NameAddr("", f"sip:{user}@b", (("tag", "x"),))
    assert Via.of_element(f"SIP/2.0/TLS b;branch={user}".encode()).branch == user


@given(st.binary(max_size=60) | st.text('"<>\\;,=tag sip:a@b', max_size=50).map(str.encode))
@MANY
def test_address_raises_nothing_but_protocol_errors(row: bytes) -> None:
    for read in (NameAddr.of_row, lambda octets: NameAddr.parse(octets.decode("utf-8", "replace"))):
        try:
            found = read(row)
        except RemoteProtocolError as error:
            assert error.status == 400
        else:
            assert NameAddr.parse(str(found)) == found


TRICKY = st.lists(
    st.sampled_from([
        "<sip:a@b>", "<sip:c@d", ">;tag=", ";tag=x", ";tag=", '"', '\\"', "\\", ";", ",", " ", "\t", "=", "<", ">", "x",
        '"y"', "\0", "\xfc", ";epid=1", 'z="', ";branch=", "SIP/2.0/TLS a", ";branch=x", ":5061",
    ]),
    max_size=8,
).map("".join)


@given(TRICKY)
@MANY
def test_quick_way_reads_what_the_scanner_reads(text: str) -> None:
    for quick, thorough in ((NameAddr.of_row, addresses._name_addr), (Via.of_element, addresses._via)):
        outcomes: list[object] = []
        for read in (lambda quick=quick: quick(text.encode()), lambda thorough=thorough: thorough(text.strip(" \t"))):
            try:
                outcomes.append(read())
            except RemoteProtocolError:
                outcomes.append("refused")
        assert outcomes[0] == outcomes[1]


@given(VIAS)
@MANY
def test_via_survives_writing_and_reading(via: Via) -> None:
    assert Via.parse(str(via)) == via
    assert Via.of_element(f" {via} ".encode()) == via


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SIP/2.0/TLS a", Via("TLS", "a", None, ())),
        ("sip/2.0/tls A.Example:5061;branch=z9hG4bK1", Via("tls", "a.example", 5061, (("branch", "z9hG4bK1"),))),
        ("SIP / 2.0 / UDP \t a : 5060 ; branch = x ;rport", Via("UDP", "a", 5060, (("branch", "x"), ("rport", None)))),
        ("SIP/2.0/TCP [2001:DB8::1];x", Via("TCP", "[2001:db8::1]", None, (("x", None),))),
        (
            'SIP/2.0/TLS a;branch=z9hG4bK0A.1;branched=FALSE;ms-internal-info="a;b,c\\""',
            Via("TLS", "a", None, (
                ("branch", "z9hG4bK0A.1"), ("branched", "FALSE"), ("ms-internal-info", '"a;b,c\\""'),
            )),
        ),
        ('SIP/2.0/TLS a;x=";branch=y";branch=z', Via("TLS", "a", None, (("x", '";branch=y"'), ("branch", "z")))),
        ("SIP/2.0/TLS a;rport;branch=z", Via("TLS", "a", None, (("rport", None), ("branch", "z")))),
    ],
)
def test_via_is_read_in_its_parts(text: str, expected: Via) -> None:
    assert Via.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "SIP/2.0/TLS", "SIP/2.0/TLS ", "SIP/3.0/TLS a", "SIP/2.0 a", "HTTP/2.0/TLS a", "SIP/2.0/TLSa",
        "SIP/2.0/TLS a b", "SIP/2.0/TLS a:", "SIP/2.0/TLS a:0", "SIP/2.0/TLS a:65536", "SIP/2.0/TLS a:1:2",
        "SIP/2.0/TLS a,SIP/2.0/TLS b", "SIP/2.0/TLS a;", "SIP/2.0/TLS a;;", "SIP/2.0/TLS a;branch=",
        "SIP/2.0/TLS a;branch", "SIP/2.0/TLS a;branch=x/y",
        "SIP/2.0/TLS a;branch=x;branch=y", "SIP/2.0/TLS a;branch=x;rport;branch=y", "SIP/2.0/TLS a;branch=x,y",
        'SIP/2.0/TLS a;branch=x;y="', "SIP/2.0/TLS \xfc", "SIP/2.0/TLS a\0", "SIP/2.0/TLS [::1", "SIP/2.0/TLS <a>",
    ],
)
def test_via_is_refused_when_malformed(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Via.parse(text)
    assert caught.value.status == 400


def test_via_says_what_a_transaction_is_matched_by() -> None:
    via = Via.parse("SIP/2.0/TLS A.example:5061;branch=z9hG4bK1;received=192.0.2.1")
    assert (via.branch, via.sent_by, via.parameter("received")) == ("z9hG4bK1", "a.example:5061", "192.0.2.1")
    assert (Via.parse("SIP/2.0/TLS a").branch, Via.parse("SIP/2.0/TLS a").sent_by) == ("", "a")


@given(st.binary(max_size=60) | st.text("SIP/2.0 TLSa:5;=branch,\"", max_size=50).map(str.encode))
@MANY
def test_via_raises_nothing_but_protocol_errors(element: bytes) -> None:
    try:
        found = Via.of_element(element)
    except RemoteProtocolError as error:
        assert error.status == 400
    else:
        assert Via.parse(str(found)) == found


@pytest.mark.parametrize("filling", [" ", "a", "a ", '"', "\\", "<", ">", ">;tag=1", ";branch=1", ";a=b", ":5", "\t:"])
@pytest.mark.parametrize("start", ["", '"', "<sip:a@b", "<sip:a@b>", "SIP/2.0/TLS a", "SIP /", "sip:"])
def test_reading_takes_linear_time(start: str, filling: str) -> None:
    """Quadratic time would be minutes here."""
    began = process_time()
    octets = (start + filling * 50_000 + "\0").encode()
    with suppress(RemoteProtocolError):
        NameAddr.of_row(octets)
    with suppress(RemoteProtocolError):
        Via.of_element(octets)
    assert process_time() - began < 20.0


def test_first_element_ends_at_the_comma_that_counts() -> None:
    assert first_element(b' SIP/2.0/TLS a;x="1,\xff" , SIP/2.0/UDP b') == b'SIP/2.0/TLS a;x="1,\xff"'
