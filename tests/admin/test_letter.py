"""The page for the partner: whole, without anything of ours, and nothing in it that a browser would obey."""

from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

from edge.admin.examining import examine, outcome
from edge.admin.letter import page
from edge.codes import Code
from tests.admin.findings import facts, reach, system


def told_of(*reaches: Any, **said: Any) -> list[dict[str, Any]]:
    steps = examine(facts(*reaches, **said))
    return [{
        "partner": "that-awful-contoso", "domain": "contoso.com", "ours": "edge.example.net", "local": "xmpp.example",
        "when": "2026-11-20T15:05:01Z", "outcome": outcome(steps), "steps": [step.as_json() for step in steps],
    }]


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert {name for name, _ in attrs} <= {"lang", "charset", "class", "name", "content", "id", "href"}
        assert all(str(value).startswith("#") for name, value in attrs if name == "href")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_is_well_formed_and_loads_nothing() -> None:
    text = page(told_of())
    ElementTree.fromstring(text.partition("\n")[2])
    parsed = Parsed(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(parsed.tags)
    assert "url(" not in text and "@import" not in text


def test_page_says_first_how_it_is() -> None:
    assert "Everything that was tried is good." in page(told_of())
    ended = Parsed(page(told_of(reach("cert", Code.C02))))
    assert "The way ends at Your certificate: EDGE-C02 the certificate has expired." in ended.text
    busy = page(told_of(reach(status=503)))
    assert "The way is open, but for a warning at SIP OPTIONS: OPTIONS was answered 503" in busy


def test_page_tells_what_is_to_be_done_there_and_nothing_of_our_files() -> None:
    text = page(told_of(reach("cert", Code.C03), of=system(notes="DND swallows IM", contact="their boss")))
    assert "re-issue the certificate with edge.contoso.com" in text
    for ours in ("that-awful-contoso", "partners.toml", "line 37", "peer_names", "DND", "their boss", "im_mode"):
        assert ours not in text


def test_words_of_a_peer_are_shown_and_not_obeyed() -> None:
    text = page(told_of(reach(status=403, answer="403 <script>alert(1)</script> & \x1b[2J")))
    assert "<script" not in text and "\x1b" not in text
    assert "<script>alert(1)</script> &" in Parsed(text).text


def test_page_of_several_is_for_none_of_them() -> None:
    text = page([*told_of(reach("cert", Code.C03)), *told_of()])
    ElementTree.fromstring(text.partition("\n")[2])
    assert "not for any of the partners" in text and "not for any of the partners" not in page(told_of())
    assert "1 good, 0 with warnings, 1 failed" in text
    assert '<a href="#t2">that-awful-contoso: contoso.com</a>' in text and '<h2 id="t2">' in text
    assert "The way ends at Their certificate" in text and "partners.toml line 37" in text
    assert "to do here</dt><dd>[partner.tls] peer_names" in text, "it is ourselves who read it"


def test_what_was_sent_is_not_taken_for_what_is_to_be_done() -> None:
    text = page(told_of(reach("cert", Code.C03)))
    assert "with edge.contoso.com</dd><dt>sent</dt><dd>CN=edge.contoso.com, issued" in text


def test_page_speaks_to_who_reads_it() -> None:
    for found in (told_of(), told_of(reach("cert", Code.C03))):
        text = Parsed(page(found)).text
        assert "you asked for our certificate, we sent it" in text
        for word in ("they ", "theirs", "because cert failed", "(static)"):
            assert word not in text, word


def test_page_can_be_read_on_a_telephone_and_at_night() -> None:
    text = page(told_of())
    assert 'name="viewport"' in text and "@media (max-width" in text and "prefers-color-scheme: dark" in text
