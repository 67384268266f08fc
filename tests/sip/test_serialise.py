"""Tests of what we write: copied as it came, or refused if it could begin another line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import LocalProtocolError
from edge.sip.headers import Headers
from edge.sip.message import Request, Response, UnreadRequest, check_request, parse_message
from edge.sip.serialise import head_bytes, request_bytes, response_bytes
from tests.sip.strategies import MANY

BLOCK = (
    b'v: SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK0A.1;ms-internal-info="a;b\xff"\r\n'
    b'f :   "R \xfc" <sip:romeo@sip.example>\r\n  ;tag=aa11\r\n'
    b"Max-Forwards: 69\r\n"
    b"VIA:SIP/2.0/TLS 10.1.1.5:50123 ;ms-received-cid=1A00, SIP/2.0/UDP x\r\n"
    b"To: <sip:juliet@xmpp.example>\r\n"
    b"i: 3f1c\r\n"
    b"CSeq: 1 MESSAGE\r\n"
    b"Subject: not copied"
)
TEXTS = st.text(max_size=20)


def request(block: bytes = BLOCK) -> Request:
    return UnreadRequest("MESSAGE", "sip:juliet@xmpp.example", Headers.parse(block))


def changed(name: bytes, row: bytes) -> Request:
    lines = [line for line in BLOCK.split(b"\r\n") if not line.startswith(name)]
    return request(b"\r\n".join([*lines, name + b": " + row]))


def head_of(data: bytes) -> list[bytes]:
    return data.partition(b"\r\n\r\n")[0].split(b"\r\n")


def test_response_copies_what_identifies_the_request() -> None:
    data = response_bytes(request(), 200, to_tag="t1", headers=[("Allow", "MESSAGE")], body=b"x\r\n\r\ny")
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"SIP/2.0 200 OK",
        b'Via: SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK0A.1;ms-internal-info="a;b\xff"',
        b"Via:SIP/2.0/TLS 10.1.1.5:50123 ;ms-received-cid=1A00, SIP/2.0/UDP x",
        b'From:   "R \xfc" <sip:romeo@sip.example> ;tag=aa11',
        b"To: <sip:juliet@xmpp.example>;tag=t1",
        b"Call-ID: 3f1c",
        b"CSeq: 1 MESSAGE",
        b"Allow: MESSAGE",
        b"Content-Length: 6",
    ]
    assert body == b"x\r\n\r\ny"


@pytest.mark.parametrize(
    "to", [b"<sip:a@b>;tag=x", b"<sip:a@b> ; TAG = x", b"sip:a@b;tag=x", b'"x;tag=1', b"<sip:a@b>;tag="]
)
def test_response_adds_no_tag_when_there_is_one_or_who_knows(to: bytes) -> None:
    lines = head_of(response_bytes(changed(b"To", to), 400, to_tag="t1"))
    assert b"To: " + to in lines


@pytest.mark.parametrize(
    "to", [b"<sip:a@b;tag=x>", b'";tag=x" <sip:a@b>', b"<sip:stage@b>", b"<sip:a@b>;stag=x", b"sip:a@b"]
)
def test_response_adds_a_tag_when_something_only_looks_like_one(to: bytes) -> None:
    lines = head_of(response_bytes(changed(b"To", to), 200, to_tag="t1"))
    assert b"To: " + to + b";tag=t1" in lines


def test_response_adds_no_empty_tag() -> None:
    assert b"To: <sip:juliet@xmpp.example>" in head_of(response_bytes(request(), 100))


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        (b"SIP/2.0/TLS a", b"SIP/2.0/TLS a;received=192.0.2.1"),
        (b"SIP/2.0/TLS a;branch=x;received=6.6.6.6;y", b"SIP/2.0/TLS a;branch=x;y;received=192.0.2.1"),
        (b"SIP/2.0/TLS a;Received=6.6.6.6", b"SIP/2.0/TLS a;received=192.0.2.1"),
        (b"SIP/2.0/TLS a;x=y , SIP/2.0/TLS b;z", b"SIP/2.0/TLS a;x=y;received=192.0.2.1 , SIP/2.0/TLS b;z"),
        (b'SIP/2.0/TLS a;x="1,received=2", x', b'SIP/2.0/TLS a;x="1,received=2";received=192.0.2.1, x'),
        (b'SIP/2.0/TLS a;x=", SIP/2.0/UDP b', b'SIP/2.0/TLS a;x=", SIP/2.0/UDP b'),
        (b"received, x", b"received, x"),
    ],
)
def test_top_via_gets_the_address_that_the_request_came_from(via: bytes, expected: bytes) -> None:
    lines = head_of(response_bytes(request(b"Via: " + via + b"\r\nVia: SIP/2.0/UDP c"), 200, received="192.0.2.1"))
    assert lines[1:3] == [b"Via: " + expected, b"Via: SIP/2.0/UDP c"]


def test_address_that_the_request_came_from_may_be_ipv6() -> None:
    data = response_bytes(request(), 200, received="2001:db8::1")
    assert head_of(data)[1].endswith(b";received=2001:db8::1")


def test_response_is_written_from_whatever_the_request_had() -> None:
    assert head_of(response_bytes(request(b"X-Nothing: x"), 400, to_tag="t", received="192.0.2.1")) == [
        b"SIP/2.0 400 Bad Request", b"Content-Length: 0",
    ]
    twice = request(b"To: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCall-ID: y")
    lines = head_of(response_bytes(twice, 400, to_tag="t"))
    assert lines[1:-1] == [b"To: <sip:a@b>", b"To: <sip:c@d>", b"Call-ID: x", b"Call-ID: y"]


def test_reason_phrase_is_the_registered_one_or_ours() -> None:
    assert head_of(response_bytes(request(), 481))[0] == b"SIP/2.0 481 Call/Transaction Does Not Exist"
    assert head_of(response_bytes(request(), 299))[0] == b"SIP/2.0 299 Success"
    assert head_of(response_bytes(request(), 404, reason="Nö"))[0] == "SIP/2.0 404 Nö".encode()


def test_request_is_written_with_its_length_last() -> None:
    data = request_bytes("MESSAGE", "sip:a@b", [("Via", "SIP/2.0/TLS c"), ("Subject", "für")], "ü".encode())
    head = "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS c\r\nSubject: für\r\nContent-Length: 2"
    assert data == f"{head}\r\n\r\nü".encode()


def test_route_elements_are_written_octet_for_octet() -> None:
    routes = Headers.parse(b"Record-Route: <sip:a;lr;x=\xff\xfe>").elements("Record-Route")
    assert b"Route: <sip:a;lr;x=\xff\xfe>\r\n" in request_bytes("NOTIFY", "sip:a@b", [("Route", routes[0])])


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\nFrom: <sip:x@y>", "a\r\n\r\nb", "\ud800"])
def test_line_breaks_are_never_written(bad: str) -> None:
    for write in (
        lambda: head_bytes(f"NOTIFY sip:a@b SIP/2.0\r\nSubject: {bad}\r\n\r\n", 3),
        lambda: request_bytes("MESS" + bad, "sip:a@b", []),
        lambda: request_bytes("MESSAGE", "sip:a@b" + bad, []),
        lambda: request_bytes("MESSAGE", "sip:a@b", [("Subject", bad)]),
        lambda: request_bytes("MESSAGE", "sip:a@b", [("Sub" + bad, "x")]),
        lambda: response_bytes(request(), 200, headers=[("Subject", bad)]),
        lambda: response_bytes(request(), 200, reason=bad),
        lambda: response_bytes(request(), 200, to_tag=bad),
        lambda: response_bytes(request(), 200, received=bad),
    ):
        with pytest.raises(LocalProtocolError):
            write()


@given(st.lists(st.tuples(st.sampled_from(["Subject", "X-A", "Contact"]), TEXTS), max_size=4), st.binary(max_size=20))
@MANY
def test_headers_of_a_request_come_back_as_they_were_given(headers: list[tuple[str, str]], body: bytes) -> None:
    try:
        data = request_bytes("MESSAGE", "sip:a@b", headers, body)
    except LocalProtocolError:
        assert any(sign in value for _, value in headers for sign in "\r\n\0")
        return
    head, _, rest = data.partition(b"\r\n\r\n")
    found = parse_message(head, rest)
    assert isinstance(found, Request) and found.body == body
    for name in ("Subject", "X-A", "Contact"):
        assert found.headers.rows(name) == [value.strip(" \t") for key, value in headers if key == name]


@given(st.binary(max_size=40))
@MANY
def test_response_to_anything_is_one_head(row: bytes) -> None:
    """What a peer puts into the rows that we copy cannot add a line to our answer."""
    for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq"):
        head = b"MESSAGE sip:a@b SIP/2.0\r\n" + name + b": " + row.replace(b"\r", b"").replace(b"\n", b"")
        data = response_bytes(_parsed(head), 400, to_tag="t", received="192.0.2.1")
        assert data.count(b"\r") == data.count(b"\n") == 4
        assert isinstance(parse_message(data.partition(b"\r\n\r\n")[0], b""), Response)


def _parsed(head: bytes) -> Request:
    found = parse_message(head, b"")
    assert isinstance(found, Request)
    return found


def test_response_to_a_checked_request_is_accepted_by_its_sender() -> None:
    checked = request(BLOCK.replace(b", SIP/2.0/UDP x", b""))
    check_request(checked)
    data = response_bytes(checked, 200, to_tag="t1", received="192.0.2.1")
    found = parse_message(data.partition(b"\r\n\r\n")[0], b"")
    assert (found.to.tag, found.from_.tag, found.call_id, found.cseq) == ("t1", "aa11", "3f1c", checked.cseq)
    assert [via.parameter("received") for via in found.vias] == ["192.0.2.1", None]
