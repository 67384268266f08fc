"""What an ordinary install puts where, and that twistd finds it there."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with an ordinary install of the gateway, and with the libraries of ours.

    They come by a path file, in which path files of theirs do not count: an editable install that
    stands beside them cannot be what is found.
    """
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    for name in ("edge", "twisted"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    packages = Path(run(python, "-Ic", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, source, cwd=folder)
    return environment


def twistd(installed: Path, *arguments: str) -> str:
    script = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
    return run(installed / "bin" / "python", "-Ic", script, *arguments, cwd=installed)


def test_install_has_the_plugin_and_leaves_twisted_to_twisted(installed: Path) -> None:
    (plugin,) = installed.rglob("edge_plugin.py")
    assert sorted(path.name for path in plugin.parent.glob("*.py")) == ["edge_plugin.py"]
    assert not (plugin.parents[1] / "__init__.py").exists()


def test_install_has_every_module_and_nothing_else(installed: Path) -> None:
    (package,) = (path for path in installed.rglob("edge") if path.is_dir())
    expected = {path.relative_to(ROOT / "edge") for path in (ROOT / "edge").rglob("*.py")}
    assert {path.relative_to(package) for path in package.rglob("*.py")} == expected
    assert not any((package.parent / name).exists() for name in ("tests", "demo", "bench"))


def test_twistd_help_lists_edge(installed: Path) -> None:
    commands = [line.split()[0] for line in twistd(installed, "--help").splitlines() if line.startswith("    ")]
    assert "edge" in commands


def test_twistd_edge_tells_its_options(installed: Path) -> None:
    assert "--config" in twistd(installed, "--nodaemon", "edge", "--help")


def test_command_edge_tells_its_verbs(installed: Path) -> None:
    assert "check" in run(installed / "bin" / "edge", "--help", cwd=installed)
