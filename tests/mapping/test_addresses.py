"""Tests of `edge.mapping.addresses`."""

import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.addresses import (
    CACHE,
    SipsNotAllowed,
    bare_uri_of,
    escape_local,
    jid_of,
    jid_of_xmpp_uri,
    unescape_local,
    uri_of,
    xmpp_uri_of,
)
from edge.sip.uri import SipUri, escape_user, unescape
from edge.xmpp.jid import JID


def jid(text: str) -> str:
    return str(jid_of(SipUri.parse(text)))


# RFC 7247 §6.4, XEP-0106 and the torture tests of RFC 4475
SIP_TO_JID = {
    "sip:f%C3%BC@sip.example": "fü@sip.example",
    "sip:o'malley@sip.example": "o\\27malley@sip.example",
    "sip:foo@sip.example;gr=bar": "foo@sip.example/bar",
    "sip:foo@sip.example;gr": "foo@sip.example",
    "sip:foo@sip.example;gr=": "foo@sip.example",
    "sip:foo@sip.example;gr=a%20b%2Fc": "foo@sip.example/a b/c",
    "sip:foo@sip.example;gr=urn:uuid:f81d4fae": "foo@sip.example/urn:uuid:f81d4fae",
    "sip:Foo@SIP.Example:5061;transport=tls;lr": "foo@sip.example",
    "sip:foo@sip.example?subject=x%0D%0ARoute:%20y": "foo@sip.example",
    "sip:foo@sip.example.": "foo@sip.example",
    "sip:foo@xn--strae-oqa.example": "foo@straße.example",
    "sip:user;par=u%40example.net@example.com": "user;par=u\\40example.net@example.com",
    "sip:d'artagnan%20(the%20%22great%22)@x.example": "d\\27artagnan\\20(the\\20\\22great\\22)@x.example",
    "sip:c%3A%5Ccool%20stuff@x.example": "c\\3a\\cool\\20stuff@x.example",
    "sip:c%3A%5C5commas@x.example": "c\\3a\\5c5commas@x.example",
    "sip:%5C2plus%5C2is%5C4@x.example": "\\2plus\\2is\\4@x.example",
    "sip:a&b=c+d$e,f;g?h/i@x.example": "a\\26b=c+d$e,f;g?h\\2fi@x.example",
    "sip:%22%26%27%2F%3A%3C%3E%40@x.example": "\\22\\26\\27\\2f\\3a\\3c\\3e\\40@x.example",
    "sip:sips%3Auser%40example.com@example.net": "sips\\3auser\\40example.com@example.net",
    "sip:%2541@x.example": "%41@x.example",  # decoded once, not twice
    "sip:foo%5C2Fbar@x.example": "foo\\5c2fbar@x.example",  # upper-case look-alike of a sequence
    "sip:%EF%BC%BC20@x.example": "\\5c20@x.example",  # full-width reverse solidus
    "sip:a%EF%BC%A0b@x.example": "a\\40b@x.example",  # full-width commercial at
    "sip:%EF%BD%86@x.example": "f@x.example",  # full-width f
    "sip:B%C3%9CCHER@x.example": "bücher@x.example",
    "sip:u%CC%88@x.example": "ü@x.example",  # normalised to NFC
    "im:juliet@im.example": "juliet@im.example",
    "pres:juliet@im.example": "juliet@im.example",
    "sip:sip.example": "sip.example",
    "sip:foo@[2001:db8::1]": "foo@[2001:db8::1]",
}

UNMAPPABLE = {
    "sip:%20a@x.example": 404,  # a space first or last
    "sip:a%20@x.example": 404,
    "sip:%20@x.example": 404,
    "sip:null-%00-null@x.example": 404,  # never shortened at the NUL
    "sip:a%0D%0Ab@x.example": 404,
    "sip:a%7F@x.example": 404,
    "sip:a%FF@x.example": 404,  # not UTF-8
    "sip:a%C0%80@x.example": 404,
    "sip:a%E2%85%A3@x.example": 404,  # roman numeral four: PRECIS refuses it
    "sip:a%F0%9F%8E%89@x.example": 404,  # a symbol
    "sip:%3C%CC%A7@x.example": 404,  # the cedilla would change the escape sequence of "<"
    "sip:" + "a" * 1024 + "@x.example": 404,
    "sip:a@x.example;gr=%00": 404,
    "sip:user:password@x.example": 400,
    "sip:user:@x.example": 400,
    "sips:a@x.example": 480,
}


