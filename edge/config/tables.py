"""From a TOML file to the values of `edge.config.schema`, with every fault noted and none in the way of the next.

msgspec judges each value by its type; the sentences are ours, because they are read by people who edit a file.
"""

import difflib
import json
import re
import tomllib
import types
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from edge.codes import Code
from edge.config.faults import Fault
from edge.config.places import KeyPath, Places

MAX_FILE = 1 << 20  # bytes of a TOML file: several thousand partners
SHOWN = 60  # characters of a wrong value that a fault repeats
PATH_SHOWN = 1000  # characters of a path: it is of no use without its end

S = TypeVar("S", bound=msgspec.Struct)


class Document:
    """One TOML file. ``faults`` is shared by all files of a configuration."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        self.path = path
        self.data: dict[str, object] = {}
        self.is_readable = False
        self._faults = faults
        self._places = Places("")
        text = self.read(path, MAX_FILE, ())
        if text is not None:
            self._parse(text)

    def error(self, code: Code, path: KeyPath, text: str) -> None:
        """Note that the configuration cannot be used because of what stands at ``path``."""
        self._note(code, path, text, warning=False)

    def warn(self, code: Code, path: KeyPath, text: str) -> None:
        """Note what the administrator should know about ``path``."""
        self._note(code, path, text, warning=True)

    def place(self, path: KeyPath) -> str:
        """Where ``path`` stands, to be named in a fault of another place."""
        return Fault(Code.K02, "", self.path, self._places.line(path)).place

    def beside(self, name: str) -> Path:
        """The file that ``name`` means when it is written in this one."""
        return self.path.parent / name

    def read(self, file: Path, limit: int, path: KeyPath) -> bytes | None:
        """The content of a file that ``path`` names; None (and a fault) if there is none to be had."""
        shown = "" if file == self.path else f" {quoted(str(file), PATH_SHOWN)}"
        try:
            if not file.is_file():
                problem = "is no regular file" if file.exists() else "does not exist"
            else:
                with file.open("rb") as stream:
                    content = stream.read(limit + 1)
                if len(content) <= limit:
                    return content
                problem = f"has more than {limit} bytes"
        except (OSError, ValueError) as error:
            problem = f"cannot be read: {getattr(error, 'strerror', None) or 'its name is malformed'}"
        self.error(Code.K04, path, f"the file{shown} {problem}")
        return None

    def owner(self, path: KeyPath) -> str:
        """ " in partner "contoso"", for sentences; "" for the file itself."""
        if not path:
            return ""
        tables = ".".join(part for part in path if isinstance(part, str))
        if len(path) < 2 or not isinstance(path[1], int):
            return f" in [{tables}]"
        kind = f'{path[0]} "{self._name(path)}"'
        return f" in [{tables}] of {kind}" if len(path) > 2 else f" in {kind}"

    def _name(self, path: KeyPath) -> str:
        """The name of the system that ``path`` lies in, or its number from 1."""
        entries = self.data.get(str(path[0]))
        number = path[1]
        if isinstance(entries, list) and isinstance(number, int) and isinstance(entries[number], dict):
            name = entries[number].get("name")
            if isinstance(name, str) and 0 < len(name) <= SHOWN and name.isprintable():
                return name
        return str(number + 1) if isinstance(number, int) else ""

    def _note(self, code: Code, path: KeyPath, text: str, *, warning: bool) -> None:
        key = ""
        for part in path:
            key += f"[{self._name(path)}]" if isinstance(part, int) else f".{part}" if key else part
        self._faults.append(Fault(code, text, self.path, self._places.line(path), key, warning))

    def _parse(self, content: bytes) -> None:
        try:
            text = content.decode("utf-8-sig")  # editors on Windows begin files with a byte order mark
        except UnicodeDecodeError as error:
            self._broken("the file is not UTF-8", content[: error.start].count(b"\n") + 1)
            return
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)\Z", str(error))
            line = int(found[1]) if found and found[1] else text.count("\n") + 1
            self._broken(f"not TOML: {str(error)[: found.start()] if found else error}", line)
        except (RecursionError, ValueError):
            self._broken("not TOML: nested too deeply, or a number is too long", None)
        else:
            self._places = Places(text.replace("\r\n", "\n"))
            self.is_readable = True

    def _broken(self, text: str, line: int | None) -> None:
        self._faults.append(Fault(Code.K02, text, self.path, line))


def fill(document: Document, kind: type[S]) -> S:
    """Make a ``kind`` of the whole document.

    What is wrong is noted and replaced by its default, or where there is none by a blank ("", [] or 0), which the
    checks that follow pass over.
    """
    return _table(document, kind, document.data, (), _homes(kind))


def quoted(text: str, limit: int = SHOWN) -> str:
    """``text`` in quotation marks, shortened, with nothing in it that a terminal would obey."""
    return json.dumps(text[:limit] + "..." if len(text) > limit else text, ensure_ascii=not text.isprintable())


# -- private ---------------------------------------------------------------------------------------------------------

_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a number"} | {
    list: "a list of texts",
    dict: "a table of texts",
    date: "a date without quotation marks, as in 2026-12-31",
}
_BLANKS: dict[object, object] = {str: "", int: 0, float: 0.0, list: [], Literal: ""}


def _table(document: Document, kind: type[S], table: object, path: KeyPath, homes: Mapping[str, list[str]]) -> S:
    if not isinstance(table, dict):
        *_, array, key = ("", *path)
        name, must = (array, "must hold tables") if isinstance(key, int) else (key, "must be a table")
        document.error(Code.K02, path, f"{quoted(str(name))} {must}, not {_shown(table)}")
        return _blank(kind)
    known = {each.name: each for each in fields(kind)}
    for key in table:
        if key not in known:
            hint = _hint(key, list(known), str(path[0]) if path else "", homes)
            document.error(Code.K01, (*path, key), f"unknown key {quoted(key)}{document.owner(path)}{hint}")
    values = {name: _value(document, each, table, (*path, name), homes) for name, each in known.items()}
    return kind(**values)


def _value(
    document: Document, field: FieldInfo, table: dict[str, object], path: KeyPath, homes: Mapping[str, list[str]]
) -> object:
    inner = _struct_of(field.type)
    if field.name not in table:
        if field.required:
            what = f"the table [{field.name}]" if inner else quoted(field.name)
            document.error(Code.K02, path[:-1], f"{what} is missing{document.owner(path[:-1])}")
        return _default(field)
    value = table[field.name]
    if inner is None:
        if isinstance(value, dict) and _plain(field.type) is dict:
            return _texts(document, value, path)
        try:
            return msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            expected = f"must be {_described(field.type)}, not {_shown(value)}"
            document.error(Code.K02, path, f"{quoted(field.name)}{document.owner(path[:-1])} {expected}")
            return _default(field)
    if get_origin(field.type) is not list:
        return _table(document, inner, value, path, homes)
    if not isinstance(value, list):
        document.error(Code.K02, path, f"write [[{field.name}]] with two brackets: there can be several")
        return []
    return [_table(document, inner, each, (*path, number), homes) for number, each in enumerate(value)]


def _texts(document: Document, table: dict[str, object], path: KeyPath) -> dict[str, str]:
    """A table whose keys are the administrator's own. Each value that is no text is noted and left out."""
    for key, value in table.items():
        if not isinstance(value, str):
            said = f"{quoted(key)}{document.owner(path)} must be text, not {_shown(value)}"
            document.error(Code.K02, (*path, key), said)
    return {key: value for key, value in table.items() if isinstance(value, str)}


