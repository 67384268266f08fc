"""Tests of `edge.bodies.simple`."""

import gc

import pytest

from edge.bodies import simple
from edge.errors import RemoteProtocolError


def test_read_gives_a_tree() -> None:
    root = simple.read(b"<a xmlns='urn:x' k='v'> one <b>two</b><!-- x --> three</a>", "thing")
    assert (root.name, root.local, root.attributes, root.text) == ("urn:x a", "a", {"k": "v"}, "one  three")
    child = root.child("urn:x b")
    assert child is not None and child.text == "two"
    assert root.child("b") is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"<a>", b"<a/><b/>", b"<a>&b;</a>", b"\xff<a/>", b"<?x y?><a/>", b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>', b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 20 + b"</a>" * 20, b"<a>" + b"<b/>" * 200 + b"</a>", b"<a>" + b" " * simple.MAX_BYTES + b"</a>",
    ],
)
def test_read_refuses_what_is_no_simple_document(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="the thing") as caught:
        simple.read(body, "thing")
    assert caught.value.status == 400


def test_read_leaves_no_circle_behind() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            simple.read(b"<a><b/></a>", "thing")
        assert gc.collect() < 20
    finally:
        gc.enable()
