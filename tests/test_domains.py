"""Domains: one canonical form of every name that DNS could hold, and a refusal of all others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edge.domains import Domain, domain, unicode
from edge.errors import RemoteProtocolError

LONGEST = ".".join(["a" * 63] * 3 + ["a" * 61])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("pool_01.corp.example", "pool_01.corp.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("bücher.example.", "xn--bcher-kva.example"),
        ("contoso。com。", "contoso.com"),  # full stops of other scripts
        ("contoso．com．", "contoso.com"),
        ("faß.example", "xn--fa-hia.example"),  # IDNA2003 would make it another's domain: fass.example
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        (LONGEST, LONGEST),
    ],
)
def test_domain_is_canonical_when_the_name_is_good(text: str, expected: str) -> None:
    assert domain(text) == expected
    assert domain(domain(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a..b", ".a", "-a.example", "a-.example", "a b", "a@b", "a/b", "a\0b", "a\r\nb", "a" * 64),
        *(LONGEST + "a", "xn--a-ecp.example", "xn--", "\u0300a.example", "bü_cher.example"),
        *("bücher.example..", "a.example。。"),
        *("[]", "[", "[::1", "[example]", "[x\r\ny]", "[é]", "[192.0.2.1]"),
    ],
)
def test_domain_refuses_what_dns_could_not_hold(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        domain(text)


@pytest.mark.parametrize(
    ("name", "expected"), [("example.com", "example.com"), ("xn--bcher-kva.example", "bücher.example")]
)
def test_unicode_shows_the_name_as_people_write_it(name: str, expected: str) -> None:
    assert unicode(Domain(name)) == expected
    assert domain(expected) == name


@settings(max_examples=200)
@given(some.text(max_size=80))
def test_domain_is_canonical_or_refused_whatever_comes(text: str) -> None:
    try:
        name = domain(text)
    except RemoteProtocolError:
        return
    assert name.isascii() and name == name.lower() and domain(name) == name and not name.endswith(".")
