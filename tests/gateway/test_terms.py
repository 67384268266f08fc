"""Tests of `edge.gateway.terms`."""

import dataclasses

import pytest

from edge.gateway import terms
from edge.gateway.terms import NO_FORM, Readers, encryption, formatted, forms_of, session_types
from edge.partners import System
from edge.sip.message import Response, response_bytes
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message
from tests.gateway.bench import ROMEO_JID, Bench, spoken
from tests.gateway.talking import OFFER, SDP
from tests.sip.samples import parsed, request

OFFICE = System("office", True, "xmpp", ())
CONTOSO = System("contoso", False, "sip", ())
JABBER = System("jabber", False, "xmpp", ())


def test_form_of_a_text_passes_if_no_partner_is_without_it() -> None:
    rich = dataclasses.replace(CONTOSO, html="xhtml")
    assert not formatted(OFFICE, CONTOSO)
    assert formatted(OFFICE, rich) and formatted(rich, OFFICE)
    assert not formatted(rich, JABBER)


def test_encrypted_message_is_treated_as_the_stricter_partner_says() -> None:
    mild = dataclasses.replace(CONTOSO, encrypted="fallback")
    assert encryption(OFFICE, CONTOSO) == "refuse"
    assert encryption(OFFICE, mild) == encryption(mild, OFFICE) == "fallback"
    assert encryption(JABBER, mild) == "refuse"


def test_session_reads_html_where_it_may_pass() -> None:
    assert session_types(OFFICE, CONTOSO) == ("text/plain",)
    rich = dataclasses.replace(CONTOSO, html="xhtml")
    assert session_types(OFFICE, rich) == ("text/plain", "text/html", "multipart/alternative")


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (b"text/plain", set()),
        (b"text/plain text/html", {"text/html"}),
        (b"text/plain TEXT/HTML multipart/alternative image/gif", {"text/html", "multipart/alternative"}),
        (b"*", {"text/html", "multipart/alternative"}),
        (b"", set()),
    ],
)
def test_other_side_of_a_session_says_what_it_reads(types: bytes, expected: set[str]) -> None:
    body = OFFER.replace(b"text/plain text/html", types)
    invite = request("INVITE", headers=(SDP,), body=body)
    assert forms_of(invite) == expected
    answer = parsed(response_bytes(invite, 200, headers=(SDP,), body=body))
    assert isinstance(answer, Response) and forms_of(answer) == expected


@pytest.mark.parametrize("body", [b"", b"v=1", b"m=message"])
def test_session_that_is_described_by_nonsense_reads_no_forms(body: bytes) -> None:
    assert forms_of(request("INVITE", headers=(SDP,), body=body)) == NO_FORM


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/plain, Text/HTML;level=1, multipart/alternative", {"text/html", "multipart/alternative"}),
        ("text/html", {"text/html"}),
        ("text/html; q=0, text/plain", set()),
        ("*/*", set()),
        ("", set()),
    ],
)
def test_reader_is_who_names_a_form_in_his_message(accept: str, expected: set[str]) -> None:
    readers = Readers()
    readers.heard(ROMEO_JID, request("MESSAGE", headers=(("Accept", accept),)))
    assert readers.forms(ROMEO_JID) == expected
    readers.refused(ROMEO_JID)
    assert readers.forms(ROMEO_JID) == NO_FORM


def test_readers_are_not_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "MAX_USERS", 3)
    readers = Readers()
    for number in range(10):
        readers.heard(JID.parse(f"u{number}@sip.example"), request("MESSAGE", headers=(("Accept", "text/html"),)))
        assert len(readers._forms) <= 3


def test_form_is_dropped_where_it_may_not_pass() -> None:
    bench = Bench()
    page = bench._request("MESSAGE", (("Content-Type", "text/html"),), b"O <b>Juliet</b>")
    (stanza,) = spoken(bench.sip(page))
    assert isinstance(stanza, Message) and (stanza.body, stanza.extensions) == ("O Juliet", ())
