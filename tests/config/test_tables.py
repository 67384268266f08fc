"""From TOML files to values: every fault is noted, with its place, and none is in the way of the next."""

import os
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from edge.config.faults import Fault
from edge.config.tables import MAX_FILE, Document, fill, quoted


class Inner(Struct, frozen=True):
    depth: Annotated[int, Meta(ge=1, le=9)] = 5
    label: str | None = None
    loud: bool | None = None
    words: dict[str, str] = field(default_factory=dict)


class Item(Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1)]
    kinds: Annotated[list[str], Meta(min_length=1)]
    way: Literal["a", "b"] = "a"
    inner: Inner = field(default_factory=Inner)


class Sheet(Struct, frozen=True):
    top: Item
    seconds: Annotated[float, Meta(ge=1, le=30)] = 2.0
    hosts: Literal["srv"] | list[str] | None = None
    item: list[Item] = field(default_factory=list)


GOOD = 'seconds = 3\n[top]\nname = "t"\nkinds = ["x"]\n[[item]]\nname = "one"\nkinds = ["y"]\n'


def reading(folder: Path, text: str | bytes) -> tuple[Document, list[Fault]]:
    path = folder / "sheet.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    faults: list[Fault] = []
    return Document(path, faults), faults


def filled(folder: Path, text: str | bytes) -> tuple[Sheet, list[tuple[str, int | None, str, str]]]:
    document, faults = reading(folder, text)
    sheet = fill(document, Sheet)
    return sheet, [(fault.code.name, fault.line, fault.key, fault.text) for fault in faults]


def test_fill_makes_values_of_tables(tmp_path: Path) -> None:
    sheet, faults = filled(tmp_path, GOOD)
    assert faults == []
    assert sheet == Sheet(top=Item("t", ["x"]), seconds=3.0, item=[Item("one", ["y"])])


def test_table_with_keys_of_the_administrators_own_keeps_what_is_text(tmp_path: Path) -> None:
    sheet, faults = filled(tmp_path, GOOD + '[item.inner]\nloud = false\nwords = { "c:d" = "e", f = 1 }\n')
    assert sheet.item[0].inner == Inner(loud=False, words={"c:d": "e"})
    assert [(code, line) for code, line, _, _ in faults] == [("K02", 10)]


