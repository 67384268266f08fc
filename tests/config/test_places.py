"""On which line a key of a TOML text stands."""

import tomllib
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.places import KeyPath, Places

TEXT = dedent('''\
    # a comment = 1
    version = 1
    list = [
      "x", # not the end ]
      { a = 1 }, [[2], [3]],
    ]
    after = { b = "=", c = [1] }

    [defaults]   # [no]
    prose = """
    [partner]
    name = "x" \\"""
    """""
    "quoted" = 'its [literal"'

    [[partner]]
    name = "a"
    tls.ca = "dotted"
    tls.min_version = "1.2"

    [[partner]]
      name = "b"
      [ partner . tls ]
      ca = "indented"
    [partner.limits]
    "pending_seconds" = 1
    [tls]
    ca = \'\'\'
    [edge]
    \'\'\'
    key = "end"''')

LINES: list[tuple[KeyPath, int | None]] = [
    (("version",), 2),
    (("list",), 3),
    (("list", 1, "a"), 3),
    (("after",), 7),
    (("after", "b"), 7),
    (("defaults",), 9),
    (("defaults", "prose"), 10),
    (("defaults", "quoted"), 14),
    (("partner",), 16),
    (("partner", 0), 16),
    (("partner", 0, "name"), 17),
    (("partner", 0, "tls"), 18),
    (("partner", 0, "tls", "ca"), 18),
    (("partner", 0, "tls", "min_version"), 19),
    (("partner", 1), 21),
    (("partner", 1, "name"), 22),
    (("partner", 1, "tls"), 23),
    (("partner", 1, "tls", "ca"), 24),
    (("partner", 1, "tls", "missing"), 23),
    (("partner", 1, "limits", "pending_seconds"), 26),
    (("partner", 1, "missing"), 21),
    (("tls", "ca"), 28),
    (("edge",), None),
    (("tls", "key"), 31),
    (("missing",), None),
    ((), None),
]


def test_text_of_these_tests_is_toml() -> None:
    assert [each["name"] for each in tomllib.loads(TEXT)["partner"]] == ["a", "b"]


@pytest.mark.parametrize(("path", "line"), LINES)
def test_line_is_that_of_the_key_or_of_what_is_around_it(path: KeyPath, line: int | None) -> None:
    assert Places(TEXT).line(path) == line


VALUES = st.sampled_from(
    ["1", '"text"', "'[x]'", '"""\n[no]\nx = 1\n"""', "'''\n'' \n'''", "[\n1, # ]\n2]", '{ a = "}", b = [1] }', "nan"]
)
NOISE = st.sampled_from(["", "# [[partner]]", "   ", "\t# x = 1"])


@settings(max_examples=150)
@given(st.lists(st.lists(st.tuples(NOISE, VALUES), max_size=4), max_size=5))
def test_every_key_of_every_table_is_found(tables: list[list[tuple[str, str]]]) -> None:
    text = ""
    expected: dict[KeyPath, int] = {}
    for number, keys in enumerate(tables):
        text += "[[partner]]\n"
        expected["partner", number] = text.count("\n")
        for index, (noise, value) in enumerate(keys):
            text += noise + "\n" + f"key{index} = {value}\n"
            expected["partner", number, f"key{index}"] = text.count("\n") - value.count("\n")
    tomllib.loads(text)
    places = Places(text)
    assert {path: places.line(path) for path in expected} == expected
