"""What systemd hears of us."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.admin.systemd import READY, Systemd


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver, str(tmp_path / "notify")


def test_it_hears_what_is_said(listening: tuple[socket.socket, str]) -> None:
    receiver, path = listening
    Systemd({"NOTIFY_SOCKET": path}).say(READY, "STATUS=all is well")
    assert receiver.recv(1000) == b"READY=1\nSTATUS=all is well"


def test_a_reload_has_its_time(listening: tuple[socket.socket, str]) -> None:
    receiver, path = listening
    Systemd({"NOTIFY_SOCKET": path}).reloading()
    first, second = receiver.recv(1000).decode().splitlines()
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=") and int(second.partition("=")[2]) > 0


def test_names_without_a_file_work_too() -> None:
    name = f"edge-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        receiver.settimeout(5)
        Systemd({"NOTIFY_SOCKET": f"@{name}"}).say(READY)
        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_it_nothing_happens(environment: dict[str, str]) -> None:
    Systemd(environment).say(READY)


OURS, OTHERS = str(os.getpid()), str(os.getpid() + 1)


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 10),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": OURS}, 10),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": OTHERS}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_signs_of_life_come_in_time(environment: dict[str, str], period: float) -> None:
    assert Systemd({"NOTIFY_SOCKET": "/run/notify", **environment}).period == period
    assert Systemd(environment).period == 0, "nobody waits for them"