def test_a_byte_order_mark_and_carriage_returns_are_let_through(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode() + b'name2 = "x"\r\n'
    assert filled(tmp_path, text)[1] == [
        ("K01", 8, "item[one].name2", 'unknown key "name2" in item "one" (did you mean "name"?)')
    ]


FAULTS = [
    ("size = 1", ("K01", 1, "size", 'unknown key "size"')),
    ("second = 1", ("K01", 1, "second", 'unknown key "second" (did you mean "seconds"?)')),
    ("SECONDS = 1", ("K01", 1, "SECONDS", 'unknown key "SECONDS" (did you mean "seconds"?)')),
    ("depth = 1", ("K01", 1, "depth", 'unknown key "depth" (it belongs under [top.inner])')),
    ('"a\\u001bb" = 1', ("K01", None, "a\x1bb", 'unknown key "a\\u001bb"')),
    ("seconds = 31", ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not 31')),
    ("seconds = nan", ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not nan')),
    ("seconds = inf", ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not inf')),
    ("seconds = true", ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not true')),
    ('seconds = "3"', ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not "3"')),
    ("seconds = 2026-12-31", ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not 2026-12-31')),
    ("seconds = {}", ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not a table')),
    ("hosts = 3", ("K02", 1, "hosts", '"hosts" must be "srv" or a list of texts, not 3')),
    ('hosts = "src"', ("K02", 1, "hosts", '"hosts" must be "srv" or a list of texts, not "src"')),
    ("hosts = [1, 2]", ("K02", 1, "hosts", '"hosts" must be "srv" or a list of texts, not [1, 2]')),
    (
        'hosts = ["a", 2, [[3]], 4]',
        ("K02", 1, "hosts", '"hosts" must be "srv" or a list of texts, not ["a", 2, [...], ...]'),
    ),
    ("seconds = 0x" + "f" * 9000, ("K02", 1, "seconds", '"seconds" must be a number from 1 to 30, not a huge number')),
]


@pytest.mark.parametrize(("line", "fault"), FAULTS)
def test_fill_says_what_is_wrong_at_the_top(tmp_path: Path, line: str, fault: tuple[str, int, str, str]) -> None:
    text = f"{line}\n" + GOOD.removeprefix("seconds = 3\n")
    sheet, faults = filled(tmp_path, text)
    assert faults == [fault]
    assert sheet == Sheet(top=Item("t", ["x"]), item=[Item("one", ["y"])])


ITEM_FAULTS = [
    ("nam = 1", ("K01", 8, "item[one].nam", 'unknown key "nam" in item "one" (did you mean "name"?)')),
    ("depth = 1", ("K01", 8, "item[one].depth", 'unknown key "depth" in item "one" (it belongs under [item.inner])')),
    ('way = "c"', ("K02", 8, "item[one].way", '"way" in item "one" must be "a" or "b", not "c"')),
    ("way = 1", ("K02", 8, "item[one].way", '"way" in item "one" must be "a" or "b", not 1')),
    ("inner = 1", ("K02", 8, "item[one].inner", '"inner" must be a table, not 1')),
    (
        "[item.inner]\ndepth = 0",
        (
            "K02",
            9,
            "item[one].inner.depth",
            '"depth" in [item.inner] of item "one" must be a whole number from 1 to 9, not 0',
        ),
    ),
    (
        "[item.inner]\nloud = 1",
        ("K02", 9, "item[one].inner.loud", '"loud" in [item.inner] of item "one" must be true or false, not 1'),
    ),
    (
        "[item.inner]\nwords = 1",
        ("K02", 9, "item[one].inner.words", '"words" in [item.inner] of item "one" must be a table of texts, not 1'),
    ),
    (
        '[item.inner.words]\na = "b"\n"c:d" = 3',
        ("K02", 10, "item[one].inner.words.c:d", '"c:d" in [item.inner.words] of item "one" must be text, not 3'),
    ),
    (
        '[item.inner.words]\na.b = "c"',
        ("K02", 9, "item[one].inner.words.a", '"a" in [item.inner.words] of item "one" must be text, not a table'),
    ),
    (
        '[item.inner]\nway = ""',
        (
            "K01",
            9,
            "item[one].inner.way",
            'unknown key "way" in [item.inner] of item "one" (it belongs under [[item]])',
        ),
    ),
    (
        "[item.inner]\nlabel = 1",
        ("K02", 9, "item[one].inner.label", '"label" in [item.inner] of item "one" must be text, not 1'),
    ),
    (
        "[item.inner]\nseconds = 1",
        (
            "K01",
            9,
            "item[one].inner.seconds",
            'unknown key "seconds" in [item.inner] of item "one" (it belongs at the top of the file)',
        ),
    ),
]


@pytest.mark.parametrize(("line", "fault"), ITEM_FAULTS)
def test_fill_says_what_is_wrong_in_a_table(tmp_path: Path, line: str, fault: tuple[str, int, str, str]) -> None:
    assert filled(tmp_path, GOOD + line)[1] == [fault]


def test_fill_notes_everything_at_once_and_goes_on_with_blanks(tmp_path: Path) -> None:
    text = 'x = 1\nseconds = 99\n[[item]]\nkinds = []\nway = 3\n[[item]]\nname = ""\nkinds = "y"\ny = 2\n'
    sheet, faults = filled(tmp_path, text)
    assert sheet == Sheet(top=Item("", []), item=[Item("", []), Item("", [])])
    assert faults == [
        ("K01", 1, "x", 'unknown key "x"'),
        ("K02", None, "", "the table [top] is missing"),
        ("K02", 2, "seconds", '"seconds" must be a number from 1 to 30, not 99'),
        ("K02", 3, "item[1]", '"name" is missing in item "1"'),
        ("K02", 4, "item[1].kinds", '"kinds" in item "1" must be a list of texts that is not empty, not []'),
        ("K02", 5, "item[1].way", '"way" in item "1" must be "a" or "b", not 3'),
        ("K01", 9, "item[2].y", 'unknown key "y" in item "2"'),
        ("K02", 7, "item[2].name", '"name" in item "2" must be text that is not empty, not ""'),
        ("K02", 8, "item[2].kinds", '"kinds" in item "2" must be a list of texts that is not empty, not "y"'),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("item = 1", ("K02", 1, "item", "write [[item]] with two brackets: there can be several")),
        ("item = [1]", ("K02", 1, "item[1]", '"item" must hold tables, not 1')),
        ("top = 1", ("K02", 1, "top", '"top" must be a table, not 1')),
    ],
)
def test_fill_wants_tables_where_tables_belong(tmp_path: Path, text: str, fault: tuple[str, int, str, str]) -> None:
    assert fault in filled(tmp_path, text)[1]


UNREADABLE = [
    (b"a = 1\nb = ", "K02", 2, "not TOML: Invalid value"),
    (b"a = 1\n\nb c\n", "K02", 3, "not TOML: "),
    (b'a = "x\n', "K02", 1, "not TOML: "),
    (b"a = 1\na = 2\n", "K02", 2, "not TOML: Cannot overwrite a value"),
    (b'a = """\n\n', "K02", 3, "not TOML: "),
    (b"a = 1\nb = '\xff'\n", "K02", 2, "the file is not UTF-8"),
    ("a = 1".encode("utf-16"), "K02", 1, "the file is not UTF-8"),
    (b"a = 1\nb = '\0'\n", "K02", 2, "not TOML: "),
    (b"a = " + b"[" * 50_000, "K02", None, "not TOML: nested too deeply"),
    (b"a = " + b"9" * 50_000, "K02", None, "not TOML: "),
    (b"#" * (MAX_FILE + 1), "K04", None, f"the file has more than {MAX_FILE} bytes"),
]


@pytest.mark.parametrize(("content", "code", "line", "text"), UNREADABLE)
def test_file_that_is_no_toml_is_one_fault(tmp_path: Path, content: bytes, code: str, line: int, text: str) -> None:
    document, faults = reading(tmp_path, content)
    assert not document.is_readable
    assert [(fault.code.name, fault.line) for fault in faults] == [(code, line)]
    assert faults[0].text.startswith(text)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.toml", "does not exist"),
        (".", "is no regular file"),
        ("fifo", "is no regular file"),
        ("nul\0", "does not exist"),
        ("x" * 300, "File name too long"),
    ],
)
def test_file_that_cannot_be_read_is_one_fault(tmp_path: Path, name: str, problem: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    faults: list[Fault] = []
    assert not Document(tmp_path / name, faults).is_readable
    assert [fault.code.name for fault in faults] == ["K04"]
    assert problem in faults[0].text


def test_files_beside_are_read_within_their_limit(tmp_path: Path) -> None:
    document, faults = reading(tmp_path, GOOD)
    (tmp_path / "beside").write_bytes(b"12345")
    assert document.read(document.beside("beside"), 5, ("top", "name")) == b"12345"
    assert document.read(document.beside("beside"), 4, ("top", "name")) is None
    assert document.beside("/etc/x") == Path("/etc/x")
    assert [(fault.code.name, fault.line, fault.key) for fault in faults] == [("K04", 3, "top.name")]


def test_quoted_shows_nothing_that_a_terminal_obeys() -> None:
    assert quoted("bücher") == '"bücher"'
    assert quoted("\x1b[2J\n") == '"\\u001b[2J\\n"'
    assert quoted("\u202eevil") == '"\\u202eevil"'
    assert quoted("x" * 100) == '"' + "x" * 60 + '..."'


ATOMS = st.sampled_from(['"x"', "1", "-1", "nan", "true", "[]", '["a"]', "{}", "{ depth = 3 }", "2026-01-01", "[[1]]"])
KEYS = st.sampled_from(["seconds", "hosts", "name", "kinds", "way", "inner", "depth", "label", "other", "item", "top"])
HEADERS = st.sampled_from(["", "[top]", "[[item]]", "[item.inner]", "[top.inner]", "[other]", "[[top]]", "[item]"])


@settings(max_examples=200)
@given(st.lists(st.one_of(HEADERS, st.builds("{} = {}".format, KEYS, ATOMS), st.text(max_size=8)), max_size=12))
def test_whatever_a_file_says_is_a_value_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    document, faults = reading(folder, "\n".join(lines).encode("utf-8", "surrogatepass"))
    sheet = fill(document, Sheet)
    assert isinstance(sheet, Sheet)
    assert all(fault.text for fault in faults)
    assert sheet.top.name or faults
