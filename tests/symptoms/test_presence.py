"""What the administrator gets to read about presence that is missing, stale or withdrawn."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from edge.admin.sub_commands import subs_lines
from edge.admin.subs import halves
from edge.gateway.paths import NOTE
from edge.gateway.records import NotificationRecord
from edge.xmpp.authorization import State
from tests.admin.office import JULIET, ROMEO, Office
from tests.admin.shell import Shell
from tests.admin.test_subs import DIALOG
from tests.symptoms.page import shows
from tests.transcript import Performance

ROOM = Path(__file__).parents[1] / "transcripts" / "presence"
WATCHED = (ROOM / "xmpp_user_subscribes_and_sees_presence.txt").read_text()
SEEN = WATCHED.partition("CSeq: 3 NOTIFY")[0].rpartition("\nlync sends:")[0]  # up to the first presence
LOST = (ROOM / "outage_of_a_sip_system_that_lasts_is_seen_by_its_watchers.txt").read_text()

ONE_WAY = """\
version = 1

[[partner]]
name = "contoso"
domains = ["contoso.com"]
via = "sip"
allow = "outgoing"
"""


def subs(performance: Performance) -> list[str]:
    """`edge subs` after a conversation."""
    gateway = performance.stage.gateway
    running: Any = SimpleNamespace(gateway=gateway)
    return subs_lines([half for pair in gateway.pairs for half in halves(running, pair)], 0)


def test_missing_half_is_told_with_whose_it_is(tmp_path: Path) -> None:
    office = Office(tmp_path)
    record = NotificationRecord(str(ROMEO), str(JULIET), DIALOG, "presence", True, office.gateway.node.wall + 600)
    office.gateway.notifiers.restore(office.pair(State.TO), record)
    status, text = Shell({"subs": office.get("subs", user="romeo@contoso.com")}).run("subs", "romeo@contoso.com")
    assert status == 1, "it is a finding"
    shows("One half of a subscription is missing", text.splitlines())


def test_direction_that_is_closed_is_told_with_its_place(tmp_path: Path) -> None:
    office = Office(tmp_path, partners=ONE_WAY)
    answer = office.get("explain", **{"from": "romeo@contoso.com", "to": "juliet@xmpp.example"})
    status, text = Shell({"explain": answer}).run("explain", "romeo@contoso.com", "juliet@xmpp.example")
    assert status == 1
    shows("The partner list closes one direction", text.splitlines())


def test_presence_has_an_age_and_a_time_at_which_it_ends() -> None:
    performance = Performance(SEEN)
    performance.play()
    performance.stage.pass_time(180)
    shows("Presence does not change any more", subs(performance))


def test_presence_that_is_withdrawn_is_logged_with_its_reason() -> None:
    said: list[str] = []

    def hear(event: LogEvent) -> None:
        said.append(str(formatEvent(event)))

    globalLogPublisher.addObserver(hear)
    try:
        Performance(LOST).play()
    finally:
        globalLogPublisher.removeObserver(hear)
    shows("Presence of everybody at a partner goes out", [*said, NOTE.format(domain="contoso.example")])
