"""Formats of presence documents: who may use which, and that both lead to the same values."""

import pytest

from edge.bodies.document import Document, Tuple
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.documents import MSRTC, formats, rendered, understood
from edge.partners import System
from edge.sip.subscription import PIDF

BUSY = Document("sip:a@x.example", (Tuple("0", "open", activities=("busy",)),))


def test_only_who_wants_it_gets_the_format_of_microsoft() -> None:
    assert formats(System("x", False, "sip", ())) == (PIDF,)
    assert formats(System("x", False, "sip", (), presence_format="msrtc")) == (MSRTC, PIDF)


@pytest.mark.parametrize("media_type", [PIDF, MSRTC])
def test_document_says_the_same_in_each_format(media_type: str) -> None:
    found = understood(media_type, rendered(BUSY, media_type))
    assert isinstance(found, Document)
    assert found.tuples == BUSY.tuples and found.entity.removeprefix("sip:") == "a@x.example"


@pytest.mark.parametrize("media_type", ["application/xpidf+xml", "", "text/xml"])
def test_document_in_another_format_is_not_understood(media_type: str) -> None:
    fault = understood(media_type, rendered(BUSY, PIDF))
    assert isinstance(fault, RemoteProtocolError) and (fault.status, fault.code) == (415, Code.S04)


@pytest.mark.parametrize("media_type", [PIDF, MSRTC])
def test_document_in_the_wrong_format_is_malformed(media_type: str) -> None:
    other = MSRTC if media_type == PIDF else PIDF
    fault = understood(media_type, rendered(BUSY, other))
    assert isinstance(fault, RemoteProtocolError) and fault.status == 400
