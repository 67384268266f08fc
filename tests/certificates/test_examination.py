"""What there is to say about our own certificates."""

from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edge.certificates.examination import Finding, compare, examine, weakness
from edge.certificates.identity import Identities, Identity, parse
from edge.codes import Code
from edge.domains import Domain
from edge.partners import System
from tests.certificates.made import CLIENT, DAY, NOW, SERVER, Made, authority, dns, make

ROOT = authority("Root", number=1)
MIDDLE = authority("Middle", issuer=ROOT, number=2)
OLD = authority("Old", issuer=ROOT, number=3, begins=NOW - 9 * DAY, ends=NOW - DAY)
NAME = Domain("edge.example")
BOTH = (SERVER, CLIENT)


def identity(*chain: Made) -> Identity:
    return parse(b"".join(each.pem for each in chain), chain[0].key_pem)


def said(*chain: Made, now: datetime = NOW, systems: tuple[System, ...] = ()) -> list[tuple[Code, bool]]:
    found = examine(Identities(identity(*chain)), NAME, systems, now)
    return [(finding.code, finding.warning) for finding in found]


def leaf(**more: object) -> Made:
    more.setdefault("eku", BOTH)
    more.setdefault("issuer", MIDDLE)
    return make(dns(NAME), number=9, **more)  # type: ignore[arg-type]


def test_good_certificate_gives_nothing_to_say() -> None:
    assert said(leaf(), MIDDLE) == []


CASES = [
    ("ended", [leaf(begins=NOW - 9 * DAY, ends=NOW - DAY), MIDDLE], (Code.C02, False)),
    ("ends soon", [leaf(ends=NOW + 9 * DAY), MIDDLE], (Code.C02, True)),
    ("not begun", [leaf(begins=NOW + DAY), MIDDLE], (Code.C09, False)),
    ("for clients only", [leaf(eku=(CLIENT,)), MIDDLE], (Code.C05, False)),
    ("for servers only", [leaf(eku=(SERVER,)), MIDDLE], (Code.C05, True)),
    ("out of order", [leaf(), ROOT, MIDDLE], (Code.C06, True)),
    ("without its issuer", [leaf(says_issuer=True)], (Code.C06, True)),
    ("below an issuer that has ended", [leaf(issuer=OLD), OLD], (Code.C07, True)),
    ("of another name", [make(dns("other.example"), issuer=MIDDLE, eku=BOTH, number=9), MIDDLE], (Code.C03, False)),
    ("with a small key", [leaf(own=ec.generate_private_key(ec.SECP192R1())), MIDDLE], (Code.C11, True)),
]


@pytest.mark.parametrize(("chain", "finding"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_certificate_is_found_to_be(chain: list[Made], finding: tuple[Code, bool]) -> None:
    assert said(*chain) == [finding]


def test_lone_certificate_is_told_where_that_of_its_issuer_is() -> None:
    (found,) = examine(Identities(identity(leaf(says_issuer=True))), NAME, (), NOW)
    assert found.text.endswith("which must follow it in the file (http://ca.example/i.cer)")


def test_lone_certificate_of_a_private_authority_is_no_finding() -> None:
    assert said(leaf(issuer=ROOT)) == []


def test_domains_that_nobody_will_believe_are_listed_once() -> None:
    xmpp = System(name="office", inside=True, protocol="xmpp", domains=(Domain("a.example"),), link="component")
    sip = System(name="contoso", inside=False, protocol="sip", domains=(Domain("contoso.com"),))
    found = examine(Identities(identity(leaf(), MIDDLE)), NAME, (xmpp, sip), NOW)
    assert [(each.code, each.warning) for each in found] == [(Code.C03, True)]
    assert '"a.example"' in found[0].text and "contoso.com" not in found[0].text


def test_domain_of_a_stream_may_be_on_another_certificate() -> None:
    inside = System(name="house", inside=True, protocol="sip", domains=(Domain("b.example"),))
    partner = System(name="jabber", inside=False, protocol="xmpp", domains=(Domain("j.example"),), link="s2s")
    other = make(dns("b.example"), issuer=MIDDLE, eku=BOTH, number=8)
    default = identity(leaf(), MIDDLE)
    alone = examine(Identities(default), NAME, (inside, partner), NOW)
    assert [each.code for each in alone] == [Code.C03]
    assert examine(Identities(default, [identity(other, MIDDLE)]), NAME, (inside, partner), NOW) == ()


def test_finding_says_whose_it_is() -> None:
    ours = Identities(identity(leaf(), MIDDLE), [identity(leaf(ends=NOW + DAY), MIDDLE)])
    assert [(each.code, each.index) for each in examine(ours, NAME, (), NOW)] == [(Code.C02, 1)]


def test_renewal_with_the_same_key_and_names_is_no_finding() -> None:
    assert compare(identity(leaf()), identity(leaf(ends=NOW + 90 * DAY))) == ()


def test_new_key_and_lost_names_are_told() -> None:
    old = identity(make(dns("edge.example"), dns("b.example"), number=1))
    new = identity(make(dns("edge.example"), dns("c.example"), number=2))
    key, names = compare(old, new, 3)
    assert (key.code, key.warning, key.index, names.code) == (Code.K07, True, 3, Code.K07)
    assert '"b.example"' in names.text and "edge.example" not in names.text


OF_OLD = b"""
-----BEGIN CERTIFICATE-----
MIIBbzCCARagAwIBAgIUfU7GhN5K8jKnBYu18SW6bWuG1TcwCQYHKoZIzj0EATAO
MQwwCgYDVQQDDANvbGQwHhcNMjYxMTIxMTkwMzM1WhcNMzYxMTE4MTkwMzM1WjAO
MQwwCgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATNv7ZI0TGn
vjk4z0YXSS+UYs5xjIvRMwYzrMr0nyAjLAlGwBdhfHfNCUGjWefTIKd5GiS2Zl+V
wYcP0a28aJPpo1MwUTAdBgNVHQ4EFgQUUj8yKcj1jNJF/oksTEVjYlQB0qowHwYD
VR0jBBgwFoAUUj8yKcj1jNJF/oksTEVjYlQB0qowDwYDVR0TAQH/BAUwAwEB/zAJ
BgcqhkjOPQQBA0gAMEUCIQDhJZQDYO8PVrSQkY0y0nNOmeRGruS0bkyUKFuz5hQ+
dgIgC+k2y7T1h+UxrumZ2wJIXcsRiBY8xY9nlNs8KBk3PK4=
-----END CERTIFICATE-----
"""


def test_weakness_is_named() -> None:
    assert weakness(leaf().certificate) == ""
    assert weakness(leaf(own=rsa.generate_private_key(65537, 1024)).certificate) == "an RSA key of 1024 bits"
    assert weakness(x509.load_pem_x509_certificate(OF_OLD)) == "a signature with SHA1"
    assert Finding(Code.C11, "").warning is False
