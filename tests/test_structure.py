"""The house rules: who may import whom, what a file may be called, how long it may be, what must have a test."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from edge.codes import Code

ROOT = Path(__file__).resolve().parents[1]

LONGEST_MODULE = 400  # lines; past it a file has two subjects

# The layer of everything below a name; the longest name that fits counts.
LAYERS = {
    "edge.errors": 0,
    "edge.codes": 0,
    "edge.machine": 0,
    "edge.timers": 0,
    "edge.domains": 0,
    "edge.identifiers": 0,
    "edge.sip": 1,
    "edge.xmpp": 1,
    "edge.bodies": 1,
    "edge.mapping": 2,
    "edge.partners": 2,
    "edge.certificates": 2,
    "edge.gateway": 3,
    "edge.net": 4,
    "edge.store": 4,
    "edge.certificates.contexts": 4,
    "edge.certificates.crl_files": 4,
    "edge.certificates.fetching": 4,
    "edge.certificates.handshake": 4,
    "edge.certificates.http": 4,
    "edge.certificates.reload": 4,
    "edge.certificates.revocation": 4,
    "edge.certificates.upkeep": 4,
    "edge.certificates.verdict": 4,
    "edge.driver": 5,
    "edge.events": 5,
    "edge.config": 6,
    "edge.admin": 6,
    "edge.service": 7,
}
HIGHEST_CORE = 3  # up to here: no I/O, no clock, no randomness, no logging

BLIND_TO_EACH_OTHER = {"edge.sip", "edge.xmpp", "edge.bodies"}

# What a core has no business with. Values of `datetime` and Deferreds that have fired already are none of these.
SHELL_ONLY = {
    *("asyncio", "logging", "multiprocessing", "random", "secrets", "select", "selectors", "signal", "socket"),
    *("sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "uuid"),
    *("twisted.application", "twisted.internet", "twisted.logger", "twisted.names", "twisted.protocols"),
    *("twisted.python.log", "twisted.web", "OpenSSL.SSL"),
}
ALLOWED_IN_CORES = {"twisted.internet.defer"}
EFFECTS = {"open", "print", "os.urandom"}

LOGGERS = {"edge.driver", "edge.service", "edge.admin"}  # the driver logs, the service sets the log up

BANNED_WORDS = {"handler", "manager", "engine", "processor", "helper", "util", "common"}
CONVERTER = re.compile(r"(?i)(?:^|[^a-z])(?:s2x|x2s|sip2xmpp|xmpp2sip|sip2|xmpp2)")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b")


@cache
def modules() -> dict[str, Path]:
    """Every module of the gateway by its dotted name."""
    found = {}
    for path in sorted((ROOT / "edge").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a module's tree."""
    return list(ast.walk(tree(path)))


def all_python() -> list[Path]:
    tops = ("edge", "twisted", "demo", "bench", "tests")
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def layer_of(name: str) -> int | None:
    while name:
        if name in LAYERS:
            return LAYERS[name]
        name = name.rpartition(".")[0]
    return None


