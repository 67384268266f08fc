"""The demo, run as its users run it: what the ladder shows, what happens when something is in the way, who is left."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo import setting
from demo.authority import self_signed
from demo.child import Child, Missing
from demo.conversation import STEPS
from demo.setting import PORTS, REPOSITORY, Unfit, standing, temporary
from edge.admin.ladder import LANE
from edge.config import read

COMMAND = [sys.executable, "-m", "demo", "--once"]
WIDEST = 110

LEFT, RIGHT = "contoso", "capulet"

# For each step what must be on the ladder, in this order; of what runs in parallel only one lane is given.
EXPECTED = [
    [
        (RIGHT, "<-- presence subscribe to romeo@sip.example"),
        (LEFT, "<-- SUBSCRIBE sip:romeo@sip.example"),
        (LEFT, "--- 200 OK (SUBSCRIBE)"),
        (LEFT, "--- NOTIFY pending"),
        (LEFT, "--- NOTIFY active, application/pidf+xml"),
        (RIGHT, "--- presence subscribed to juliet@xmpp.example"),
        (RIGHT, "--- presence available to juliet@xmpp.example"),
    ],
    [
        (LEFT, "--- SUBSCRIBE sip:juliet@xmpp.example"),
        (LEFT, "<-- 200 OK (SUBSCRIBE)"),
        (LEFT, "<-- NOTIFY pending"),
        (RIGHT, "--- presence subscribe to juliet@xmpp.example"),
        (RIGHT, "<-- presence subscribed to romeo@sip.example"),
        (LEFT, "<-- NOTIFY active, application/pidf+xml"),
    ],
    [
        (LEFT, "--- MESSAGE sip:juliet@xmpp.example"),
        (RIGHT, "--- message chat to juliet@xmpp.example"),
        (LEFT, "<-- 200 OK (MESSAGE)"),
        (RIGHT, "<-- message chat to romeo@sip.example"),
        (LEFT, "<-- MESSAGE sip:romeo@sip.example"),
        (LEFT, "--- 200 OK (MESSAGE)"),
    ],
    [
        (LEFT, "--- NOTIFY active, application/pidf+xml"),
        (RIGHT, "--- presence dnd to juliet@xmpp.example"),
    ],
    [
        (RIGHT, "<-- presence away to romeo@sip.example"),
        (LEFT, "<-- NOTIFY active, application/pidf+xml"),
    ],
]


def arrows(part: str) -> list[tuple[str, str]]:
    """Whose lane, and the arrow without its shaft, of each line of a ladder."""
    found = []
    for line in part.splitlines():
        line = line.strip()
        if line.startswith("|"):
            left, right = line[1 : LANE + 1], line[LANE + 2 : -1]
            side, arrow = (RIGHT, right) if left.isspace() else (LEFT, left)
            found.append((side, arrow[:3] + arrow[3:].rstrip("->")[:-1]))
    return found


@pytest.mark.slow
def test_demo_shows_the_whole_conversation() -> None:
    done = subprocess.run(COMMAND, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines()[1:])) <= WIDEST
    steps = done.stdout
    for number, ((title, _), expected) in enumerate(zip(STEPS, EXPECTED, strict=True), 1):
        _, found, steps = steps.partition(f"\n{number}. {title}\n")
        assert found, f"step {number} was not begun"
        ladder = iter(arrows(steps.partition(f"\n{number + 1}. ")[0]))
        for arrow in expected:
            assert arrow in ladder, f"step {number}: {arrow} does not come, or not in this order\n{done.stdout}"


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_demo_leaves_no_process_behind_when_it_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        COMMAND,
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            if "SUBSCRIBE" in line:
                break
        started = children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
    assert len(started) == 3
    end = time.monotonic() + 60
    while any(map(runs, started)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(runs, started))


def test_configuration_of_the_demo_has_neither_errors_nor_warnings(tmp_path: Path) -> None:
    made = temporary(tmp_path)
    reading = read(made.configuration)
    assert [str(fault) for fault in reading.faults] == []
    assert reading.config is not None
    assert [each.port for each in reading.config.sip_listen] == [made.ports["sip"]]
    assert {system.name: system.hosts[0].port for system in reading.config.systems if system.hosts} == {
        "contoso": made.ports["contoso"],
        "capulet": made.ports["capulet"],
    }


def test_configuration_of_the_demo_has_the_ports_that_are_announced() -> None:
    text = "".join((REPOSITORY / "demo" / name).read_text() for name in ("edge.toml", "partners.toml"))
    assert all(f'"127.0.0.1:{port}"' in text for port in PORTS.values())


def test_demo_names_the_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(setting, "PORTS", {"sip": port})
        with pytest.raises(Unfit, match=f"127.0.0.1:{port} .*in use"):
            standing()


def test_demo_touches_no_certificate_that_is_not_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = self_signed("edge.example.com", dns=["edge.example.com"])
    mine.write(tmp_path / "certs", "edge")
    monkeypatch.setattr(setting, "REPOSITORY", tmp_path)
    monkeypatch.setattr(setting, "PORTS", {})
    with pytest.raises(Unfit, match="is not the demo's"):
        standing()
    assert (tmp_path / "certs" / "edge.pem").read_bytes() == mine.chain


@pytest.mark.parametrize(
    ("script", "patience", "reason"),
    [
        ("print('something else'); input()", 1, "did not receive within 1 s: presence"),
        ("print('something else')", 60, "has ended before it said: presence"),
    ],
)
def test_child_says_what_is_missing(script: str, patience: float, reason: str) -> None:
    async def expecting() -> None:
        child = await Child.start("capulet", [sys.executable, "-c", script])
        try:
            await child.expect("something")
            await child.expect("presence", patience=patience)
        finally:
            await child.stop()

    with pytest.raises(Missing, match=f"capulet {reason}"):
        asyncio.run(expecting())


def test_child_counts_each_line_once() -> None:
    async def expecting() -> None:
        child = await Child.start("contoso", [sys.executable, "-c", "print('200 NOTIFY'); input()"])
        try:
            await child.expect("200 NOTIFY")
            await child.expect("200 NOTIFY", patience=0.5)
        finally:
            await child.stop()

    with pytest.raises(Missing):
        asyncio.run(expecting())
