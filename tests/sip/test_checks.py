"""Tests of the checks of a server, and of their order."""

import pytest

from edge.codes import Code
from edge.sip.checks import refusal
from edge.sip.headers import Headers
from edge.sip.message import Request, UnreadRequest

METHODS = frozenset({"MESSAGE", "OPTIONS", "SUBSCRIBE"})
EXTENSIONS = frozenset({"eventlist"})
ALLOW = [("Allow", "MESSAGE, OPTIONS, SUBSCRIBE")]


def request(
    method: str = "MESSAGE", uri: str = "sip:a@b.example", *lines: str, to: str = "<sip:a@b.example>"
) -> Request:
    return UnreadRequest(method, uri, Headers.parse("\r\n".join([f"To: {to}", *lines]).encode()))


def judge(found: Request) -> tuple[int, list[tuple[str, str]], Code] | None:
    return refusal(found, methods=METHODS, extensions=EXTENSIONS)


@pytest.mark.parametrize("uri", ["sip:a@b.example", "SIP:b.example", "im:a@b.example", "pres:a@b.example"])
def test_request_that_we_serve_is_not_refused(uri: str) -> None:
    assert judge(request("MESSAGE", uri, "Require: EventList")) is None


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "NOTIFY", "PUBLISH", "SERVICE", "NEGOTIATE"])
def test_known_method_is_not_allowed(method: str) -> None:
    assert judge(request(method)) == (405, ALLOW, Code.S03)


@pytest.mark.parametrize("method", ["NEWMETHOD", "RE%47IST%45R", "message", "!odd-Method.%*_+`'~"])
def test_unknown_method_is_not_implemented(method: str) -> None:
    assert judge(request(method)) == (501, ALLOW, Code.S03)


@pytest.mark.parametrize("uri", ["sips:a@b.example", "tel:+1", "soap.beep://192.0.2.103:3002"])
def test_other_scheme_is_not_supported(uri: str) -> None:
    assert judge(request("MESSAGE", uri)) == (416, [], Code.S08)


def test_supported_schemes_are_ours_to_say() -> None:
    found = request("MESSAGE", "sips:a@b.example", to="<sips:a@b.example>")
    assert refusal(found, methods=METHODS, extensions=EXTENSIONS, schemes=("sip", "sips")) is None


@pytest.mark.parametrize("uri", ["<sip:a@b.example>", "sip:a@b?Route=%3Csip:c%3E", "sip:", "x"])
def test_malformed_request_uri_is_refused(uri: str) -> None:
    assert judge(request("MESSAGE", uri)) == (400, [], Code.S01)


@pytest.mark.parametrize("to", ["<sips:a@b.example>", "SIPS:a@b.example"])
def test_secure_recipient_is_not_carried_on(to: str) -> None:
    assert judge(request(to=to)) == (480, [], Code.S08)


def test_unknown_extensions_are_named() -> None:
    found = request("MESSAGE", "sip:a@b.example", "Require: one, eventlist", "Require: Two")
    assert judge(found) == (420, [("Unsupported", "one, Two")], Code.S07)


def test_proxy_require_is_for_proxies() -> None:
    found = request("SUBSCRIBE", "sip:a@b.example", "Proxy-Require: ms-benotify", "Supported: ms-benotify")
    assert judge(found) is None


def test_require_without_content_requires_nothing() -> None:
    assert judge(request("MESSAGE", "sip:a@b.example", "Require:")) is None


@pytest.mark.parametrize("tags", ['"x', "a b", "x\0", "<x"])
def test_malformed_require_is_refused(tags: str) -> None:
    assert judge(request("MESSAGE", "sip:a@b.example", f"Require: {tags}")) == (400, [], Code.S01)


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_require_does_not_count_in_ack_and_cancel(method: str) -> None:
    found = request(method, "sip:a@b.example", "Require: one")
    assert refusal(found, methods=METHODS | {method}, extensions=EXTENSIONS) is None


def test_checks_come_in_the_order_of_the_rfc() -> None:
    unknown = request("NEWMETHOD", "tel:+1", "Require: one", to="<sips:a@b>")
    assert [status for status, _, _ in [judge(unknown) or (0, [], Code.S01)]] == [501]
    scheme = request("MESSAGE", "tel:+1", "Require: one", to="<sips:a@b>")
    assert [status for status, _, _ in [judge(scheme) or (0, [], Code.S01)]] == [416]
    secure = request("MESSAGE", "sip:a@b", "Require: one", to="<sips:a@b>")
    assert [status for status, _, _ in [judge(secure) or (0, [], Code.S01)]] == [480]
