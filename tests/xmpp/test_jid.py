"""Addresses: RFC 7622, PRECIS, IDNA2008, and what a peer may make us remember."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.xmpp import jid as module
from edge.xmpp.element import legal
from edge.xmpp.jid import CACHE, CACHED_LENGTH, JID

# RFC 7622 §3.5, table 1, and more of the kind: text, (localpart, domain, resource).
VALID = {
    "juliet@example.com": ("juliet", "example.com", ""),
    "juliet@example.com/foo": ("juliet", "example.com", "foo"),
    "juliet@example.com/foo bar": ("juliet", "example.com", "foo bar"),
    "juliet@example.com/foo@bar": ("juliet", "example.com", "foo@bar"),
    "foo\\20bar@example.com": ("foo\\20bar", "example.com", ""),
    "fussball@example.com": ("fussball", "example.com", ""),
    "fußball@example.com": ("fußball", "example.com", ""),
    "π@example.com": ("π", "example.com", ""),
    "Σ@example.com/foo": ("σ", "example.com", "foo"),
    "king@example.com/♚": ("king", "example.com", "♚"),
    "example.com": ("", "example.com", ""),
    "example.com/foobar": ("", "example.com", "foobar"),
    "a.example.com/b@example.net": ("", "a.example.com", "b@example.net"),
    "a@b.example/c/d": ("a", "b.example", "c/d"),
    "JULIET@EXAMPLE.COM/Balcony": ("juliet", "example.com", "Balcony"),
    "ｊｕｌｉｅｔ@example.com": ("juliet", "example.com", ""),  # full width, RFC 8265 §3.3.2
    "ｶ@example.com": ("カ", "example.com", ""),  # half width
    "a@ＥＸＡＭＰＬＥ.com": ("a", "example.com", ""),
    "a@example.com.": ("a", "example.com", ""),
    "u\u0308ber@example.com": ("über", "example.com", ""),  # NFC
    "a@example.com/x\u00a0y": ("a", "example.com", "x y"),  # OpaqueString maps spaces
    "a@MÜNCHEN.example": ("a", "münchen.example", ""),
    "a@xn--mnchen-3ya.example": ("a", "münchen.example", ""),
    "a@[::1]": ("a", "[::1]", ""),
    "a@[2001:DB8:0:0::1]/r": ("a", "[2001:db8::1]", "r"),
    "a@192.0.2.1": ("a", "192.0.2.1", ""),
    "a@pool_01.example": ("a", "pool_01.example", ""),
    "اب@example.com": ("اب", "example.com", ""),  # right to left
}

INVALID = {
    "": "nothing",
    "@example.com": "an empty localpart",
    "example.com/": "an empty resource",
    "a@": "no domain",
    "/r": "no domain before a resource",
    '"juliet"@example.com': "quotes",
    "foo bar@example.com": "a space",
    "henryⅣ@example.com": "a compatibility character",
    "♚@example.com": "a symbol",
    "a@b@example.com": "two at signs",
    "a:b@example.com": "a colon",
    "a&b@example.com": "an ampersand",
    "a'b@example.com": "an apostrophe",
    "a<b@example.com": "a less-than sign",
    "a＠b@example.com": "a full width at sign, which becomes one",
    "a＆b@example.com": "a full width ampersand, which becomes one",
    "a\x00@example.com": "NUL",
    "a\x7f@example.com": "DEL",
    "a@example.com/\x07": "a control in the resource",
    "a@example.com/\u200b": "a zero width space in the resource",
    "a@-example.com": "a label that begins with a hyphen",
    "a@exa mple.com": "a space in the domain",
    "a@example..com": "an empty label",
    "a@" + "x" * 64 + ".example": "a long label",
    "a@" + "x" * 70 + ".example": "a label of 70 octets, which IDNA2003 libraries accept",
    "a@xn--zzzzzz.example": "a broken A-label",
    "a@a℀b.example": "a character that compatibility mapping turns into a slash",
    "a@[::1": "an open bracket",
    "a@[::1]x": "text behind the bracket",
    "a@[<script>]": "brackets around no address",
    "a@[fe80::1%eth0]": "a zone",
    "a@[192.0.2.1]": "brackets around an IPv4 address",
    "אa\u0031@example.com": "a violation of the bidi rule",
    "\ud800@example.com": "a lone surrogate",
    "a@example.com/\ud800": "a lone surrogate in the resource",
    "a@\ud800.example": "a lone surrogate in the domain",
    "x" * 1024 + "@example.com": "a long localpart",
    "ü" * 512 + "@example.com": "a localpart of few characters and many octets",
    "a@example.com/" + "x" * 1024: "a long resource",
    "a@example.com/" + "ü" * 512: "a resource of few characters and many octets",
    "x" * 4000: "more than all parts together may have",
}


@pytest.mark.parametrize("text", VALID)
def test_jid_has_its_canonical_parts_when_parsed(text: str) -> None:
    jid = JID.parse(text)
    assert (jid.local, jid.domain, jid.resource) == VALID[text]


@pytest.mark.parametrize("text", VALID)
def test_jid_is_itself_when_its_text_is_parsed_again(text: str) -> None:
    jid = JID.parse(text)
    assert JID.parse(str(jid)) == jid
    assert JID.build(jid.local, jid.domain, jid.resource) == jid
    assert JID.build(jid.local, jid.host, jid.resource) == jid
    assert hash(JID.parse(str(jid))) == hash(jid)


@pytest.mark.parametrize("text", INVALID, ids=list(INVALID.values()))
def test_jid_is_refused_when_it_has(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        JID.parse(text)
    assert refused.value.code is Code.S08
    assert refused.value.condition == "jid-malformed"


@pytest.mark.parametrize("length", [1, 1023])
def test_jid_keeps_parts_of_the_allowed_length(length: int) -> None:
    jid = JID.parse("x" * length + "@example.com/" + "y" * length)
    assert (len(jid.local), len(jid.resource)) == (length, length)


def test_jid_is_cut_before_it_is_prepared() -> None:
    """RFC 7622 §3.2: no character that becomes a separator separates."""
    assert JID.parse("a@example.com/x＠y／z").resource == "x＠y／z"
    with pytest.raises(RemoteProtocolError):
        JID.parse("a＠example.com")
    with pytest.raises(RemoteProtocolError):
        JID.parse("a@example.com／r")


def test_domain_is_idna2008_and_not_idna2003() -> None:
    sharp = JID.parse("a@faß.de")
    assert (sharp.domain, sharp.host) == ("faß.de", "xn--fa-hia.de")
    assert sharp != JID.parse("a@fass.de")


def test_host_is_in_a_labels() -> None:
    assert JID.parse("a@münchen.example").host == "xn--mnchen-3ya.example"


def test_bare_is_without_resource() -> None:
    assert JID.parse("a@b.example/c").bare() == JID.parse("a@b.example")
    assert JID.parse("b.example/c").bare() == JID.parse("b.example")
    jid = JID.parse("a@b.example")
    assert jid.bare() is jid


def test_address_of_another_resource_is_the_same_as_if_it_were_built() -> None:
    jid = JID.parse("a@fa\xdf.example")
    other = jid.with_resource("\uff43")
    assert (other, other.bare(), other.with_resource("")) == (JID.build("a", "fa\xdf.example", "\uff43"), jid, jid)
    with pytest.raises(RemoteProtocolError):
        jid.with_resource("\0")


def test_quoted_can_stand_in_an_attribute() -> None:
    assert JID.parse("a@b.example/<'&\">").quoted == "a@b.example/&lt;&apos;&amp;&quot;&gt;"


def test_jid_is_its_text_and_no_other_address() -> None:
    jid = JID.parse("a@b.example")
    assert jid == "a@b.example" == str(jid) == f"{jid}"
    assert type(str(jid)) is type(f"{jid}") is str
    assert jid != JID.parse("a@b.example/c")
    assert repr(jid) == "JID('a@b.example')"


def test_caches_stay_bounded_when_a_peer_has_many_addresses() -> None:
    for number in range(CACHE + 100):
        JID.parse(f"u{number}@example.com/r").bare()
        JID.build(f"u{number}", "example.com", "r")
    for cache in (module._parse_cached, module._build_cached, module._build_bare):
        assert cache.cache_info().currsize <= CACHE


def test_long_addresses_are_not_cached() -> None:
    before = module._parse_cached.cache_info()
    JID.parse("x" * CACHED_LENGTH + "@example.com")
    assert module._parse_cached.cache_info() == before


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=200)
def test_jid_is_refused_or_canonical_whatever_the_text(local: str, host: str, resource: str) -> None:
    for text in (f"{local}@{host}/{resource}", f"{local}@example.com/{resource}", f"a@{host}"):
        try:
            jid = JID.parse(text)
        except RemoteProtocolError:
            continue
        assert JID.parse(str(jid)) == jid
        assert not set(jid.local) & set("\"&'/:<>@ ")
        assert jid.host.isascii()
        assert legal(str(jid)) == str(jid)
