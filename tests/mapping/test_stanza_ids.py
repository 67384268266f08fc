"""Tests of `edge.mapping.stanza_ids`."""

import pytest

from edge.mapping.stanza_ids import SIZE, id_of
from edge.sip.message import Request, parse_message

TARGET = "juliet@xmpp.example"


def request(
    *,
    target: str = TARGET,
    branch: str = "one",
    tag: str = "t1",
    call_id: str = "c1",
    sequence: int = 1,
    body: str = "What light?",
    via: str = "",
) -> Request:
    lines = [
        f"MESSAGE sip:{target} SIP/2.0",
        *([f"Via: SIP/2.0/TLS {via};branch=z9hG4bK2"] if via else []),
        f"Via: SIP/2.0/TLS a.example;branch=z9hG4bK{branch}",
        f"From: <sip:romeo@sip.example>;tag={tag}",
        f"To: <sip:{TARGET}>",
        f"Call-ID: {call_id}",
        f"CSeq: {sequence} MESSAGE",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
    ]
    message = parse_message("\r\n".join(lines).encode(), body.encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("copy", [request(branch="two"), request(via="proxy.example")])
def test_copy_of_a_request_has_the_same_id_whichever_way_it_comes(copy: Request) -> None:
    assert id_of(copy) == id_of(request())


def test_request_that_differs_in_anything_has_another_id() -> None:
    others = [
        request(target="nurse@xmpp.example"),
        request(tag="t2"),
        request(call_id="c2"),
        request(sequence=2),
        request(body="What night?"),
        request(tag="t", call_id="c11"),
    ]
    assert len({id_of(each) for each in [request(), *others]}) == 1 + len(others)


def test_id_needs_no_escaping_in_xml() -> None:
    found = id_of(request(call_id="<&\"'>@a"))
    assert len(found) == 2 * SIZE and found.isalnum()
