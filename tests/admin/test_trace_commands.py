"""`edge trace` in front of a gateway on the stage: what is printed, and that the trace always ends."""

import json
import signal
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import pytest

from edge.admin import trace_commands
from edge.admin.traces import Traces
from tests.admin.shell import Shell
from tests.admin.traced import CAST, SIP_SPEAKS, traces_of
from tests.transcript import Performance

FAILS = """
capulet is down
lync sends:
    MESSAGE sip:juliet@capulet.example SIP/2.0
    From: <sip:romeo@contoso.example>;tag=1
    To: <sip:juliet@capulet.example>
    Content-Type: text/plain

    Art thou not Romeo?
lync receives:
    SIP/2.0 {any}
"""


class Gateway(Shell):
    """Its answers are those of a gateway on the stage; something happens there in each pause."""

    def __init__(self, scenes: str, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
        super().__init__()
        self.performance = Performance(CAST + scenes)
        self.traces: Traces = traces_of(self.performance.stage)
        self.then = then
        self.acts = iter([self.performance.play])
        monkeypatch.setattr(trace_commands, "pause", self.pause)

    def pause(self, interrupted: object) -> None:
        next(self.acts, self.then)()

    def get(self, name: str, /, **said: Any) -> Any:
        return json.loads(json.dumps(self.traces.read(said)))

    def post(self, name: str, /, **said: Any) -> Any:
        self.asked.append(("POST", name, said))
        texts = {key: str(value).lower() if isinstance(value, bool) else value for key, value in said.items()}
        return {"trace": self.traces.start, "trace/end": self.traces.end}[name](texts)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(SIP_SPEAKS, monkeypatch, interrupt)


def test_ladder_is_drawn_until_somebody_ends_it(delivered: Gateway) -> None:
    status, said = delivered.run("trace", "romeo@contoso.example", "--with", "juliet@capulet.example")
    head, columns, *rungs, verdict = said.splitlines()
    assert status == 0 and verdict == "verdict: delivered"
    assert "bodies hidden" in head and columns.split() == ["lync", "edge", "capulet"]
    assert len(rungs) == 3
    assert "--- MESSAGE 19 B -" in rungs[0] and "--- message 19 B -" in rungs[1] and "<-- 200 OK (MESSAGE)" in rungs[2]
    assert "Art thou" not in said
    assert [name for _, name, _ in delivered.asked] == ["trace", "trace/end"]
    assert delivered.performance.stage.driver.recorder is None


def test_it_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(SIP_SPEAKS, monkeypatch, lambda: gateway.performance.stage.clock.advance(60))
    status, said = gateway.run("trace", "contoso.example", "--minutes", "1")
    assert (status, said.splitlines()[-2:]) == (0, ["ended: its time was over", "verdict: delivered"])
    assert [name for _, name, _ in gateway.asked] == ["trace"]


def test_failure_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = Gateway(FAILS, monkeypatch, interrupt).run("trace", "contoso.example")
    assert status == 1
    assert said.splitlines()[-1] == "verdict: EDGE-N01 the connection was refused: the sender was told (504)"


def test_bodies_are_shown_if_that_is_wanted(delivered: Gateway) -> None:
    _, said = delivered.run("trace", "contoso.example", "--bodies")
    assert "bodies shown" in said and said.count("> Art thou not Romeo?") == 2


def test_json_is_one_line_for_each_event_and_one_for_the_end(delivered: Gateway) -> None:
    _, said = delivered.run("trace", "contoso.example", "--json")
    *events, summary = [json.loads(line) for line in said.splitlines()]
    assert [each["what"] for each in events] == ["MESSAGE 19 B", "message 19 B", "200 OK (MESSAGE)"]
    assert (summary["verdict"], summary["count"], summary["ended"]) == ("delivered", 3, "somebody has ended it")


def test_transcript_can_be_played_and_the_ladder_goes_elsewhere(delivered: Gateway) -> None:
    shown = StringIO()
    with redirect_stderr(shown):
        _, said = delivered.run("trace", "contoso.example", "--transcript")
    Performance(said).play()
    assert "contoso sends:" in said and "verdict: delivered" in shown.getvalue()


def test_nothing_in_a_transcript_is_obeyed_by_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = SIP_SPEAKS.replace("Content-Type", "User-Agent: x\x1b[2Jy\n    Content-Type")
    with redirect_stderr(StringIO()):
        _, said = Gateway(scenes, monkeypatch, interrupt).run("trace", "contoso.example", "--transcript")
    assert "[2Jy" in said and "\x1b" not in said


def test_domain_on_no_list_is_told_at_once(delivered: Gateway) -> None:
    _, said = delivered.run("trace", "romeo@contoso.example", "--with", "a@nowhere.example")
    assert said.splitlines()[1].startswith("nowhere.example is on no list")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_trace_ends_in_the_gateway_when_the_command_is_ended(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(SIP_SPEAKS, monkeypatch, lambda: signal.raise_signal(number))
    before = signal.getsignal(number)
    assert gateway.run("trace", "contoso.example")[0] == 0
    assert [name for _, name, _ in gateway.asked] == ["trace", "trace/end"] and signal.getsignal(number) == before


def test_trace_ends_in_the_gateway_when_the_command_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies() -> None:
        raise BrokenPipeError

    gateway = Gateway(SIP_SPEAKS, monkeypatch, dies)
    with redirect_stderr(StringIO()):
        gateway.run("trace", "contoso.example")
    assert [name for _, name, _ in gateway.asked] == ["trace", "trace/end"]
