"""The book of those who came and are not listed."""

import pytest

from edge.admin import seen
from edge.admin.seen import Seen, Stranger
from edge.codes import Code
from edge.gateway.effects import Report

LINK = {
    "partner": "", "direction": "in", "peer_ip": "198.51.100.9", "names": "sip.strange.example", "cert_sha256": "ab12",
    "cert_issuer": "CN=CA",
}
STREAM = {
    "stream": "s2s in", "remote": "xmpp.strange.example", "peer_ip": "198.51.100.9", "names": "xmpp.strange.example",
    "cert_sha256": "cd34", "cert_issuer": "CN=CA",
}


class Book:
    def __init__(self) -> None:
        self.now = 1000.0
        self.seen = Seen(lambda: self.now)

    def __call__(self, event: str, fields: dict[str, object], code: Code = Code.A01) -> list[Stranger]:
        self.now += 1
        self.seen.watch(Report(event, code, fields))
        return self.seen.strangers()


@pytest.fixture
def book() -> Book:
    return Book()


def test_stream_is_taken_down_with_the_certificate_it_has_shown(book: Book) -> None:
    book("link.refused", STREAM)
    (stranger,) = book("link.refused", STREAM)
    assert stranger == Stranger(
        "xmpp.strange.example", "xmpp", 1001.0, 1002.0, 2, 0, "198.51.100.9", "xmpp.strange.example", "cd34", "CN=CA",
    )


def test_sip_link_gets_its_domain_from_the_first_request(book: Book) -> None:
    (stranger,) = book("link.refused", LINK)
    assert (stranger.domain, stranger.names) == ("", "sip.strange.example")
    request = {"partner": "", "domain": "strange.example", "names": "sip.strange.example"}
    (stranger,) = book("sip.refused", request)
    assert (stranger.domain, stranger.links, stranger.requests) == ("strange.example", 1, 1)
    assert (stranger.first_seen, stranger.fingerprint, stranger.address) == (1001.0, "ab12", "198.51.100.9")
    (stranger,) = book("link.refused", LINK)
    assert (stranger.domain, stranger.links, stranger.last_seen) == ("strange.example", 2, 1003.0)


def test_stranger_on_the_link_of_a_partner_is_told_with_him(book: Book) -> None:
    fields = {"partner": "hub", "domain": "strange.example", "names": "fed.hub.example"}
    (stranger,) = book("sip.refused", fields)
    assert (stranger.domain, stranger.through, stranger.names) == ("strange.example", "hub", "")


@pytest.mark.parametrize(
    ("event", "fields", "code"),
    [
        ("link.refused", LINK, Code.C01),
        ("link.up", LINK, Code.A01),
        ("link.refused", {**LINK, "direction": "out"}, Code.A01),
        ("link.refused", {**STREAM, "stream": "s2s out"}, Code.A01),
        ("link.refused", {**LINK, "names": ""}, Code.A01),
        ("sip.refused", {"partner": "office", "to_domain": "nowhere.example"}, Code.A01),
        ("sip.refused", {"partner": ""}, Code.A01),
    ],
)
def test_everything_else_is_left_out(book: Book, event: str, fields: dict[str, object], code: Code) -> None:
    assert book(event, fields, code) == []


def test_last_one_is_told_first_and_the_oldest_goes(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST", 3)
    for number in (1, 2, 3, 1, 4):
        book("link.refused", {**STREAM, "remote": f"{number}.example"})
    assert [each.domain for each in book.seen.strangers()] == ["4.example", "1.example", "3.example"]
    for number in range(10):
        book("link.refused", {**LINK, "names": f"{number}.example"})
        book("sip.refused", {"domain": f"{number}.example", "names": f"{number}.example", "partner": ""})
    assert len(book.seen) == 3 and len(book.seen._shown) <= 3


def test_what_peers_say_is_made_printable_and_short(book: Book) -> None:
    (stranger,) = book("link.refused", {**STREAM, "cert_issuer": "CN=\x1b[2J" + "x" * 1000})
    assert stranger.issuer.startswith("CN=\ufffd[2Jx") and len(stranger.issuer) == seen.SHOWN


def test_stranger_in_json(book: Book) -> None:
    (stranger,) = book("link.refused", STREAM)
    assert stranger.as_json()["code"] == "EDGE-A01" and stranger.as_json()["domain"] == "xmpp.strange.example"