@pytest.mark.parametrize(("uri", "expected"), SIP_TO_JID.items())
def test_jid_of_translates_uri(uri: str, expected: str) -> None:
    assert jid(uri) == expected


@pytest.mark.parametrize(("uri", "status"), UNMAPPABLE.items())
def test_jid_of_refuses_uri_that_no_jid_expresses(uri: str, status: int) -> None:
    for _ in range(2):  # a refusal is the same the second time
        with pytest.raises(RemoteProtocolError) as caught:
            jid(uri)
        assert caught.value.status == status
        if status == 404:
            assert (caught.value.code, caught.value.condition) == (Code.S08, "jid-malformed")


def test_jid_of_names_the_warning_when_scheme_is_sips() -> None:
    with pytest.raises(SipsNotAllowed) as caught:
        jid("sips:a@x.example")
    assert caught.value.headers == (("Warning", '380 edge "SIPS Not Allowed"'),)


JID_TO_URI = {
    "m\\26m@xmpp.example": "sip:m&m@xmpp.example",
    "tschüss@xmpp.example": "sip:tsch%C3%BCss@xmpp.example",
    "baz@xmpp.example/qux": "sip:baz@xmpp.example;gr=qux",
    "user\\40host@x.example": "sip:user%40host@x.example",
    "a\\5c20b@x.example": "sip:a%5C20b@x.example",
    "a\\5cb@x.example": "sip:a%5Cb@x.example",  # not canonical: comes back as another JID
    "a\\b@x.example": "sip:a%5Cb@x.example",
    "\\22\\27\\2f\\3a\\3c\\3e\\40@x.example": "sip:%22'/%3A%3C%3E%40@x.example",
    "a\\20b@x.example": "sip:a%20b@x.example",
    "#%[]^`{|}@x.example": "sip:%23%25%5B%5D%5E%60%7B%7C%7D@x.example",
    "-_.!~*()=+$,;?@x.example": "sip:-_.!~*()=+$,;?@x.example",
    "juliet@straße.example": "sip:juliet@xn--strae-oqa.example",
    "juliet@x.example/a b/ü;=@": "sip:juliet@x.example;gr=a%20b/%C3%BC%3B%3D%40",
    "juliet@x.example/[]/:&+$-_.!~*'()": "sip:juliet@x.example;gr=[]/:&+$-_.!~*'()",
    "x.example": "sip:x.example",
    "x.example/node": "sip:x.example;gr=node",
}


@pytest.mark.parametrize(("address", "expected"), JID_TO_URI.items())
def test_uri_of_translates_jid(address: str, expected: str) -> None:
    assert uri_of(JID.parse(address)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("first.last@x.example/home", "im:first.last@x.example"),
        (".a..b.@x.example", "im:%2Ea.%2Eb%2E@x.example"),
        ("a(b),c;d?e@x.example", "im:a%28b%29%2Cc%3Bd%3Fe@x.example"),
        ("a\\3ab\\2fc@x.example", "im:a%3Ab%2Fc@x.example"),
        ("x.example", "im:x.example"),
    ],
)
def test_uri_of_escapes_more_when_scheme_is_im(address: str, expected: str) -> None:
    parsed = JID.parse(address)
    assert uri_of(parsed, "im") == expected
    assert uri_of(parsed, "pres") == expected.replace("im:", "pres:")
    assert jid_of(SipUri.parse(expected)) == parsed.bare()


