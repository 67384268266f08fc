"""The command `edge` as a process: usage, exit status, and where it looks for the gateway."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge import __version__
from edge.admin.cli import COMMANDS, main
from tests.config.written import Written


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["check", "a", "b"], ["check", "--nope"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: edge" in capsys.readouterr().err


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"edge {__version__}\n"


def test_command_runs_as_a_process(written: Written) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge.admin.cli", "check", str(written.write("x = 1").edge)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("3 errors, 0 warnings.\n")


@pytest.mark.parametrize("verb", ["reload", "status"])
def test_without_a_gateway_to_ask_it_exits_with_2(
    verb: str, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--config", str(written.edge)]) == 2
    said = capsys.readouterr()
    where = written.folder / "state" / "admin.sock"
    assert (said.out, said.err) == ("", f"edge: no gateway can be asked at {where}: No such file or directory\n")


def test_a_configuration_that_is_not_there_is_no_place_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", "/nowhere/edge.toml"]) == 2
    assert capsys.readouterr().err == "edge: /nowhere/edge.toml cannot be read: No such file or directory\n"


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, command in COMMANDS.items():
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert command.help in said and "--json" in said
