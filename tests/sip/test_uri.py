"""Tests of SIP, SIPS, IM and PRES URIs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.sip.uri import CACHED_LENGTH, SCHEMES, SipUri, escape_user, port_number, unescape
from tests.sip.strategies import MANY

USERS = st.text("abcXYZ019-_.!~*'()&=+$,;?/", max_size=12) | st.sampled_from(["f%C3%BC", "user;par=u%40example.net"])
HOSTS = st.sampled_from(["a.example", "pool01", "xn--fsq.example", "192.0.2.1", "[2001:db8::1]", "under_score.example"])
VALUES = st.none() | st.text("abcXYZ019[]/:&+$=%-_.~", max_size=12)
URIS = st.builds(
    lambda scheme, user, password, host, port, parameters, headers: SipUri(
        scheme, user, password if user else None, Domain(host), port, tuple(parameters.items()), headers
    ),
    st.sampled_from(sorted(SCHEMES)),
    USERS,
    st.none() | st.text("abc019&=+$,", max_size=6),
    HOSTS,
    st.none() | st.integers(1, 65535),
    st.dictionaries(st.sampled_from(["lr", "gr", "transport", "maddr", "ms-key-info", "x!"]), VALUES, max_size=3),
    st.sampled_from(["", "subject=x", "Route=%3Csip:b.example%3E"]),
)


@given(URIS)
@MANY
def test_uri_survives_writing_and_reading(uri: SipUri) -> None:
    assert SipUri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:a@b.example", SipUri("sip", "a", None, Domain("b.example"), None, (), "")),
        ("SIPS:A@B.Example.:5061", SipUri("sips", "A", None, Domain("b.example"), 5061, (), "")),
        ("sip:b.example;LR", SipUri("sip", "", None, Domain("b.example"), None, (("lr", None),), "")),
        ("sip:a:pw@b.example", SipUri("sip", "a", "pw", Domain("b.example"), None, (), "")),
        ("sip:a:@b.example", SipUri("sip", "a", "", Domain("b.example"), None, (), "")),
        ("sip:+1;ext=2@b.example", SipUri("sip", "+1;ext=2", None, Domain("b.example"), None, (), "")),
        ("sip:a?b@c.example?d=e", SipUri("sip", "a?b", None, Domain("c.example"), None, (), "d=e")),
        ("sip:a@[2001:DB8::1]:5060", SipUri("sip", "a", None, Domain("[2001:db8::1]"), 5060, (), "")),
        ("im:a|b@c.example", SipUri("im", "a|b", None, Domain("c.example"), None, (), "")),
        ("pres:a@c.example", SipUri("pres", "a", None, Domain("c.example"), None, (), "")),
        (
            "sip:a@b.example;opaque=user:epid:AbC_d-E;gruu",
            SipUri("sip", "a", None, Domain("b.example"), None, (("opaque", "user:epid:AbC_d-E"), ("gruu", None)), ""),
        ),
    ],
)
def test_uri_is_read_in_its_parts(text: str, expected: SipUri) -> None:
    assert SipUri.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "sip:", "sip", "sip:@b", "sip::pw@b", "sip:a@", "sip:a@b@c", "sip:a b@c", "sip:a@b c", "sip: a@b",
        "<sip:a@b>", "sip:a%@b", "sip:a%4@b", "sip:a%zz@b", "sip:a|b@c", "sip:a#b@c", "sip:ü@b", "sip:a@bü.example",
        "sip:a@b:", "sip:a@b:0", "sip:a@b:65536", "sip:a@b:99999999999", "sip:a@b:x", "sip:a@b:-1", "sip:a@b:5060:1",
        "sip:a@[::1", "sip:a@[::1]x", "sip:a@[::g]", "sip:a@[fe80::1%25eth0]", "sip:a@[]", "sip:a@-b.example",
        "sip:a@b..c", "sip:a@b;", "sip:a@b;;lr", "sip:a@b;=x", "sip:a@b;gr=x;GR=y", 'sip:a@b;x="', "sip:a@b\r\nTo: x",
        "sip:a@b;x=\0", "sip:a:p@p@b", "sip:a:p;q@b", "sip:a@xn--a-ecp.example.xn--",
    ],
)
def test_uri_is_refused_with_400_when_malformed(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["tel:+1", "soap.beep://192.0.2.103:3002", "nobody:x", "http://a.example", "xmpp:a@b"])
def test_uri_is_refused_with_416_when_the_scheme_is_another(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 416


@given(st.text(max_size=60) | st.text(max_size=40).map("sip:".__add__))
@MANY
def test_uri_raises_nothing_but_protocol_errors(text: str) -> None:
    try:
        uri = SipUri.parse(text)
    except RemoteProtocolError as error:
        assert error.status in (400, 416)
    else:
        assert SipUri.parse(str(uri)) == uri


def test_uri_that_is_too_long_to_be_kept_is_read_all_the_same() -> None:
    uri = SipUri.parse(f"sip:a@b.example;ms-route-sig={'x' * CACHED_LENGTH}")
    assert uri.parameter("ms-route-sig") == "x" * CACHED_LENGTH


def test_parameter_is_found_with_and_without_value() -> None:
    uri = SipUri.parse("sip:a@b.example;gr;transport=TLS")
    assert (uri.parameter("transport"), uri.parameter("gr"), uri.parameter("lr")) == ("TLS", None, None)
    assert uri.has_parameter("gr") and uri.has_parameter("transport") and not uri.has_parameter("lr")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"), ("f%C3%BC", "fü"), ("%25%34%31", "%41"), ("a%40b", "a@b"), ("%c3%bc", "ü"), ("", ""),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_unescape_decodes_once(text: str, expected: str) -> None:
    assert unescape(text) == expected


@pytest.mark.parametrize(
    "text", ["%", "%4", "%zz", "%00", "null-%00-null", "%0d%0a", "%7F", "%FF", "%C3", "%C2%85", "a\nb"]
)
def test_unescape_refuses_what_is_no_text(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        unescape(text)
    assert caught.value.status == 400


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
@MANY
def test_escaped_user_is_a_user_part_and_comes_back(text: str) -> None:
    escaped = escape_user(text)
    assert unescape(escaped) == text
    if text:
        assert SipUri.parse(f"sip:{escaped}@b.example").user == escaped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tschüss", "tsch%C3%BCss"),
        ("m&m", "m&m"),
        ("o'malley", "o'malley"),
        ("-_.!~*'()&=+$,;?/", "-_.!~*'()&=+$,;?/"),
        ('a"#%:<>@[\\]^`{|} b', "a%22%23%25%3A%3C%3E%40%5B%5C%5D%5E%60%7B%7C%7D%20b"),
    ],
)
def test_escape_user_leaves_the_literals_of_the_rule(text: str, expected: str) -> None:
    assert escape_user(text) == expected


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "+1", "1 ", "١", "1_0", "0x1"])
def test_port_number_refuses_what_is_no_port(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        port_number(text)


def test_port_number_reads_its_range() -> None:
    assert (port_number("1"), port_number("05061"), port_number("65535")) == (1, 5061, 65535)