@pytest.mark.parametrize("address", ["\\20a@x.example", "a\\20@x.example"])
def test_uri_of_refuses_escaped_space_at_either_end(address: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        uri_of(JID.parse(address))
    assert caught.value.code is Code.S08


def test_bare_uri_of_leaves_the_resource_out() -> None:
    assert bare_uri_of(JID.parse("baz@xmpp.example/qux")) == "sip:baz@xmpp.example"
    assert bare_uri_of(JID.parse("baz@xmpp.example"), "pres") == "pres:baz@xmpp.example"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("juliet@x.example", "xmpp:juliet@x.example"),
        (
            "nasty!#$%()*+,-.;=?[\\]^_`{|}~node@example.com",
            "xmpp:nasty!%23$%25()*+,-.;=%3F%5B%5C%5D%5E_%60%7B%7C%7D~node@example.com",
        ),
        ("jiři@čechy.example/v Praze", "xmpp:ji%C5%99i@xn--echy-fua.example/v%20Praze"),
        ("x.example", "xmpp:x.example"),
    ],
)
def test_xmpp_uri_of_is_undone_by_jid_of_xmpp_uri(address: str, expected: str) -> None:
    parsed = JID.parse(address)
    assert xmpp_uri_of(parsed) == expected
    assert jid_of_xmpp_uri(expected) == parsed


def test_jid_of_xmpp_uri_reads_authority_query_and_fragment() -> None:
    whole = "XMPP://guest@x.example/support@y.example/a%2Fb?message;body=x#f"
    assert str(jid_of_xmpp_uri(whole)) == "support@y.example/a/b"
    assert str(jid_of_xmpp_uri("xmpp:jiři@x.example")) == "jiři@x.example"


@pytest.mark.parametrize(
    "text", ["", "juliet@x.example", "sip:juliet@x.example", "xmpp:", "xmpp:@x.example", "xmpp:%FF@x.example"]
)
def test_jid_of_xmpp_uri_refuses_what_is_none(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        jid_of_xmpp_uri(text)


TEN = {character: f"\\{ord(character):02x}" for character in " \"&'/:<>@"}  # and the backslash before one of them


def test_escape_local_knows_the_ten_sequences_and_no_other() -> None:
    for character in map(chr, range(32, 127)):
        assert escape_local(f"a{character}b") == f"a{TEN.get(character, character)}b"
    for sequence in [*TEN.values(), "\\5c"]:
        assert escape_local(sequence) == "\\5c" + sequence[1:]
        assert unescape_local(escape_local(sequence)) == sequence
    for number in range(256):
        sequence = f"\\{number:02x}"
        assert (unescape_local(sequence) != sequence) == (sequence in TEN.values() or sequence == "\\5c")


def test_cache_is_bounded() -> None:
    from edge.mapping import addresses

    assert addresses._uri_of_cached.cache_parameters()["maxsize"] == CACHE


def test_uri_knows_its_jid_and_is_no_other_uri_for_that() -> None:
    uri = SipUri.parse("sip:romeo@sip.example")
    fresh = SipUri("sip", "romeo", None, uri.host, None, (), "")
    assert jid_of(uri) is jid_of(uri) is uri.translated
    assert fresh.translated is None and fresh == uri and repr(fresh) == repr(uri)


# Text full of what is special: escapes, look-alikes of escapes, wide forms, letters that combine.
TRICKY = st.text(st.sampled_from("ab25fcCF\\ \"&'/:<>@%.;ü\u0327\uff3c\uff20é\u05d0"), min_size=1, max_size=12)


def canonical(text: str) -> str:
    wide = "".join(unicodedata.normalize("NFKC", c) if "\uff01" <= c <= "\uff5e" else c for c in text)
    return unicodedata.normalize("NFC", wide.lower())


@settings(max_examples=200)
@given(st.one_of(TRICKY, st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF), min_size=1, max_size=12)))
def test_decoded_text_survives_the_way_to_a_jid_and_back_or_is_refused(text: str) -> None:
    uri = SipUri.parse(f"sip:{escape_user(text)}@x.example")
    try:
        address = jid_of(uri)
    except RemoteProtocolError as error:
        assert error.status == 404
        return
    assert JID.parse(str(address)) == address
    back = SipUri.parse(uri_of(address))
    assert unescape(back.user) == canonical(text)
    assert jid_of(back) == address


@settings(max_examples=200)
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_categories=["Cc", "Cf"]), min_size=1))
def test_resource_survives_the_way_to_a_gruu_and_back(resource: str) -> None:
    try:
        address = JID.build("juliet", "x.example", resource)
    except RemoteProtocolError:
        assume(False)
        raise
    assert jid_of(SipUri.parse(uri_of(address))) == address
    assert jid_of_xmpp_uri(xmpp_uri_of(address)) == address
