"""Session descriptions of text: what Microsoft clients offer, what they get, and what nobody should send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RemoteProtocolError
from edge.sip import sdp
from edge.sip.sdp import Offer, Stream
from tests.sip.samples import JULIET, request
from tests.sip.strategies import MANY
from tests.sip.talk import OFFER

HEAD = "v=0\r\no=- 0 0 IN IP4 10.1.1.5\r\ns=session\r\nc=IN IP4 10.1.1.5\r\nt=3 4\r\n"


def described(*lines: str) -> bytes:
    return (HEAD + "".join(f"{line}\r\n" for line in lines)).encode()


def answer(*lines: str) -> list[str]:
    """The lines of our answer behind its head."""
    return sdp.answer(sdp.parse(described(*lines)), JULIET, ("text/plain",)).decode().split("\r\n")[5:-1]


@pytest.mark.parametrize(
    ("line", "answered"),
    [
        ("m=message 5060 sip null", "m=message 5060 sip sip:juliet@xmpp.example"),
        ("m=message 5060 sip sip:juliet@xmpp.example", "m=message 5060 sip sip:juliet@xmpp.example"),
        ("m=x-ms-message 5060 sip null", "m=x-ms-message 5060 sip sip:juliet@xmpp.example"),
        ("m=Message  1863/2  SIP  null extra ", "m=message 5060 sip sip:juliet@xmpp.example"),
        ("m=message 5060 sip", "m=message 5060 sip sip:juliet@xmpp.example"),
    ],
)
def test_offer_of_text_is_accepted(line: str, answered: str) -> None:
    assert answer(line, "a=accept-types:text/plain text/html") == [answered, "a=accept-types:text/plain"]


def test_offer_of_a_microsoft_client_says_what_it_reads() -> None:
    found = sdp.parse(OFFER)
    assert (found.refusal, found.chosen) == ("", 0)
    assert found.accept_types[:2] == ("text/plain", "multipart/alternative") and len(found.accept_types) == 8
    assert found.takes("text/html") and not found.takes("application/im-iscomposing+xml")


def test_answer_has_the_times_of_the_offer_and_no_address_of_ours() -> None:
    """RFC 3264 §6."""
    text = sdp.answer(sdp.parse(described("m=message 5060 sip null")), JULIET, ("text/plain",))
    assert text.startswith(b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=3 4\r\nm=")


def test_everything_beside_the_text_is_refused_in_its_place() -> None:
    """RFC 3264 §6."""
    lines = ["m=audio 49170/2 RTP/AVP 0 8", "m=message 5060 sip null", "a=x", "m=message 1 sip null", "m=data 6 TCP *"]
    assert answer(*lines) == [
        "m=audio 0 rtp/avp 0", "m=message 5060 sip sip:juliet@xmpp.example", "a=accept-types:text/plain",
        "m=message 0 sip null", "m=data 0 tcp *",
    ]


def test_types_are_those_of_the_text_or_else_of_the_session() -> None:
    lines = ["a=accept-types:text/html", "m=audio 1 RTP/AVP 0", "a=accept-types:a/b", "m=message 1 sip null"]
    assert sdp.parse(described(*lines)).accept_types == ("text/html",)
    own = [*lines, "a=Accept-Types: Text/Plain;charset=x  text/plain *", "a=accept-wrapped-types:text/html"]
    found = sdp.parse(described(*own))
    assert (found.accept_types, found.wrapped_types) == (("text/plain", "*"), ("text/html",))
    assert found.takes("image/png") and sdp.parse(described("m=message 1 sip null")).takes("text/plain")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["m=audio 1 RTP/AVP 0", "m=video 1 RTP/AVP 0", "m=audio 2 RTP/AVP 0"], "audio, video and no text"),
        (["m=applicationsharing 1 TCP/RTP/AVP 127"], "applicationsharing and no text"),
        (["m=message 2855 TCP/MSRP *"], "a protocol that is not supported"),
        (["m=message 0 sip null"], "not supported"),
        (["m=<script> 1 RTP/AVP 0"], "offers no text"),
        ([], "offers no text"),
    ],
)
def test_offer_of_something_else_says_what_it_is(lines: list[str], reason: str) -> None:
    found = sdp.parse(described(*lines))
    assert found.chosen == -1
    assert reason in found.refusal


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"garbage", 400), (described("m=message"), 400), (described("m=message x sip null"), 400),
        (described("m=message 5060 sip \x00"), 400), (described("m=mess\u00e9ge 5060 sip null"), 400),
        (described("m=message " + "9" * 300 + " sip null"), 400), (described(*["m=audio 1 RTP/AVP 0"] * 33), 413),
        (described(*["a=x"] * 2000), 413), (described("a=" + "x" * 65_536), 413),
    ],
)
def test_hostile_description_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        sdp.parse(body)
    assert raised.value.status == status


def test_list_of_types_is_bounded() -> None:
    many = " ".join(f"text/{number}" for number in range(5000))
    lines = [f"a=accept-types:{many}", "a=accept-types:a/b"]
    assert len(sdp.parse(described("m=message 1 sip null", *lines)).accept_types) == 64


@pytest.mark.parametrize(
    ("content", "body", "reason"),
    [
        ("application/sdp;call-type=im", OFFER, ""), ("", b"", "describes no session"),
        ("application/ms-conf-invite+xml", b"<c/>", "meeting"), ("application/cccp+xml", b"<c/>", "conference"),
        ("text/plain", b"x", "other than text"),
    ],
)
def test_invitation_is_judged_by_its_body(content: str, body: bytes, reason: str) -> None:
    found = sdp.offered(request("INVITE", headers=[("Content-Type", content)] if content else [], body=body))
    assert reason in found.refusal if reason else found.refusal == ""


TEXT, CALL = described("m=message 5060 sip null").decode(), described("m=audio 1 RTP/AVP 0").decode()
SDP = "Content-Type: application/sdp\r\n"
OLD = f"{SDP}Content-Disposition: session; handling=optional; ms-proxy-2007fallback\r\n"
PLACE = "Content-Type: application/pidf+xml\r\n"


def in_parts(kind: str, *found: tuple[str, str]) -> tuple[str, bytes]:
    body = "".join(f"--b\r\n{head}\r\n{text}\r\n" for head, text in found)
    return f"multipart/{kind};boundary=b", f"{body}--b--\r\n".encode()


def judged(content: str, body: bytes, *headers: tuple[str, str]) -> Offer:
    return sdp.offered(request("INVITE", headers=[("Content-Type", content), *headers], body=body))


@pytest.mark.parametrize(
    ("content", "body"),
    [
        in_parts("alternative", (OLD, TEXT), (SDP, TEXT)),
        in_parts("alternative", (OLD, TEXT), (SDP, CALL)),
        in_parts("alternative", (SDP, TEXT), (SDP, "v=1"), (PLACE, "<x/>")),
        in_parts("mixed", (SDP, TEXT), (f"{PLACE}Content-Disposition: by-reference;handling=optional\r\n", "<x/>")),
        in_parts("related", (SDP, TEXT)),
    ],
)
def test_text_is_found_among_the_parts(content: str, body: bytes) -> None:
    assert judged(content, body).refusal == ""


def test_text_is_found_in_parts_of_parts_but_not_deeper() -> None:
    inside = "--c\r\n" + SDP + "\r\n" + TEXT + "\r\n--c--"
    nested = ("Content-Type: multipart/alternative;boundary=c\r\n", inside)
    assert judged(*in_parts("mixed", nested)).refusal == ""
    deeper = f"--d\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n{inside}\r\n--d--"
    with pytest.raises(RemoteProtocolError, match="too deep"):
        judged(*in_parts("mixed", ("Content-Type: multipart/mixed;boundary=d\r\n", deeper)))


@pytest.mark.parametrize(
    ("content", "body", "reason"),
    [
        (*in_parts("alternative", (OLD, CALL), (SDP, CALL)), "audio, video or sharing"),
        (*in_parts("mixed", (SDP, CALL)), "audio and no text"),
        (*in_parts("mixed", (SDP, TEXT), ("Content-Type: application/ms-filetransfer+xml\r\n", "<x/>")), "file"),
        (*in_parts("mixed", (f"{SDP}Content-Disposition: early-session\r\n", TEXT)), "something else"),
        (*in_parts("mixed", (PLACE, "<x/>")), "something else"),
    ],
)
def test_parts_without_text_say_what_they_are_for(content: str, body: bytes, reason: str) -> None:
    assert reason in judged(content, body).refusal


def test_what_has_to_be_understood_and_is_not_is_said() -> None:
    """RFC 3261 §8.2.3."""
    encoded = f"{SDP}Content-Transfer-Encoding: base64\r\n"
    for other in ((PLACE, "<x/>"), (encoded, "")):
        content, body = in_parts("mixed", (SDP, TEXT), other)
        with pytest.raises(RemoteProtocolError) as raised:
            judged(content, body)
        assert raised.value.status == 415
    with pytest.raises(RemoteProtocolError) as raised:
        judged("application/sdp", OFFER, ("Content-Encoding", "gzip"))
    assert raised.value.status == 415
    assert judged("application/sdp", OFFER, ("Content-Encoding", "Identity")).refusal == ""


def test_parts_are_no_longer_than_a_description() -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        judged(*in_parts("mixed", (SDP, TEXT + "a=x\r\n" * 20_000)))
    assert raised.value.status == 413


def test_our_offer_is_what_microsoft_clients_send() -> None:
    found = sdp.parse(sdp.offer(("text/plain", "text/html")))
    assert found == Offer((Stream("message", "5060", "sip", "null"),), 0, ("text/plain", "text/html"))


@MANY
@given(st.lists(st.sampled_from(["m=message 1 sip null", "m=audio 0 a b", "a=accept-types:"]) | st.text(), max_size=8))
def test_whatever_is_offered_the_answer_is_well_formed(lines: list[str]) -> None:
    try:
        found = sdp.parse(("v=0\n" + "\n".join(lines)).encode("utf-8", "replace"))
    except RemoteProtocolError:
        return
    if not found.refusal:
        again = sdp.parse(sdp.answer(found, JULIET, ("text/plain",)))
        assert [stream.kind for stream in again.streams] == [stream.kind for stream in found.streams]
        assert again.chosen == found.chosen and again.accept_types == ("text/plain",)
