"""Paths: several routes, one piece of news for each change."""

from hypothesis import given
from hypothesis import strategies as st

from edge.codes import Code
from edge.domains import Domain
from edge.net.paths import Path
from edge.partners import System
from tests.net.cable import THEM, US, Memory, s2s

SYSTEM: System = s2s()


def test_path_says_where_it_leads() -> None:
    sink = Memory()
    path = Path(sink, SYSTEM, US, THEM)
    path.failed(Code.N01, "nobody there")
    path.up()
    path.lost(True)
    Path(sink, SYSTEM, Domain("second.example")).up()
    assert sink.paths == [
        ("failed", "montague", US, THEM, Code.N01),
        ("up", "montague", US, THEM),
        ("lost", "montague", US, THEM, True),
        ("up", "montague", "second.example", None),
    ]


def test_path_is_lost_with_its_last_link() -> None:
    sink = Memory()
    path = Path(sink, SYSTEM)
    path.up()
    path.up()
    path.lost(False)
    path.failed(Code.N01, "nobody there")
    assert [event[0] for event in sink.paths] == ["up"], "another link is up: neither is news"
    path.lost(True)
    assert sink.paths[1:] == [("lost", "montague", None, None, True)]


def test_path_that_is_stopped_is_silent() -> None:
    sink = Memory()
    path = Path(sink, SYSTEM)
    path.up()
    path.stop()
    path.lost(False)
    path.failed(Code.N01, "nobody there")
    path.up()
    assert [event[0] for event in sink.paths] == ["up"]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["toggle", "fail"])), max_size=40))
def test_path_is_up_exactly_once_between_losses_of_many_links(steps: list[tuple[int, str]]) -> None:
    sink = Memory()
    path = Path(sink, SYSTEM)
    up: set[int] = set()
    for link, step in steps:
        before = len(sink.paths)
        if step == "fail" and link not in up:
            path.failed(Code.N01, "nobody there")
            assert len(sink.paths) - before == (not up)
        elif step == "toggle" and link in up:
            up.discard(link)
            path.lost(False)
        elif step == "toggle":
            up.add(link)
            path.up()
    changes = [event[0] for event in sink.paths if event[0] != "failed"]
    assert changes == ["up", "lost"] * (len(changes) // 2) + ["up"] * bool(up)
