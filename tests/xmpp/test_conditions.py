"""Error conditions of stanzas and streams."""

import pytest

from edge.codes import Code
from edge.errors import LocalProtocolError
from edge.xmpp.conditions import ERROR_TYPES, STANZA_CONDITIONS, STREAM_CONDITIONS, StreamError, stream_error_bytes
from edge.xmpp.element import NS_STREAMS, Element
from edge.xmpp.stream import StreamClosed, StreamParser


def test_there_are_as_many_conditions_as_the_rfc_lists() -> None:
    assert len(STANZA_CONDITIONS) == 22  # RFC 6120 §8.3.3
    assert len(STREAM_CONDITIONS) == 25  # RFC 6120 §4.9.3
    assert set(STANZA_CONDITIONS.values()) <= ERROR_TYPES


def test_every_code_has_a_condition_that_exists() -> None:
    for code in Code:
        assert code.condition in {"", *STANZA_CONDITIONS, *STREAM_CONDITIONS}


@pytest.mark.parametrize("condition", sorted(STREAM_CONDITIONS))
def test_stream_error_is_well_formed_and_ends_the_stream(condition: str) -> None:
    header = f"<stream:stream xmlns='jabber:server' xmlns:stream='{NS_STREAMS}'>".encode()
    _, error, closed = StreamParser().feed(header + stream_error_bytes(condition, "a < b \x00"))
    assert isinstance(error, Element)
    assert (error.name, error.namespace) == ("error", NS_STREAMS)
    assert [child.name for child in error.elements()] == [condition, "text"]
    assert {child.namespace for child in error.elements()} == {"urn:ietf:params:xml:ns:xmpp-streams"}
    assert [child.text for child in error.elements()] == ["", "a < b \ufffd"]
    assert closed == StreamClosed()


def test_stream_error_has_no_text_when_there_is_none() -> None:
    assert b"<text" not in stream_error_bytes("reset")


def test_stream_error_carries_condition_code_and_sentence() -> None:
    error = StreamError("restricted-xml")
    assert (error.condition, error.code, error.text) == ("restricted-xml", Code.X02, "")
    assert str(error) == Code.X02.sentence
    assert str(StreamError("policy-violation", "too large")) == "too large"
    assert StreamError("invalid-from", code=Code.A05).code is Code.A05


def test_unknown_condition_is_our_own_fault() -> None:
    with pytest.raises(LocalProtocolError):
        StreamError("broken")
    with pytest.raises(LocalProtocolError):
        stream_error_bytes("broken")
