"""The measurement of fan-outs notices a watcher who is told nothing, something else, or twice."""

from collections.abc import Callable

import pytest

from bench import presence
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN
from bench.subscriptions import Leg
from tests.bench.far_sides import Wire, setting

DOCUMENT = "<basic>open</basic><busy/><note>round 2</note><timestamp>12:00</timestamp>"


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> presence.ToSip:
    monkeypatch.setattr(presence, "SipWatchers", lambda setting: type("Nobody", (), {"go": lambda *_: None})())
    monkeypatch.setattr(presence, "WATCHERS", 2)
    made = presence.ToSip(setting())
    made.number = 2
    made.begin()
    return made


def notify(watcher: int, number: int, document: str = DOCUMENT) -> bytes:
    to = f"<sip:fan{watcher}@{SIP_DOMAIN}>;tag=1"
    return (
        f"NOTIFY sip:a SIP/2.0\r\nVia: SIP/2.0/TLS e\r\nFrom: <sip:star@{XMPP_DOMAIN}>\r\nTo: {to}\r\n"
        f"Call-ID: {watcher}\r\nCSeq: {number} NOTIFY\r\n\r\n{document}"
    ).encode()


def test_each_is_told_once(course: presence.ToSip) -> None:
    course.request(Wire(), notify(0, 1))  # type: ignore[arg-type]
    course.request(Wire(), notify(1, 1, DOCUMENT.replace("12:00", "12:01")))  # type: ignore[arg-type]
    assert not course.waiting


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (notify(0, 2), "told twice"),
        (notify(7, 1), "or is nobody"),
        (notify(1, 1, DOCUMENT.replace("round 2", "round 1")), "round 1"),
        (notify(1, 1, DOCUMENT.replace("<busy/>", "<busy/><away/>")), "differs"),
        (notify(1, 1, DOCUMENT.replace("<busy/>", "")), "NOTIFY"),
        (notify(0, 1), "out of order"),
    ],
    ids=["twice", "nobody", "an old state", "another document", "not the state", "a CSeq again"],
)
def test_damage(course: presence.ToSip, second: bytes, found: str) -> None:
    course.request(Wire(), notify(0, 1))  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=found):
        course.request(Wire(), second)  # type: ignore[arg-type]


def test_a_watcher_who_hears_nothing(course: presence.ToSip, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="stuck"):
        course.round(2)


@pytest.fixture
def towards_xmpp(monkeypatch: pytest.MonkeyPatch) -> presence.ToXmpp:
    leg = Leg(b"sip:a", b"<sip:star@a>", b"<sip:fan@b>", b"1", 1)
    watchers = {"go": lambda *_: None, "legs": [(leg, Wire()), (leg, Wire())]}
    monkeypatch.setattr(presence, "XmppWatchers", lambda setting: type("Nobody", (), watchers)())
    made = presence.ToXmpp(setting())
    made.number = 2
    made.begin()
    return made


def stanza(watcher: int, status: str = "round 2", sender: str = f"star@{SIP_DOMAIN}/desk") -> bytes:
    return f"<presence from='{sender}' to='fan{watcher}@{XMPP_DOMAIN}'><status>{status}</status></presence>".encode()


def test_each_xmpp_watcher_is_told_once(towards_xmpp: presence.ToXmpp) -> None:
    towards_xmpp.stanzas(stanza(0) + stanza(1))
    assert not towards_xmpp.waiting


@pytest.mark.parametrize(
    "damage",
    [
        lambda: stanza(0) + stanza(0),
        lambda: stanza(0, "round 1"),
        lambda: stanza(0, "round 2</status><show>away</show><status>"),
        lambda: stanza(0, sender="somebody@else/desk"),
        lambda: stanza(0).replace(b"to=", b"type='unavailable' to="),
    ],
)
def test_damage_towards_xmpp(towards_xmpp: presence.ToXmpp, damage: Callable[[], bytes]) -> None:
    with pytest.raises(AssertionError):
        towards_xmpp.stanzas(damage())
