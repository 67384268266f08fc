"""The door to wokkel: it opens without a reactor, without a warning, and wokkel comes in nowhere else."""

import ast
import subprocess
import sys
from pathlib import Path

from edge.xmpp import wokkel as door

ROOT = Path(__file__).resolve().parents[2]


def test_import_needs_no_reactor_and_makes_no_warning() -> None:
    script = "import sys, edge.xmpp.wokkel; sys.exit('twisted.internet.reactor' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_door_has_what_it_promises() -> None:
    assert all(getattr(door, name) is not None for name in door.__all__)


def test_wokkel_is_imported_through_the_door_only() -> None:
    importers = set()
    for path in (ROOT / "edge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            if any(module.split(".")[0] == "wokkel" for module in modules):
                importers.add(path.relative_to(ROOT).as_posix())
    assert importers == {"edge/xmpp/wokkel.py"}
