"""What the safety of everything rests upon: secrets that nobody can guess, libraries whose known holes are closed."""

import configparser
from importlib.metadata import version
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock

from edge.config import load
from edge.domains import Domain
from edge.service import EdgeService, tokens
from edge.xmpp.dialback import SECRET_BYTES
from tests.config.written import Written

SETUP = Path(__file__).resolve().parents[1] / "setup.cfg"
A, B = Domain("a.example"), Domain("b.example")
# the oldest that has what is needed, and in which nothing is known that would matter here
OLDEST = {"twisted[tls]": (26, 10), "pyOpenSSL": (26, 0), "cryptography": (50, 0)}


def test_secret_of_dialback_is_random(tmp_path: Path) -> None:
    """CVE-2016-1232."""
    config = load(Written(tmp_path).edge)
    keys = {EdgeService(MemoryReactorClock(), config).xmpp._keys.key(A, B, "1") for _ in range(3)}
    assert len(keys) == 3 and SECRET_BYTES * 8 >= 128


def test_tokens_are_drawn_from_the_kernel_and_never_repeat() -> None:
    one, other = tokens(), tokens()
    drawn = [next(source) for source in (one, other) for _ in range(1000)]
    assert len(set(drawn)) == 2000 and all(len(token) * 4 >= 80 for token in drawn)


def test_libraries_are_no_versions_with_known_holes() -> None:
    """CVE-2019-12855, CVE-2022-24801, CVE-2023-46137, CVE-2024-41671 of Twisted among them."""
    setup = configparser.ConfigParser()
    setup.read(SETUP)
    wanted = dict(line.split(" ", 1) for line in setup["options"]["install_requires"].splitlines() if " " in line)
    for name, oldest in OLDEST.items():
        least = wanted[name].removeprefix(">=").partition(",")[0]
        assert numbers(least) >= oldest and numbers(version(name.partition("[")[0])) >= oldest, name


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2]) if "." in text else (int(text), 0)
