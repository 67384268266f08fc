"""Nobody is named in the log, and nothing that is said gets into it: conversations are played, and the lines read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from edge.admin.journal import Journal
from edge.codes import Code
from edge.config.logs import LogSettings
from edge.domains import domain
from edge.events import Facts
from edge.gateway.effects import Report
from edge.partners import System
from tests.transcript import Performance

TRANSCRIPTS = Path(__file__).parent / "transcripts"
ROOMS = ["messages", "policy", "sessions", "torture"]

NAMES = re.compile(r"\b(romeo|juliet|nurse|peter|tybalt|mercutio|benvolio|paris)\b", re.IGNORECASE)
CODE = re.compile(r"EDGE-[A-Z][0-9]{2}")


class Lines:
    """Everything that would be logged, in both forms, at the most talkative level."""

    def __init__(self, addresses: bool = False) -> None:
        self.text: list[str] = []
        self.json: list[str] = []
        facts = Facts(b"key", addresses)
        self._journals = [
            Journal(self.text.append, LogSettings("text", "debug"), facts),
            Journal(self.json.append, LogSettings("json", "debug"), facts),
        ]

    def __call__(self, event: LogEvent) -> None:
        if str(event.get("log_namespace", "")).startswith("edge"):
            for journal in self._journals:
                journal(event)

    def play(self, text: str) -> None:
        """As a transcript is, and with an event for each message that arrives."""
        performance = Performance(text)
        performance.stage.gateway.node.verbose = True
        performance.play()
        performance.stage.pass_time(11)  # what was suppressed is told too

    @property
    def all(self) -> list[str]:
        return self.text + self.json


@pytest.fixture
def lines() -> Iterator[Lines]:
    lines = Lines()
    globalLogPublisher.addObserver(lines)
    yield lines
    globalLogPublisher.removeObserver(lines)


@pytest.mark.parametrize("room", ROOMS)
def test_no_transcript_leaves_a_name_in_the_log(lines: Lines, room: str) -> None:
    paths = sorted((TRANSCRIPTS / room).glob("*.txt"))
    for path in paths:
        lines.play(path.read_text())
        assert [line for line in lines.all if NAMES.search(line)] == [], path.name
    assert len(lines.json) > len(paths) / 2


MARKED = """
[lync]     partner  sip        contoso.example
[capulet]  inside   component  capulet.example
[strange]  unlisted sip        strange.example

lync sends:
    MESSAGE sip:xqjulietx@capulet.example SIP/2.0
    From: "Xqshownx" <sip:xqromeox@contoso.example>;tag=1
    To: <sip:xqjulietx@capulet.example>
    Subject: xqsubjectx
    Content-Type: text/plain

    Xqbodyx one
capulet receives:
    <message id="{m}"><body>Xqbodyx one</body></message>
lync receives:
    SIP/2.0 200 OK

capulet is silent
lync sends:
    MESSAGE sip:xqjulietx@capulet.example SIP/2.0
    From: <sip:xqromeox@contoso.example>;tag=1
    To: <sip:xqjulietx@capulet.example>
    Call-ID: xqromeox-1@host
    Content-Type: text/plain

    Xqbodyx two
capulet receives:
    <message id="{n}"><body>Xqbodyx two</body></message>
capulet sends:
    <message from="xqjulietx@capulet.example" to="xqromeox@contoso.example" type="error" id="{n}">\
<body>Xqbodyx two</body>\
<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>\
<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">no xqjulietx here; she said Xqbodyx</text></error></message>
lync receives:
    SIP/2.0 604 {any}

capulet sends:
    <message from="xqjulietx@capulet.example/xqresx" to="xqromeox@contoso.example" id="m1">\
<body>Xqbodyx three</body></message>
lync receives:
    MESSAGE sip:xqromeox@contoso.example SIP/2.0
lync sends:
    SIP/2.0 486 Xqbodyx is what xqjulietx said
capulet receives:
    <message type="error" id="m1"/>

strange sends:
    MESSAGE sip:xqjulietx@capulet.example SIP/2.0
    From: <sip:xqromeox@strange.example>;tag=1
    To: <sip:xqjulietx@capulet.example>
    Content-Type: text/plain

    Xqbodyx four
strange receives:
    SIP/2.0 403 {any}

lync sends:
    MESSAGE sip:xqjulietx@capulet.example SIP/2.0
    From: <sip:xqromeox@contoso.example>;tag=1
    To: <sip:xqjulietx@capulet.example>
    Content-Type: image/xqtypex

    Xqbodyx five
lync receives:
    SIP/2.0 415 {any}
"""


def test_marked_words_are_in_no_line_and_the_lines_are_there(lines: Lines) -> None:
    lines.play(MARKED)
    assert [line for line in lines.all if re.search("xq(?!typex)", line, re.IGNORECASE)] == []
    events = [json.loads(line)["event"] for line in lines.json]
    assert events.count("message.ok") == 1 and events.count("message.failed") == 2
    assert events.count("sip.refused") == 2


def test_words_are_found_where_they_are(lines: Lines) -> None:
    """Else the test above would mean nothing: with addresses the names are there, and the texts are not even then."""
    globalLogPublisher.removeObserver(lines)
    scenes = Performance(MARKED)
    said: list[LogEvent] = []
    scenes.stage.driver._facts = Facts(b"key", addresses=True)
    globalLogPublisher.addObserver(said.append)  # type: ignore[arg-type]
    scenes.play()
    globalLogPublisher.removeObserver(said.append)  # type: ignore[arg-type]
    for event in said:
        lines(event)
    assert any("xqromeox@contoso.example" in line for line in lines.json)
    assert [line for line in lines.all if "Xqbodyx" in line or "xqsubjectx" in line] == []


def test_refusal_is_one_event_with_one_code(lines: Lines) -> None:
    lines.play(MARKED)
    refusals = [line for line in lines.text if "#warn]" in line]
    assert len(refusals) == 4
    assert [len(CODE.findall(line)) for line in refusals] == [1] * 4


def test_secrets_have_no_way_into_a_line() -> None:
    system = System("office", True, "xmpp", (domain("xmpp.example"),), "component", secret="hush-hush-hush")
    settings = LogSettings(key=b"hush-hush-hush-hush")
    report = Report("link.refused", Code.N01, {"system": system, "settings": settings})
    assert "hush" not in str(Facts(settings.key, addresses=True).of(report))