def room_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def imports(module: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a module imports, wherever in it the import stands."""
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{source}.{alias.name}"


def inside(name: str, names: set[str]) -> bool:
    return any(name == other or name.startswith(other + ".") for other in names)


def report(faults: list[str]) -> str:
    return "\n".join(["", *faults])


def test_module_has_a_layer() -> None:
    faults = [name for name in modules() if name != "edge" and layer_of(name) is None]
    assert not faults, report(faults)


def test_module_imports_its_own_or_lower_layers_only() -> None:
    faults = []
    for name in modules():
        own = layer_of(name)
        for line, imported in imports(name):
            theirs = layer_of(imported)
            if own is not None and theirs is not None and theirs > own:
                faults.append(f"{name}:{line} (layer {own}) imports {imported} (layer {theirs})")
    assert not faults, report(faults)


def test_protocol_cores_do_not_import_each_other() -> None:
    faults = []
    for name in modules():
        strangers = BLIND_TO_EACH_OTHER - {room_of(name)} if room_of(name) in BLIND_TO_EACH_OTHER else set()
        faults += [f"{name}:{line} imports {other}" for line, other in imports(name) if inside(other, strangers)]
    assert not faults, report(faults)


def test_core_imports_no_clock_no_randomness_and_no_sockets() -> None:
    faults = []
    for name in modules():
        own = layer_of(name)
        if own is not None and own <= HIGHEST_CORE:
            for line, imported in imports(name):
                if inside(imported, SHELL_ONLY) and not inside(imported, ALLOWED_IN_CORES):
                    faults.append(f"{name}:{line} imports {imported}")
    assert not faults, report(faults)


def test_core_reads_no_clock_and_no_file_by_name() -> None:
    faults = []
    for name, path in modules().items():
        own = layer_of(name)
        if own is None or own > HIGHEST_CORE:
            continue
        for node in nodes(path):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in EFFECTS or called.endswith((".now", ".utcnow", ".today", ".read_text", ".read_bytes")):
                faults.append(f"{name}:{node.lineno} calls {called}")
    assert not faults, report(faults)


def test_reactor_is_imported_nowhere_but_when_the_service_is_made() -> None:
    faults = []
    for name, path in modules().items():
        at_import = {node.lineno for node in tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)}
        for line, imported in imports(name):
            if inside(imported, {"twisted.internet.reactor"}) and (name != "edge.service" or line in at_import):
                faults.append(f"{name}:{line}")
    assert not faults, report(faults)


def test_only_the_driver_and_what_is_above_it_logs() -> None:
    faults = []
    for name in modules():
        for line, imported in imports(name):
            if inside(imported, {"logging", "twisted.logger", "twisted.python.log"}) and not inside(name, LOGGERS):
                faults.append(f"{name}:{line} imports {imported}")
    assert not faults, report(faults)


@pytest.mark.parametrize("highest", [HIGHEST_CORE, max(LAYERS.values())])
def test_importing_leaves_the_reactor_out(highest: int) -> None:
    names = [name for name in modules() if (layer_of(name) or 0) <= highest]
    script = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    script += "sys.exit('twisted.internet.reactor' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script, *names], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr or "the reactor was installed"


def test_importing_the_gateway_leaves_the_reactor_out() -> None:
    script = "import sys, edge.gateway.core; sys.exit('twisted.internet.reactor' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr or "the reactor was installed"


def declares_only(module: ast.Module) -> bool:
    """True if nothing in the module does anything: no function with a body, nothing to test."""
    for node in ast.walk(module):
        if isinstance(node, ast.Lambda):
            return False
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [step for step in node.body if not isinstance(step, ast.Pass)]
            if any(not (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)) for step in body):
                return False
    return True


def test_module_has_its_test_module() -> None:
    faults = []
    for path in modules().values():
        if path.name == "__init__.py" or declares_only(tree(path)):
            continue
        mirrored = path.relative_to(ROOT / "edge")
        expected = ROOT / "tests" / mirrored.parent / f"test_{mirrored.name.lstrip('_')}"
        if not expected.exists():
            faults.append(f"{path.relative_to(ROOT)} has no {expected.relative_to(ROOT)}")
    assert not faults, report(faults)


def test_module_says_what_it_is() -> None:
    faults = [str(path.relative_to(ROOT)) for path in all_python() if not ast.get_docstring(tree(path))]
    assert not faults, report(faults)


def test_module_is_not_too_long() -> None:
    faults = []
    for path in all_python():
        lines = path.read_text().count("\n")
        if lines > LONGEST_MODULE:
            faults.append(f"{path.relative_to(ROOT)}: {lines} lines")
    assert not faults, report(faults)


def words(name: str) -> list[str]:
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)


def banned(name: str) -> bool:
    plain = {word.lower() for word in words(name)}
    return bool({word.removesuffix("s") for word in plain} & BANNED_WORDS or CONVERTER.search(name))


@pytest.mark.parametrize("name", ["StanzaHandler", "utils", "sip2xmpp", "S2XFlow", "run_engine", "XMLHelper"])
def test_banned_finds_a_name_that_says_nothing(name: str) -> None:
    assert banned(name)


@pytest.mark.parametrize("name", ["Handle", "Engineer", "utility", "commonly", "Subscriber", "uncommon", "s2s_listen"])
def test_banned_passes_a_name_that_is_none(name: str) -> None:
    assert not banned(name)


def test_names_are_the_fields_words() -> None:
    faults = []
    for path in all_python():
        relative = path.relative_to(ROOT)
        faults += [f"{relative}" for part in relative.with_suffix("").parts if banned(part)]
        for node in nodes(path):
            named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if named and not node.name.startswith("test_") and banned(node.name):
                faults.append(f"{relative}:{node.lineno} {node.name}")
    assert not faults, report(faults)


def test_nothing_is_left_to_be_done() -> None:
    faults = []
    for path in all_python():
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if UNFINISHED.search(line):
                faults.append(f"{path.relative_to(ROOT)}:{number} {line.strip()}")
    assert not faults, report(faults)


def test_no_exception_is_swallowed_whole() -> None:
    faults = []
    for path in all_python():
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                caught = "BaseException" if node.type is None else ast.unparse(node.type)
                silent = all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
                if caught in {"Exception", "BaseException"} and silent:
                    faults.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not faults, report(faults)


def test_reason_code_is_used_somewhere() -> None:
    used = set()
    for name, path in modules().items():
        if name != "edge.codes":
            for node in nodes(path):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value).rpartition(".")[2] == "Code":
                    used.add(node.attr)
    faults = [f"{code} is never given: {code.sentence}" for code in Code if code.name not in used]
    assert not faults, report(faults)


@pytest.mark.parametrize("folder", ["twisted", "tests"])
def test_folder_is_no_package(folder: str) -> None:
    """In twisted/ a package would hide Twisted itself from twistd, in tests/ it would break the import mode."""
    faults = [str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("__init__.py")]
    assert not faults, report(faults)


def test_certificates_of_operators_stay_out_of_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/certs/*" in ignored and "!/certs/README.md" in ignored
