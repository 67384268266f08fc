"""Tests of `edge.bodies.imdn`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies import cpim, imdn
from edge.bodies.imdn import STATUSES, Report, Request
from edge.bodies.mime import Entity
from edge.errors import RemoteProtocolError

HEAD = b"<?xml version='1.0'?><imdn xmlns='urn:ietf:params:xml:ns:imdn'>"
ID = b"<message-id>34jk324j</message-id>"


def asking(*lines: str) -> Request | None:
    head = "\r\n".join([f"NS: imdn <{imdn.NAMESPACE}>", *lines, "", "Content-Type: text/plain", "", "hi"])
    return imdn.requested(cpim.parse(head.encode()))


def test_request_is_read() -> None:
    wanted = "imdn.Disposition-Notification: positive-delivery, Negative-Delivery;x=y , display, processing, other"
    assert asking("imdn.Message-ID: 34jk324j", wanted) == Request("34jk324j", True, True, True, True)


@pytest.mark.parametrize(
    "lines",
    [
        ("imdn.Message-ID: 1",),
        ("imdn.Disposition-Notification: display",),
        (f"imdn.Message-ID: {'x' * (imdn.MAX_ID + 1)}", "imdn.Disposition-Notification: display"),
    ],
)
def test_request_is_none_without_an_id_or_a_wish(lines: tuple[str, ...]) -> None:
    assert asking(*lines) is None


@pytest.mark.parametrize("request_", [Request("a", True), Request("b", False, True, True, True)])
def test_request_survives_writing_and_reading(request_: Request) -> None:
    message = cpim.Message(None, (), Entity("text/plain", {}, b""), extensions=imdn.headers(request_))
    assert imdn.requested(cpim.parse(cpim.render(message))) == request_


@pytest.mark.parametrize(("kind", "status"), [(kind, status) for kind in STATUSES for status in STATUSES[kind]])
def test_report_survives_writing_and_reading(kind: str, status: str) -> None:
    report = Report("34jk324j", kind, status, "2008-04-04T12:16:49-05:00", "im:bob@example.com", "im:bob@example.com")
    assert imdn.parse(imdn.render(report)) == report


def test_report_is_read_with_what_we_do_not_know() -> None:
    body = HEAD + ID + b"<subject>x</subject><y xmlns='urn:y'/><display-notification><status><displayed/></status>"
    assert imdn.parse(body + b"</display-notification></imdn>") == Report("34jk324j", "display", "displayed")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<imdn/>", HEAD + b"</imdn>", HEAD + ID + b"</imdn>",
        HEAD + b"<delivery-notification><status><delivered/></status></delivery-notification></imdn>",
        HEAD + ID + b"<delivery-notification/></imdn>",
        HEAD + ID + b"<delivery-notification><status><displayed/></status></delivery-notification></imdn>",
        HEAD + b"<message-id>" + b"x" * 300 + b"</message-id></imdn>",
    ],
)
def test_report_that_says_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        imdn.parse(body)
    assert caught.value.status == 400


def test_report_that_cannot_be_is_a_bug() -> None:
    with pytest.raises(ValueError, match="displayed"):
        imdn.render(Report("1", "delivery", "displayed"))


@given(st.text(min_size=1, max_size=50))
def test_no_id_can_make_an_element(identifier: str) -> None:
    try:
        read = imdn.parse(imdn.render(Report(identifier, "delivery", "failed")))
    except RemoteProtocolError:
        assert not identifier.strip()
    else:
        assert read.status == "failed"
