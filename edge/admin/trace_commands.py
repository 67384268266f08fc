"""`edge trace`, as people see it. Called by `edge.admin.cli`."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any, TextIO

from edge.admin.client import Client
from edge.admin.rungs import heading, rung
from edge.admin.shown import printable, stamp
from edge.admin.transcribing import transcript

GOOD, FINDING = 0, 1

PAUSE = 0.5  # seconds between two looks: nobody reads faster


def trace_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge trace ADDRESS ...`: a finding if something was refused or has failed.

    It goes on until its time is over or somebody presses Ctrl-C, and is ended in the gateway in any case.
    """
    shown = sys.stderr if chosen.transcript else out
    who: dict[str, str | bool | int] = {"address": chosen.address, "bodies": chosen.bodies}
    who |= {"with": chosen.other} if chosen.other else {}
    who |= {"minutes": str(chosen.minutes)} if chosen.minutes is not None else {}
    trace = client.post("trace", **who)
    events: list[dict[str, Any]] = []
    systems: dict[str, Any] = {}
    _begin(trace, chosen.json, shown)
    answer: dict[str, Any] = {"ended": ""}
    try:
        with _interruption() as interrupted:
            while not answer["ended"] and not interrupted.is_set():
                answer = _look(client, trace, chosen.json, shown, events, systems)
                if not answer["ended"]:
                    pause(interrupted)
    finally:
        if not answer["ended"]:
            client.post("trace/end", id=trace["id"])
    if not answer["ended"]:
        answer = _look(client, trace, chosen.json, shown, events, systems)
    elif not chosen.json:
        shown.write(printable(f"ended: {answer['ended']}") + "\n")
    summary = {key: value for key, value in answer.items() if key not in ("events", "systems")}
    shown.write(f"{json.dumps(summary) if chosen.json else printable('verdict: ' + answer['verdict'])}\n")
    if chosen.transcript:
        for line in "\n".join(transcript(summary, events, systems)).split("\n"):
            out.write(printable(line.replace("\t", " ")) + "\n")
    return FINDING if answer["failed"] else GOOD


def pause(interrupted: Event) -> None:
    """Wait until it is time to look again."""
    interrupted.wait(PAUSE)


# -- private ---------------------------------------------------------------------------------------------------------


@contextmanager
def _interruption() -> Iterator[Event]:
    """Whether somebody has pressed Ctrl-C, or ended us otherwise. Python would raise an exception wherever it is just
    then, and where that is a finalizer, nobody would hear of it; who presses it twice gets that after all."""
    interrupted = Event()

    def press(*_: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = {number: signal.signal(number, press) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield interrupted
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _begin(trace: dict[str, Any], as_json: bool, shown: TextIO) -> None:
    if not as_json:
        bodies = "bodies shown" if trace["bodies"] else "bodies hidden"
        shown.write(f"trace {trace['id']}  ends {stamp(trace['ends'])}  {bodies}  (Ctrl-C ends it now)\n")
        for domain in trace["unlisted"]:
            shown.write(printable(f"{domain} is on no list: nothing passes there but refusals (edge partners)") + "\n")
        shown.write(heading(trace["sides"]) + "\n")
        shown.flush()


def _look(
    client: Client, trace: dict[str, Any], as_json: bool, shown: TextIO, events: list[dict[str, Any]],
    systems: dict[str, Any],
) -> dict[str, Any]:
    """Show what is new."""
    answer = client.get("trace", id=trace["id"], since=str(len(events)))
    for event in answer["events"]:
        lines = [json.dumps(event)] if as_json else rung(event, trace["sides"])
        shown.writelines(f"{line}\n" for line in lines)
    shown.flush()
    events += answer["events"]
    systems |= answer["systems"]
    return answer
