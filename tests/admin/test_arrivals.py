"""Who came last, and whom he may have meant to be."""

import pytest

from edge.admin import arrivals
from edge.admin.arrivals import ADDRESSES, Arrivals
from edge.codes import Code
from edge.domains import Domain
from edge.gateway.effects import Report
from edge.partners import Directory, HostPort, System

SIP = System("contoso", False, "sip", (Domain("contoso.com"),), hosts=(HostPort("sip.contoso.com", 5061),))
XMPP = System("verona", False, "xmpp", (Domain("verona.example"),), link="s2s")


class Book(Arrivals):
    """With a clock that can be set."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(Directory((SIP, XMPP)), lambda: self.now)

    def hear(self, event: str, code: Code | None = None, **fields: object) -> None:
        self.watch(Report(event, code, fields))


def test_link_that_was_let_in_is_remembered_with_its_proof() -> None:
    book = Book()
    book.hear("link.up", partner="verona", stream="s2s in", peer_ip="203.0.113.5", auth="external")
    found = book.good(XMPP)
    assert found is not None and (found.when, found.address, found.how) == (1000.0, "203.0.113.5", "external")
    assert book.good(SIP) is None


def test_link_that_we_have_dialled_is_no_arrival() -> None:
    book = Book()
    book.hear("link.up", partner="contoso", direction="out")
    book.hear("link.up", partner="verona", stream="s2s out")
    book.hear("link.refused", Code.N01, partner="contoso", direction="out")
    assert book.good(SIP) is book.good(XMPP) is book.bad(SIP) is None


def test_stream_that_was_refused_is_that_of_whom_it_named() -> None:
    book = Book()
    book.hear("link.refused", Code.C03, stream="s2s in", remote="verona.example", text="the name", partner="")
    found = book.bad(XMPP)
    assert found is not None and found.fault is not None
    assert (found.fault.code, found.fault.text) == (Code.C03, "the name")


def test_sip_link_that_was_refused_is_that_of_the_names_in_its_certificate() -> None:
    book = Book()
    book.hear("link.refused", Code.C02, direction="in", names="strange.example,sip.contoso.com", partner="")
    assert book.bad(SIP) is not None and book.bad(XMPP) is None


def test_link_without_a_name_is_found_by_its_address() -> None:
    book = Book()
    book.hear("link.refused", Code.T05, direction="in", peer_ip="203.0.113.17")
    assert book.bad(SIP) is None
    assert book.bad(SIP, ("203.0.113.17",)) is not None


def test_last_refusal_counts() -> None:
    book = Book()
    book.hear("link.refused", Code.T05, direction="in", peer_ip="203.0.113.17")
    book.now = 2000.0
    book.hear("link.refused", Code.C02, direction="in", names="contoso.com")
    found = book.bad(SIP, ("203.0.113.17",))
    assert found is not None and found.fault is not None and found.fault.code is Code.C02


def test_request_that_was_refused_is_that_of_the_partner_whose_link_brought_it() -> None:
    book = Book()
    book.hear("sip.refused", Code.A05, partner="contoso", method="MESSAGE", reason="who knows")
    book.hear("policy.denied", Code.A06, partner="verona")
    sip, xmpp = book.denied(SIP), book.denied(XMPP)
    assert sip is not None and sip.fault is not None and xmpp is not None and xmpp.fault is not None
    assert (sip.fault.code, xmpp.fault.code) == (Code.A05, Code.A06)
    assert sip.fault.text == "", "what is told of users stays in the log"
    assert book.bad(SIP) is book.bad(XMPP) is None


@pytest.mark.parametrize("code", [Code.A03, Code.A04, Code.L01, Code.S04])
def test_refusal_that_says_nothing_of_the_partner_is_not_kept(code: Code) -> None:
    """What we ourselves have sent to him may be meant."""
    book = Book()
    book.hear("policy.denied", code, partner="contoso")
    assert book.denied(SIP) is None


def test_addresses_without_names_have_an_end() -> None:
    book = Book()
    for number in range(ADDRESSES + 1):
        book.hear("link.refused", Code.T05, direction="in", peer_ip=f"address {number}")
    assert book.bad(SIP, ("address 0",)) is None and book.bad(SIP, ("address 1",)) is not None


def test_partners_that_come_and_go_have_an_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "PARTNERS", 2)
    book = Book()
    for name in ("one", "two", "contoso", "two"):
        book.hear("link.up", direction="in", partner=name, peer_ip="203.0.113.17")
        book.hear("link.refused", Code.C02, direction="in", partner=name, peer_ip="203.0.113.17")
        book.hear("policy.denied", Code.A06, partner=name)
    assert list(book._good) == list(book._bad) == list(book._denied) == ["contoso", "two"]


def test_what_a_peer_says_is_made_fit_for_a_terminal() -> None:
    book = Book()
    book.hear("link.refused", Code.A11, direction="in", names="contoso.com", text="\x1b[2J")
    found = book.bad(SIP)
    assert found is not None and "\x1b" not in str(found.fault)
