"""Tests of requests and responses: what is read when it is touched, and what is refused then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RemoteProtocolError
from edge.sip.addresses import NameAddr, Via
from edge.sip.headers import Headers
from edge.sip.message import (
    METHODS,
    Request,
    Response,
    UnreadRequest,
    UnreadResponse,
    check_request,
    check_response,
    parse_message,
)
from edge.sip.values import CSeq, Event, MediaType, SubscriptionState
from tests.sip.strategies import MANY

HEAD = (
    b"MESSAGE sip:juliet@xmpp.example SIP/2.0\r\n"
    b"Via: SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK1, SIP/2.0/TLS 10.1.1.5\r\n"
    b"Max-Forwards: 69\r\n"
    b'From: "Romeo" <sip:romeo@sip.example>;tag=aa11;epid=01\r\n'
    b"To: <sip:juliet@xmpp.example>\r\n"
    b"Call-ID: 3f1c@10.1.1.5\r\n"
    b"CSeq: 1 MESSAGE\r\n"
    b"Contact: <sip:romeo@sip.example;gruu>, <sip:other@sip.example>\r\n"
    b"Content-Type: text/plain;charset=UTF-8\r\n"
    b"Expires: 30\r\n"
    b"Content-Length: 5"
)
MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
ACCESSORS = (
    "via", "vias", "from_", "to", "call_id", "cseq", "max_forwards", "expires", "content_type", "contact", "event",
    "subscription_state", "record_route", "retry_after",
)


def request(**changes: str | None) -> Request:
    """The request above with headers replaced (by attribute name) or left out."""
    lines = [line for line in HEAD.decode().split("\r\n") if line.partition(":")[0].replace("-", "_") not in changes]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in changes.items() if value is not None]
    found = parse_message("\r\n".join(lines).encode(), b"")
    assert isinstance(found, Request)
    return found


def response(*lines: str, status: str = "SIP/2.0 200 OK") -> Response:
    found = parse_message("\r\n".join([status, *HEAD.decode().split("\r\n")[2:], *lines]).encode(), b"")
    assert isinstance(found, Response)
    return found


def test_request_is_read_in_its_parts() -> None:
    found = parse_message(HEAD, b"Hello")
    assert isinstance(found, Request)
    assert (found.method, found.uri, found.body) == ("MESSAGE", "sip:juliet@xmpp.example", b"Hello")
    assert found.request_uri.user == "juliet"
    assert found.via == Via("TLS", "edge.sip.example", 5061, (("branch", "z9hG4bK1"),))
    assert found.branch == "z9hG4bK1"
    assert [via.host for via in found.vias] == ["edge.sip.example", "10.1.1.5"]
    assert found.from_ == NameAddr("Romeo", "sip:romeo@sip.example", (("tag", "aa11"), ("epid", "01")))
    assert found.to == NameAddr("", "sip:juliet@xmpp.example", ())
    assert found.call_id == "3f1c@10.1.1.5"
    assert found.cseq == CSeq(1, "MESSAGE")
    assert found.contact == NameAddr("", "sip:romeo@sip.example;gruu", ())
    assert found.content_type == MediaType("text/plain", (("charset", "UTF-8"),))
    assert (found.max_forwards, found.expires) == (69, 30)
    check_request(found)


MICROSOFT = b"""SUBSCRIBE sip:juliet@xmpp.example SIP/2.0
Via: SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK0A1B2C3D.4E5F6071;branched=FALSE;ms-internal-info="ab,;c=="
From: "Romeo" <sip:romeo@sip.example>;tag=aa11;epid=
Max-Forwards: 68
Content-Length: 0
Via: SIP/2.0/TLS 10.1.1.5:50123;ms-received-port=50123;ms-received-cid=1A00
Record-Route: <sip:pool01.sip_internal.example:5061;ms-fe=fe1.sip.example;opaque=state:T:F:Ci.R1A00;lr>;tag=01
To: <sip:juliet@xmpp.example>
Record-Route: <sip:edge.sip.example:5061;transport=tls;lr;ms-key-info=AAAA+/==;ms-route-sig=BBBB>
Call-ID: 3f1c
CSeq: 1 SUBSCRIBE
Contact: <sip:romeo@sip.example;opaque=user:epid:AbCdEf0123456789AbCdEgAA;gruu>;proxy=replace
Event: presence
subscription-state: active;expires=60
Accept: text/xml+msrtc.pidf,
 application/pidf+xml
