"""Tests of `edge.bodies.iscomposing`."""

import pytest

from edge.bodies.iscomposing import MOST_REFRESH, IsComposing, parse, render
from edge.errors import RemoteProtocolError

HEAD = b"<?xml version='1.0' encoding='UTF-8'?>\n<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'>"


def document(content: bytes) -> IsComposing:
    return parse(HEAD + content + b"</isComposing>")


def test_document_is_read() -> None:
    read = document(
        b"<state>active</state><lastactive>2003-01-27T10:43:00Z</lastactive><contenttype>text/plain</contenttype>"
        b"<refresh>90</refresh>"
    )
    assert read == IsComposing(True, 90, "text/plain", "2003-01-27T10:43:00Z")


@pytest.mark.parametrize(("state", "active"), [("active", True), (" Active ", True), ("idle", False), ("x", False)])
def test_state_that_is_not_known_is_idle(state: str, active: bool) -> None:
    assert document(f"<state>{state}</state>".encode()).active is active


@pytest.mark.parametrize(
    ("refresh", "expected"),
    [("60", 60), ("5", 60), ("0", 60), ("99999", MOST_REFRESH), ("-1", 0), ("x", 0), ("9" * 20, 0), ("٣", 0)],
)
def test_refresh_is_a_number_of_seconds_of_some_size(refresh: str, expected: int) -> None:
    assert document(f"<state>active</state><refresh>{refresh}</refresh>".encode()).refresh == expected


@pytest.mark.parametrize(
    "body", [b"", b"<isComposing/>", HEAD + b"</isComposing>", b"<x xmlns='urn:x'><state>active</state></x>"]
)
def test_body_that_is_no_such_document_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("composing", [IsComposing(True, 90, "text/plain"), IsComposing(False, 0, "text/plain")])
def test_document_survives_writing_and_reading(composing: IsComposing) -> None:
    assert parse(render(composing)) == composing
