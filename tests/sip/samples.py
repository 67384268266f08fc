"""SIP messages for the tests of transactions, dialogs and subscriptions."""

from collections.abc import Sequence
from itertools import count

from edge.identifiers import Identifiers
from edge.sip.message import Request, Response, check_request, parse_message, response_bytes

ROMEO = "sip:romeo@sip.example"
JULIET = "sip:juliet@xmpp.example"
ROUTE = "<sip:edge.sip.example:5061;transport=tls;lr;ms-key-info=AAAA;ms-route-sig=BBBB>;tag=CCCC"
GRUU = "sip:romeo@sip.example;opaque=user:epid:AbCdEf0123456789AbCdEgAA;gruu"

Rows = Sequence[tuple[str, str]]


def counted_ids() -> Identifiers:
    """Identifiers whose tokens are token1, token2, ..."""
    numbers = count(1)
    return Identifiers(lambda: f"token{next(numbers)}", "edge.example.net")


def parsed(data: bytes) -> Request | Response:
    head, _, body = data.partition(b"\r\n\r\n")
    return parse_message(head, body)


def as_request(data: bytes) -> Request:
    message = parsed(data)
    assert isinstance(message, Request)
    check_request(message)
    return message


def as_response(data: bytes) -> Response:
    message = parsed(data)
    assert isinstance(message, Response)
    return message


def request(
    method: str = "MESSAGE", *, uri: str = JULIET, via: str = "SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK1",
    from_: str = f'"Romeo" <{ROMEO}>;epid=0123456789;tag=romeo1', to: str = f"<{JULIET}>", call_id: str = "call1",
    cseq: str = "", headers: Rows = (), body: bytes = b"",
) -> Request:
    """A request of Romeo, who is behind a SIP partner."""
    rows = [
        ("Via", via), ("Max-Forwards", "69"), ("From", from_), ("To", to), ("Call-ID", call_id),
        ("CSeq", cseq or f"1 {method}"), *headers, ("Content-Length", str(len(body))),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in rows)
    return as_request(f"{method} {uri} SIP/2.0\r\n{head}\r\n".encode() + body)


def answer(data: bytes, status: int = 200, *, tag: str = "romeo1", headers: Rows = ()) -> Response:
    """The peer's response to a request of ours."""
    return as_response(response_bytes(as_request(data), status, to_tag=tag, headers=headers))
