"""The torture messages of RFC 4475 through framing, parsing and the checks that come before everything else."""

import pytest

from edge.errors import RemoteProtocolError
from edge.sip.checks import refusal
from edge.sip.framing import Framer, Garbled
from edge.sip.message import Request, Response, check_request, check_response
from tests.sip.torture_cases import BY_NAME, CASES, FOLDER, Case

METHODS = frozenset({"MESSAGE", "SUBSCRIBE", "NOTIFY", "OPTIONS"})
NEXT = (
    b"OPTIONS sip:user@xmpp.example SIP/2.0\r\nVia: SIP/2.0/TLS host.sip.example;branch=z9hG4bKnext\r\n"
    b"From: <sip:caller@sip.example>;tag=next\r\nTo: <sip:user@xmpp.example>\r\nCall-ID: next\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)

# Responses that no transaction may see; all other responses of the RFC are well-formed.
DROPPED = {"scalarlg", "bigcode", "bcast"}


def statuses(data: bytes) -> tuple[list[int], Framer]:
    """What each request in ``data`` is answered with as far as the codec decides; 200 where it has no objection."""
    framer = Framer()
    found = []
    for message in framer.feed(data):
        if isinstance(message, Garbled):
            if message.answer is not None:
                found.append(int(message.answer[8:11]))
        elif isinstance(message, Request):
            found.append(judge(message))
    return found, framer


def judge(request: Request) -> int:
    try:
        check_request(request)
    except RemoteProtocolError as error:
        return error.status
    refused = refusal(request, methods=METHODS, extensions=frozenset())
    return 200 if refused is None else refused[0]


def test_all_messages_of_the_rfc_are_there() -> None:
    assert len(CASES) == len(BY_NAME) == 49
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(BY_NAME)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_message_is_answered_as_the_rfc_wants(case: Case) -> None:
    found, framer = statuses(case.data)
    assert len(found) == case.answers
    assert set(found) <= case.statuses
    assert framer.closed == case.closes
    assert (framer.buffered > 0) == case.waits


@pytest.mark.parametrize("case", [case for case in CASES if not case.closes and not case.waits], ids=str)
def test_next_message_is_served(case: Case) -> None:
    found, framer = statuses(case.data + NEXT)
    assert found[-1] == 200
    assert len(found) == case.answers + 1
    assert not framer.closed and framer.buffered == 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_message_in_single_octets_is_read_the_same(case: Case) -> None:
    framer = Framer()
    pieces = [
        kind.__class__.__name__
        for octet in range(len(case.data))
        for kind in framer.feed(case.data[octet : octet + 1])
    ]
    whole = Framer()
    assert pieces == [kind.__class__.__name__ for kind in whole.feed(case.data)]
    assert (framer.closed, framer.buffered) == (whole.closed, whole.buffered)


@pytest.mark.parametrize("name", sorted(case.name for case in CASES if not case.statuses and not case.waits))
def test_response_that_is_malformed_or_not_ours_is_dropped(name: str) -> None:
    responses = [item for item in Framer().feed(BY_NAME[name].data) if isinstance(item, Response)]
    assert bool(responses) == (name != "bigcode")
    for response in responses:
        if name in DROPPED:
            with pytest.raises(RemoteProtocolError):
                check_response(response)
        else:
            check_response(response)


def test_wsinv_is_read_through_folding_and_white_space() -> None:
    (request,) = Framer().feed(BY_NAME["wsinv"].data)
    assert isinstance(request, Request)
    assert [(via.host, via.branch) for via in request.vias] == [
        ("192.0.2.2", "390skdjuw"), ("spindle.sip.example", "z9hG4bK9ikj8"), ("192.168.255.111", "z9hG4bK30239"),
    ]
    assert (request.from_.display, request.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert (request.to.uri, request.to.tag) == ("sip:vivekg@xmpp.example", "1918181833n")
    assert (request.cseq.number, request.max_forwards) == (9, 68)
    assert request.headers.get("subject") == ""
    assert request.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    contact = request.contact
    assert contact is not None
    assert contact.display == 'Quoted string ""'
    assert contact.parameters == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))


def test_contact_parameter_belongs_to_the_header_or_to_the_uri() -> None:
    contacts = {}
    for name in ("cparam01", "cparam02", "regescrt"):
        (request,) = Framer().feed(BY_NAME[name].data)
        assert isinstance(request, Request)
        contacts[name] = request.contact
    assert contacts["cparam01"] is not None and contacts["cparam01"].parameters == (("unknownparam", None),)
    assert contacts["cparam02"] is not None and contacts["cparam02"].sip_uri.has_parameter("unknownparam")
    assert contacts["regescrt"] is not None
    assert contacts["regescrt"].sip_uri.headers == "Route=%3Csip:sip.sip.example%3E"


def test_binary_body_is_kept_octet_for_octet() -> None:
    data = BY_NAME["mpart01"].data
    (request,) = Framer().feed(data)
    assert isinstance(request, Request)
    assert request.body == data.partition(b"\r\n\r\n")[2]
    assert b"\0" in request.body
    assert request.content_type is not None and request.content_type.type == "multipart/signed"


def test_user_part_that_looks_like_parameters_is_the_user() -> None:
    (request,) = Framer().feed(BY_NAME["semiuri"].data)
    assert isinstance(request, Request)
    assert (request.request_uri.user, request.request_uri.parameters) == ("user;par=u%40example.net", ())
