"""docs/operations.md and the unit for systemd name commands, events, codes and times that there are."""

import re
from pathlib import Path

import pytest

from edge.admin import cli
from edge.certificates.expiry import THRESHOLDS
from edge.certificates.reload import LOOK_SECONDS, RETIRE_SECONDS
from edge.codes import Code
from edge.config.difference import FIXED
from edge.net.retiring import QUIET
from edge.service import Options
from edge.sip.transaction import TIMER_F

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "operations.md").read_text()
UNIT = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "contrib" / "edge.service").read_text(), re.M))
COMMANDS = re.findall(r"^    edge (.+)$", TEXT, re.M) + re.findall(r"`edge ([a-z][^`]*)`", TEXT)
EVENTS = sorted(set(re.findall(r"`((?:config|cert)\.[a-z]+)`", TEXT)))


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_commands_exist(command: str) -> None:
    cli._parser().parse_args(command.split())


@pytest.mark.parametrize("key", ["ExecStartPre", "ExecReload"])
def test_commands_of_the_unit_exist(key: str) -> None:
    program, *arguments = UNIT[key].split()
    assert program.endswith("/edge")
    cli._parser().parse_args(arguments)


def test_unit_starts_the_gateway() -> None:
    program, *arguments = UNIT["ExecStart"].split()
    assert program.endswith("/twistd") and UNIT["Type"] == "notify"
    options = Options()
    options.parseOptions(arguments[arguments.index("edge") + 1 :])
    assert options["config"] == "/etc/edge/edge.toml"


@pytest.mark.parametrize("event", EVENTS)
def test_events_exist(event: str) -> None:
    sources = "".join(path.read_text() for path in (ROOT / "edge").rglob("*.py"))
    assert f'"{event}"' in sources


def test_codes_exist() -> None:
    for code in re.findall(r"EDGE-([A-Z]\d\d)", TEXT):
        assert code in Code.__members__


def test_what_only_a_restart_can_change_is_told() -> None:
    told = TEXT[TEXT.index("What only a restart can change") :].partition("\n\n")[0]
    assert {called.split()[0].strip("[]") for called in FIXED.values()} <= set(re.findall(r"`\[(\w+)\]`", told))


def test_times_are_those_of_the_program() -> None:
    days = ", ".join(str(day) for day in THRESHOLDS[:-2]) + f" and {THRESHOLDS[-2]} days before"
    assert (LOOK_SECONDS, RETIRE_SECONDS, QUIET, TIMER_F, UNIT["WatchdogSec"]) == (5, 600, 2, 32, "30")
    flowing = " ".join(TEXT.split())
    for said in ("every five seconds", "within ten minutes", "a pause of two seconds", "32 seconds later", days):
        assert said in flowing
