"""Tests of `edge.mapping.extensions`."""

import pytest

from edge.mapping.extensions import (
    NS_DELAY,
    NS_EME,
    NS_MARKERS,
    NS_OOB,
    NS_RECEIPTS,
    NS_STATES,
    STATES,
    Extensions,
    content_elements,
    receipt_elements,
    state_elements,
)
from edge.mapping.said import Asked, Content, Receipt
from edge.xmpp.element import Element

AXOLOTL = "eu.siacs.conversations.axolotl"


def read(*elements: Element) -> Extensions:
    return Extensions(elements)


def oob(url: str) -> Element:
    return Element("x", NS_OOB, {}, [Element("url", NS_OOB, {}, [url])])


def test_nothing_is_said_without_extensions_or_with_those_of_others() -> None:
    for found in (read(), read(Element("active", "urn:other"), Element("x", NS_STATES))):
        assert (found.state, found.sent, found.url, found.encrypted, found.xhtml) == ("", None, "", "", None)
        assert found.receipt("") is None and found.asked("1") is None


@pytest.mark.parametrize("state", sorted(STATES))
def test_chat_state_survives_writing_and_reading(state: str) -> None:
    elements = state_elements(state)
    assert read(*elements).state == state
    assert elements[1].name == "no-store"


@pytest.mark.parametrize("receipt", [Receipt("1", "delivered", "t"), Receipt("a'<b", "displayed", "")])
def test_receipt_survives_writing_and_reading(receipt: Receipt) -> None:
    assert read(*receipt_elements(receipt)).receipt(receipt.thread) == receipt


def test_receipt_of_a_marker_in_its_older_forms() -> None:
    assert read(Element("received", NS_MARKERS, {"id": "1"})).receipt("") == Receipt("1", "delivered")
    assert read(Element("acknowledged", NS_MARKERS, {"id": "1"})).receipt("") == Receipt("1", "displayed")


def test_receipt_of_what_was_seen_says_so() -> None:
    received, displayed = Element("received", NS_RECEIPTS, {"id": "1"}), Element("displayed", NS_MARKERS, {"id": "1"})
    assert read(received, displayed).receipt("") == Receipt("1", "displayed")


@pytest.mark.parametrize("attributes", [{}, {"id": ""}, {"id": "x" * 300}])
def test_receipt_without_an_id_is_none(attributes: dict[str, str]) -> None:
    assert read(Element("received", NS_RECEIPTS, attributes)).receipt("") is None


@pytest.mark.parametrize("asked", [Asked("1", True), Asked("1", displayed=True), Asked("1", True, False, True)])
def test_request_for_a_receipt_survives_writing_and_reading(asked: Asked) -> None:
    assert read(*content_elements(Content("x", asked=asked), "b.example")).asked("1") == asked


def test_request_for_a_receipt_is_none_without_an_id_and_in_a_receipt() -> None:
    request = Element("request", NS_RECEIPTS)
    assert read(request).asked("") is None
    assert read(request, Element("received", NS_RECEIPTS, {"id": "1"})).asked("2") is None


def test_delay_is_the_earliest_of_all() -> None:
    stamps = ["2010-11-13T23:29:00Z", "2010-11-13T23:28:00Z", "yesterday", "2010-11-13T23:30:00Z"]
    found = read(*(Element("delay", NS_DELAY, {"stamp": stamp}) for stamp in stamps), Element("delay", NS_DELAY))
    assert found.sent == 1_289_690_880.0
    (delay,) = content_elements(Content("x", sent=found.sent), "b.example")
    assert delay.attributes == {"from": "b.example", "stamp": "2010-11-13T23:28:00Z"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/a", "https://x.example/a"), (" ftp://x.example/a ", "ftp://x.example/a"),
        ("geo:13.4,16.5;u=3", "geo:13.4,16.5;u=3"), ("javascript:x", ""), ("JavaScript:x", ""),
        ("ftp://x/a b", ""), ("ftp://x/\nVia: y", ""), ("ftp://x/<b>", ""), ("data:a,x", ""), ("c:x", ""),
        ("//x/y", ""), ("ftp://\u202ex", ""), ("ftp://" + "x" * 3000, ""),
    ],
)
def test_address_of_a_file_is_read(url: str, expected: str) -> None:
    assert read(oob(url)).url == expected


@pytest.mark.parametrize(
    ("element", "name", "payload"),
    [
        (Element("encrypted", AXOLOTL, {}, [Element("header", AXOLOTL), Element("payload", AXOLOTL)]), "OMEMO", True),
        (Element("encrypted", AXOLOTL, {}, [Element("header", AXOLOTL)]), "OMEMO", False),
        (Element("x", "jabber:x:encrypted", {}, ["----"]), "OpenPGP", True),
        (Element("encrypted", "urn:xmpp:omemo:2", {}, [Element("payload", "urn:xmpp:omemo:2")]), "OMEMO", True),
        (Element("openpgp", "urn:xmpp:openpgp:0", {}, ["AAAA"]), "OpenPGP", True),
        (Element("public-keys-list", "urn:xmpp:openpgp:0"), "", False),
        (Element("encryption", NS_EME, {"namespace": "urn:xmpp:otr:0"}), "OTR", True),
        (Element("encryption", NS_EME, {"namespace": "urn:x", "name": "My\nThing"}), "MyThing", True),
        (Element("encryption", NS_EME), "an unknown encryption", True),
        (Element("encryption", NS_EME, {"namespace": AXOLOTL}), "OMEMO", False),
    ],
)
def test_encryption_is_named_and_keys_alone_are_no_message(element: Element, name: str, payload: bool) -> None:
    found = read(element)
    assert (found.encrypted, found.payload) == (name, payload)
