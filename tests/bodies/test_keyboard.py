"""Tests of `edge.bodies.keyboard`."""

import pytest

from edge.bodies.keyboard import parse, render
from edge.bodies.text import UnsupportedBody
from edge.errors import RemoteProtocolError


@pytest.mark.parametrize("typing", [True, False])
def test_activity_survives_writing_and_reading(typing: bool) -> None:
    assert parse(render(typing)) is typing


def test_activity_is_read_as_clients_write_it() -> None:
    assert parse(b'<?xml version="1.0"?><KeyboardActivity> <status status="type" /></KeyboardActivity>')
    assert not parse(b'<KeyboardActivity><status status="idle"/></KeyboardActivity>')
    assert not parse(b"<KeyboardActivity><status/></KeyboardActivity>")


@pytest.mark.parametrize("body", [b"<a/>", b"<KeyboardActivity/>", b"<x><status status='type'/></x>"])
def test_other_xml_is_not_supported(body: bytes) -> None:
    with pytest.raises(UnsupportedBody):
        parse(body)


def test_what_is_no_xml_is_malformed() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(b"type")
    assert caught.value.status == 400
