"""What `python -m bench compare` takes for a revision, and whose gateway it starts."""

import subprocess
from pathlib import Path

import pytest

from bench import compare
from bench.compare import Compared, exported, run_compare, words
from bench.rows import NAMES, USUAL, in_turn, mode
from bench.setting import HERE, Setting


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ([], ("HEAD", compare.WORKING_TREE, list(USUAL))),
        (["v1"], ("v1", compare.WORKING_TREE, list(USUAL))),
        (["v1", "v2"], ("v1", "v2", list(USUAL))),
        (["to-sip", "v1", "notify-to-xmpp"], ("v1", compare.WORKING_TREE, ["to-sip", "notify-to-xmpp"])),
    ],
)
def test_words(said: list[str], meant: tuple[str, str, list[str]]) -> None:
    assert words(said) == meant


def test_a_row_that_there_is_not() -> None:
    with pytest.raises(AssertionError, match="tosip"):
        next(run_compare(["v1", "v2", "tosip"]))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_a_mode(name: str) -> None:
    assert mode(name) == ("session" if "session" in name else "page")


def test_in_turn_there_and_back() -> None:
    order: list[str] = []

    def run(name: str) -> float:
        order.append(name)
        return float(len(order))

    costs = in_turn([lambda: run("a"), lambda: run("b")], turns=2)
    assert "".join(order) == "ab" + "abba" * 2, "once before, unmeasured"
    assert costs == [[3, 6, 7, 10], [4, 5, 8, 9]]


def test_ratio_and_spread() -> None:
    compared = Compared("row", 1.0, 1.0, [0.9, 1.0, 1.1, 1.2, 5.0])
    assert compared.ratio == 1.1
    assert compared.spread[0] < 1.0 < 1.2 < compared.spread[1]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another tree, with a gateway that does nothing but be there."""
    tree = tmp_path / "tree"
    (tree / "edge").mkdir(parents=True)
    (tree / "edge" / "__init__.py").write_text("")
    return tree


def test_the_gateway_of_the_other_tree_is_started(other: Path, tmp_path: Path) -> None:
    setting = Setting(tree=other)
    with setting:
        python, launched, origin, samples, *_ = setting.command
        command = [python, launched, origin, samples, "--version"]
        subprocess.run(command, cwd=other, env={"PYTHONPATH": str(other)}, check=True, stdout=subprocess.DEVNULL)
        assert Path(origin).read_text() == str(other / "edge" / "__init__.py")


@pytest.mark.skipif(not (HERE / ".git").exists(), reason="this is no clone")
def test_a_revision_is_exported(tmp_path: Path) -> None:
    folder = exported("HEAD", tmp_path / "head")
    assert (folder / "edge" / "service.py").is_file()
    assert (folder / "twisted" / "plugins").is_dir()
    assert exported(compare.WORKING_TREE, tmp_path / "none") == HERE