Supported: ms-benotify
Proxy-Require: ms-benotify
Supported: ms-piggyback-first-notify
Ms-Conversation-Id: AdE="""


def test_request_of_a_microsoft_edge_is_read() -> None:
    found = parse_message(MICROSOFT.replace(b"\n", b"\r\n"), b"")
    assert isinstance(found, Request)
    check_request(found)
    assert [via.branch for via in found.vias] == ["z9hG4bK0A1B2C3D.4E5F6071", ""]
    assert found.via.parameter("ms-internal-info") == '"ab,;c=="'
    assert (found.from_.tag, found.from_.parameter("epid")) == ("aa11", "")
    assert [route.partition(":")[2][:4] for route in found.record_route] == ["pool", "edge"]
    assert found.record_route[0].endswith(";lr>;tag=01")
    assert found.contact is not None and found.contact.sip_uri.has_parameter("gruu")
    assert found.headers.elements("Accept") == ["text/xml+msrtc.pidf", "application/pidf+xml"]
    assert found.headers.elements("Supported") == ["ms-benotify", "ms-piggyback-first-notify"]
    assert found.subscription_state == SubscriptionState("active", None, 60)


def test_mandatory_values_are_read_once() -> None:
    found = request()
    for name in ("via", "from_", "to", "call_id", "cseq", "request_uri"):
        assert getattr(found, name) is getattr(found, name)


def test_optional_headers_may_be_absent() -> None:
    found = request(Max_Forwards=None, Contact=None, Content_Type=None, Expires=None)
    for name in ("max_forwards", "expires", "content_type", "contact", "event", "subscription_state", "retry_after"):
        assert getattr(found, name) is None
    assert found.record_route == []


def test_event_headers_are_read() -> None:
    found = request(
        Event="presence;id=7", Subscription_State="active;expires=60", Record_Route="<sip:a;lr>, <sip:b;lr>"
    )
    assert found.event == Event("presence", "7")
    assert found.subscription_state == SubscriptionState("active", None, 60)
    assert found.record_route == ["<sip:a;lr>", "<sip:b;lr>"]


@pytest.mark.parametrize(
    ("row", "seconds"),
    [("120", 120), ("18000;duration=3600", 18000), ("5 (I'm in a meeting)", 5), ("soon", None), ("9" * 5000, None)],
)
def test_retry_after_is_read_as_far_as_it_makes_sense(row: str, seconds: int | None) -> None:
    assert response(f"Retry-After: {row}").retry_after == seconds


@pytest.mark.parametrize("name", MANDATORY)
def test_request_without_a_mandatory_header_is_refused(name: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"the {name} header is missing") as caught:
        check_request(request(**{name.replace("-", "_"): None}))
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards"])
def test_request_with_a_single_header_twice_is_refused(name: str) -> None:
    rows = {"From": "<sip:a@b>;tag=1", "To": "<sip:a@b>", "Call-ID": "x", "CSeq": "1 MESSAGE", "Max-Forwards": "70"}
    found = parse_message(HEAD + f"\r\n{name.lower()} : {rows[name]}".encode(), b"")
    assert isinstance(found, Request)
    with pytest.raises(RemoteProtocolError, match=f"the {name} header is given twice"):
        check_request(found)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("From", "sip:a b@c"), ("From", ""), ("From", '"x" <sip:attacker@evil.test>;tag="" <sip:victim@ok.test>;tag=1'),
        ("To", "Bell, A <sip:a@b>"), ("To", "<sip:a@b>;tag="), ("Call-ID", ""), ("Call-ID", "a b"), ("Call-ID", "ü"),
        ("CSeq", "1"), ("CSeq", "4294967296 MESSAGE"), ("CSeq", "1 INVITE"), ("Via", ""),
        ("Via", "SIP/2.0/TLS a;;,;,,"),
        ("Via", "SIP/2.0/TLS a;branch="), ("Max-Forwards", "256"), ("Max-Forwards", "-1"), ("Max-Forwards", ""),
        ("Max-Forwards", "seventy"),
    ],
)
def test_request_with_a_malformed_mandatory_header_is_refused(name: str, row: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check_request(request(**{name.replace("-", "_"): row}))
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["Contact", "Content-Type", "Expires", "Event", "Date", "Route", "Subject", "Accept"])
def test_malformed_header_that_nobody_needs_does_no_harm(name: str) -> None:
    found = request(**{name.replace("-", "_"): '"<;,\\ \0'})
    check_request(found)


def test_malformed_optional_header_is_refused_when_it_is_touched() -> None:
    found = request(Contact="<sip:a", Content_Type="text", Expires="x", Event=";", Subscription_State="")
    for name in ("contact", "content_type", "expires", "event", "subscription_state"):
        with pytest.raises(RemoteProtocolError):
            getattr(found, name)


def test_expires_beyond_32_bits_counts_as_absent() -> None:
    assert request(Expires="4294967296").expires is None


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("<sip:a@b>", 400), ("sip:a@b?Route=%3Csip:c%3E", 400), ("sip:", 400), ("x", 400), ("tel:+1", 416),
        ("soap.x:y", 416),
    ],
)
def test_request_uri_is_judged(uri: str, status: int) -> None:
    found = parse_message(HEAD.replace(b"sip:juliet@xmpp.example", uri.encode(), 1), b"")
    assert isinstance(found, Request)
    with pytest.raises(RemoteProtocolError) as caught:
        _ = found.request_uri
    assert caught.value.status == status
    if status == 416:
        check_request(found)
    else:
        with pytest.raises(RemoteProtocolError):
            check_request(found)


def test_method_of_the_cseq_matters_only_for_known_methods() -> None:
    found = parse_message(HEAD.replace(b"MESSAGE sip", b"NEWMETHOD sip"), b"")
    assert isinstance(found, Request) and found.method not in METHODS
    check_request(found)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"MESSAGE sip:a@b SIP/3.0", 505), (b"MESSAGE sip:a@b SIP/2.1", 505), (b"MESSAGE sip:a@b sip/20.0", 505),
        (b"SIP/3.0 200 OK", 505), (b"MESSAGE sip:a@b HTTP/1.1", 400), (b"MESSAGE sip:a@b", 400), (b"MESSAGE", 400),
        (b"MESSAGE sip:a@b  SIP/2.0", 400), (b"MESSAGE sip:a@b SIP/2.0 ", 400), (b" MESSAGE sip:a@b SIP/2.0", 400),
        (b"MESSAGE sip:a@b;\tx SIP/2.0", 400), (b"MESS/AGE sip:a@b SIP/2.0", 400),
        (b"MESSAGE sip:\xc3\xbc@b SIP/2.0", 400),
        (b"SIP/2.0 4294967301 x", 400), (b"SIP/2.0 99 x", 400), (b"SIP/2.0 700 x", 400), (b"SIP/2.0 2000 OK", 400),
        (b"SIP/2.0 -200 OK", 400), (b"SIP/2.0", 400), (b"SIP/2.0 200OK", 400), (b"SIP/2.0 abc def", 400), (b"", 400),
        (b"MESSAGE sip:a@b SIP/2", 400), (b"MESSAGE sip:a@b SIP/99999999999.0", 400),
    ],
)
def test_start_line_is_refused_when_malformed(line: bytes, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        found = parse_message(line + HEAD[HEAD.index(b"\r\n") :], b"")
        assert isinstance(found, Request)
        check_request(found)
    assert caught.value.status == status


def test_version_may_be_in_lower_case() -> None:
    assert isinstance(parse_message(HEAD.replace(b"SIP/2.0\r\n", b"sip/2.0\r\n", 1), b""), Request)
    assert response(status="sip/2.0 200 OK").status == 200


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("SIP/2.0 200 OK", 200, "OK"), ("SIP/2.0 100 ", 100, ""), ("SIP/2.0 699", 699, ""),
        ("SIP/2.0 200 = 2**3 * 5**2 но", 200, "= 2**3 * 5**2 но"),
    ],
)
def test_status_line_is_read(line: str, status: int, reason: str) -> None:
    found = response(status=line)
    assert (found.status, found.reason) == (status, reason)


def test_reason_that_is_not_utf8_is_replaced() -> None:
    found = parse_message(b"SIP/2.0 200 \xff\r\nTo: x", b"")
    assert isinstance(found, Response) and found.reason == "\ufffd"


def test_empty_head_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_message(b"", b"")


def test_response_is_checked_like_a_request() -> None:
    check_response(response("Via: SIP/2.0/TLS a;branch=z9hG4bK1"))
    one, two = "Via: SIP/2.0/TLS a", "Via: SIP/2.0/TLS b"
    for lines in [(), (one, two), (f"{one}, SIP/2.0/TLS b",), ("Via: x",)]:
        with pytest.raises(RemoteProtocolError):
            check_response(response(*lines))
    with pytest.raises(RemoteProtocolError):
        check_response(response("Via: SIP/2.0/TLS a", "CSeq: 9999999999 OPTIONS"))


def test_message_can_be_made_of_parts() -> None:
    found = UnreadRequest("OPTIONS", "sip:b.example", Headers.parse(b"To: <sip:b.example>"))
    assert (found.body, found.to.uri) == (b"", "sip:b.example")
    assert UnreadResponse(200, "OK", found.headers).to.uri == "sip:b.example"


@given(st.binary(max_size=120) | st.text("SIP/2.0 sip:a@b\r\nTVFomCSeqall-ID;,<>\"\t", max_size=120).map(str.encode))
@MANY
def test_messages_raise_nothing_but_protocol_errors(head: bytes) -> None:
    for start in (b"", b"MESSAGE sip:a@b SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n"):
        try:
            found = parse_message(start + head, b"")
        except RemoteProtocolError as error:
            assert error.status in (400, 505, 513)
            continue
        for name in ACCESSORS:
            try:
                getattr(found, name)
            except RemoteProtocolError as error:
                assert error.status == 400