def _default(field: FieldInfo) -> object:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    inner = _struct_of(field.type)
    return _blank(inner) if inner else _BLANKS[_plain(field.type)]


def _blank(kind: type[S]) -> S:
    return kind(**{each.name: _default(each) for each in fields(kind)})


def _struct_of(kind: object) -> type[msgspec.Struct] | None:
    """The struct in ``Struct`` or ``list[Struct]``."""
    if get_origin(kind) is list:
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _plain(kind: object) -> object:
    origin = get_origin(kind)
    return _plain(get_args(kind)[0]) if origin is Annotated else origin or kind


def _homes(kind: type[msgspec.Struct], table: str = "", header: str = "") -> dict[str, list[str]]:
    """Under which headers a key is known: "peer_names" -> ["[inside.tls]"]."""
    found: dict[str, list[str]] = {}
    for each in fields(kind):
        found.setdefault(each.name, []).append(header)
        inner = _struct_of(each.type)
        if inner:
            below = f"{table}.{each.name}".lstrip(".")
            shown = f"[[{below}]]" if get_origin(each.type) is list else f"[{below}]"
            for key, headers in _homes(inner, below, shown).items():
                found.setdefault(key, []).extend(headers)
    return found


def _hint(key: str, known: list[str], first: str, homes: Mapping[str, list[str]]) -> str:
    headers = homes.get(key, [])
    near = [each for each in headers if each.strip("[]").split(".")[0] == first] or headers
    if near:
        return f" (it belongs under {near[0]})" if near[0] else " (it belongs at the top of the file)"
    close = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1)
    return f" (did you mean {quoted(close[0])}?)" if close else ""


def _described(kind: object) -> str:
    """A type in words, with its bounds."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        plain, meta = arguments
        if meta.description:
            return str(meta.description)
        if meta.ge is not None:
            return f"{_described(plain)} from {meta.ge} to {meta.le}"
        return f"{_described(plain)} that is not empty"
    if origin is Literal:
        return " or ".join(quoted(each) if isinstance(each, str) else str(each) for each in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_described(each) for each in arguments if each is not types.NoneType)
    return _NAMES[_plain(kind)]  # type: ignore[index]  # every type of the schema is one of these


def _shown(value: object) -> str:
    """A value as it might stand in the file."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        first = ["[...]" if isinstance(each, list) else _shown(each) for each in value[:3]]
        return "[" + ", ".join(first) + (", ...]" if len(value) > 3 else "]")
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    return "a table" if isinstance(value, dict) else str(value)[:SHOWN]
