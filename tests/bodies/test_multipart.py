"""Tests of `edge.bodies.multipart`."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies import multipart
from edge.errors import RemoteProtocolError

B = {"boundary": "b1"}


def test_split_gives_the_parts_between_the_boundaries() -> None:
    body = (
        b"preamble\r\n--b1\r\nContent-Type: text/plain\r\n\r\none\r\n\r\n--b1 \t\r\n"
        b"Content-Type: text/html\r\n\r\n<p>\r\n--b1x\r\n--b1--\r\nepilogue\r\n--b1\r\n\r\nlate"
    )
    parts = multipart.split(body, B)
    assert [(part.type, part.body) for part in parts] == [("text/plain", b"one\r\n"), ("text/html", b"<p>\r\n--b1x")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b1\r\n\r\nhi\r\n--b1--", [b"hi"]),
        (b"--b1\n\nhi\n--b1--\n", [b"hi"]),
        (b"--b1\r\n\r\ncut of", [b"cut of"]),
        (b"--b1\r\n--b1\r\n\r\nx\r\n--b1--", [b"", b"x"]),
        (b"--b1\r\n\r\n--b1--", [b""]),
    ],
)
def test_split_takes_what_others_write(body: bytes, expected: list[bytes]) -> None:
    assert [part.body for part in multipart.split(body, B)] == expected


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a\r\nb", "a ", "ü", '"'])
def test_split_refuses_a_boundary_that_is_none(boundary: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        multipart.split(b"--\r\n\r\nx", {"boundary": boundary})
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"no parts", b"--b1--\r\n"])
def test_split_refuses_a_body_without_parts(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        multipart.split(body, B)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"--b1\r\n\r\nx\r\n" * 30, b"x" * (multipart.MAX_BYTES + 1)])
def test_split_refuses_too_much(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        multipart.split(body, B)
    assert caught.value.status == 413


def test_root_is_the_part_that_start_names() -> None:
    parts = multipart.split(b"--b1\r\n\r\na\r\n--b1\r\nContent-ID: <2@x>\r\n\r\nb\r\n--b1--", B)
    assert multipart.root(parts, {"start": "<2@x>"}).body == b"b"
    assert multipart.root(parts, {"start": "<3@x>"}).body == b"a"
    assert multipart.root(parts, {}).body == b"a"


@pytest.mark.parametrize("filler", [b"\r\n--b", b"--b1 ", b"\r\n", b"-", b"\r\n--b1" + b" " * 100])
def test_split_takes_linear_time(filler: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(RemoteProtocolError):
        multipart.split((filler * multipart.MAX_BYTES)[: multipart.MAX_BYTES], B)
    assert time.process_time() - began < 20  # seconds of CPU; one that is not linear takes minutes


@given(st.lists(st.binary().filter(lambda octets: b"--b1" not in octets), min_size=1, max_size=5))
def test_split_gives_back_what_was_joined(bodies: list[bytes]) -> None:
    body = b"".join([b"--b1\r\nContent-Type: a/b\r\n\r\n" + octets + b"\r\n" for octets in bodies]) + b"--b1--\r\n"
    assert [part.body for part in multipart.split(body, B)] == bodies
