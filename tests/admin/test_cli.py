"""The command `edge` as a process: usage, exit status, and where it looks for the gateway."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from errno import EACCES, ENOSPC
from pathlib import Path

import pytest

from edge import __version__
from edge.admin.cli import COMMANDS, _parser, main
from edge.admin.client import Client, Refused
from tests.config.written import Written


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


WRONG = [
    "", "chekc", "check a b", "check --nope", "link", "link open x", "link close", "partners sean", "allow", "block",
    "allow x.example --via smtp", "explain", "audit --since then", "cert", "code --nope", "subs a b c",
    "trace", "trace a b", "trace a --minutes soon",
]


@pytest.mark.parametrize("arguments", [words.split() for words in WRONG])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: edge" in capsys.readouterr().err


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert re.fullmatch(rf"edge {re.escape(__version__)} \(Python 3[\d.]+, expat [\d.]+\)\n", capsys.readouterr().out)


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


ASKING = [
    "allow x.example", "audit", "block x.example", "cert peers", "explain x.example", "link close x", "link retry x",
    "links", "partners", "partners seen", "reload", "status", "subs", "trace x@y.example",
]


@pytest.mark.parametrize("words", ASKING)
def test_without_a_gateway_to_ask_it_exits_with_2(
    words: str, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), "--config", str(written.edge)]) == 2
    said = capsys.readouterr()
    where = written.folder / "state" / "admin.sock"
    why = "No such file or directory (does it run, and with this configuration?)"
    assert (said.out, said.err) == ("", f"edge: no gateway can be asked at {where}: {why}\n")


def test_a_configuration_that_is_not_there_is_no_place_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", "/nowhere/edge.toml"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("edge: /nowhere/edge.toml cannot be read: No such file or directory (--config names another")
    assert said.endswith("--socket the socket of a gateway that runs)\n")


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, command in COMMANDS.items():
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert command.help in said and "--json" in said


def test_verb_that_needs_no_gateway_runs_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "EDGE-A01"]) == 0
    assert capsys.readouterr().out.startswith("EDGE-A01  ")


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(client: object, name: str, **said: str) -> None:
        raise error

    monkeypatch.setattr(Client, "get", run)


def test_refusal_is_a_finding_and_goes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, Refused("there is no partner"))
    assert main(["links", "x", "--socket", "/nowhere"]) == 1
    assert capsys.readouterr() == ("", "edge: there is no partner\n")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (OSError(ENOSPC, "No space left on device"), 2, "edge: No space left on device\n"),
        (PermissionError(EACCES, "Permission denied", "a.pem"), 2, "edge: a.pem: Permission denied\n"),
    ],
)
def test_end_from_outside_is_no_traceback(
    error: BaseException, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, error)
    assert main(["links", "--socket", "/nowhere"]) == status
    assert capsys.readouterr() == ("", said)


def test_output_that_nobody_reads_or_that_is_nowhere_is_no_traceback() -> None:
    command = [sys.executable, "-m", "edge.admin.cli", "code"]
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE) as cut:
        os.close(write)
        shell = ["sh", "-c", f"{shlex.join(command)} >&-"]
        with subprocess.Popen(shell, stderr=subprocess.PIPE) as closed:
            assert (cut.communicate(timeout=60)[1], cut.returncode) == (b"", 0)
            assert (closed.communicate(timeout=60)[1], closed.returncode) == (b"", 0)


def test_help_says_what_the_exit_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "0 all is well, 1 a finding or a refusal, 2 wrong usage" in " ".join(capsys.readouterr().out.split())


def test_moment_that_is_none_is_answered_with_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["audit", "--since", "yesterday"])
    assert '"yesterday" is neither a span (90m, 2h, 3d) nor a day or time' in capsys.readouterr().err


def test_every_verb_has_its_section_and_its_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    for verb in COMMANDS:
        assert f"\n## edge {verb}\n" in page, f"docs/cli.md says nothing of `edge {verb}`"
        assert f"[`{verb}`](#edge-{verb})" in page


def told_commands() -> list[tuple[str, str]]:
    """Every command that our pages, cures and alerts tell somebody to type: where, and what."""
    root = Path(__file__).parents[2]
    files = [*(root / "docs").glob("*.md"), root / "README.md", *(root / "contrib").iterdir()]
    files += (root / "edge" / "admin").glob("*.py")
    found = []
    for file in files:
        text = file.read_text()
        commands = re.findall(r"`(edge [a-z][^`{\n]*)`", text)
        commands += re.findall(r"^ *\$ (edge [a-z].*)$", text, re.MULTILINE)
        commands += re.findall(r'runbook: "(edge [a-z][^";]*)', text)
        found += [(file.name, each) for each in commands if not set(each) & set("[|<")]
    return found


def test_every_command_that_is_told_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    told = told_commands()
    assert len(told) > 100
    wrong, parser = [], _parser()
    for where, command in told:
        words = shlex.split(re.sub(r"\{\{.*?\}\}", "x", command.partition(" > ")[0]).removesuffix("..."))[1:]
        with contextlib.suppress(SystemExit):
            parser.parse_args(words)
        *_, said = ["", *capsys.readouterr().err.splitlines()]
        if said and not re.search(r"arguments are required|one of the arguments", said):  # only called by its name
            wrong.append(f"{where}: {command}: {said}")
    assert not wrong
