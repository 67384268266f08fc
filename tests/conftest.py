"""How `make test` deals out the tests to its processes: who needs one world stays together, the longest go first.

Most of the modules with real peers wait for timers and for each other; begun last they would keep everybody waiting.
"""

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# A machine that is slow or busy is no fault of what is tested
settings.register_profile(
    "any machine",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

# Modules of tests/interop that take more than ten seconds, longest first
LONG = (
    "test_end_to_end", "test_day_in_the_life", "test_reload", "test_kills", "test_flood", "test_lync_endings",
    "test_baresip", "test_stream_management", "test_lync", "test_edge_test", "test_peers", "test_s2s",
    "test_failover", "test_lync_disorder", "test_trust", "test_lifetimes", "test_waiting_messages",
)
ROOM = "tests/interop/"
THEN = ("test_transcripts", "test_structure", "test_packaging")  # the longest of all others

# Modules with several worlds, which need not wait for each other: each is in the names of its tests
SEVERAL = ("end_to_end", "day_in_the_life", "reload", "kills", "stream_management", "lifetimes", "declines", "s2s")
WORLDS = ("prosody component", "prosody s2s", "ejabberd component", "ejabberd s2s", "prosody-", "ejabberd-")


class Worlds(LoadScopeScheduling):
    """Gives each process one world, or one other module, after the other, in the order of `turn`."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        if any(f"{ROOM}test_{name}.py" == scope for name in SEVERAL):
            return f"{scope} {next((world for world in WORLDS if world in nodeid), '')}"
        return scope


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Worlds | None:
    if config.getoption("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False  # not the longest lists first
    return Worlds(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=turn)  # which keeps the order of those that are alike


def turn(item: pytest.Item) -> int:
    if item.path.parent.name != "interop":
        return len(LONG) + 1 + (item.path.stem not in THEN)
    return LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG)
