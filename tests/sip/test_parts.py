"""Bodies of several parts, as far as SIP looks into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RemoteProtocolError
from edge.sip import parts
from edge.sip.values import MediaType
from tests.sip import microsoft_samples as ms
from tests.sip.strategies import MANY

MIXED = MediaType.parse('multipart/mixed; boundary="b 1"')


def cut(*lines: str, media: MediaType = MIXED) -> list[parts.Part]:
    return parts.split("\r\n".join(lines).encode(), media)


def test_parts_are_cut_with_what_is_said_of_each() -> None:
    one, two = cut(
        "a preamble", "--b 1", "c: application/SDP; x=y", "Content-Disposition: Session; Handling=OPTIONAL", "", "v=0",
        "", "--b 1  ", "", "text", "--b 1--", "an epilogue", "--b 1", "", "no part",
    )
    assert (one.media.type, one.body) == ("application/sdp", b"v=0\r\n")
    assert (one.disposition, one.is_optional) == ("session", True)
    assert two == parts.Part(MediaType("text/plain"), b"text")


@pytest.mark.parametrize(("transfer", "is_plain"), [("8BIT", True), ("binary", True), ("base64", False), ("x", False)])
def test_part_that_would_have_to_be_decoded_is_marked(transfer: str, is_plain: bool) -> None:
    (part,) = cut("--b 1", f"Content-Transfer-Encoding: {transfer}", "", "x", "--b 1--")
    assert part.is_plain is is_plain


def test_lines_may_end_as_they_like_and_the_last_boundary_be_missing() -> None:
    found = parts.split(b"--b 1\nContent-Type: a/b;\n x=y\n\nx\n--b 1\n\ny", MIXED)
    assert [(part.media.type, part.body) for part in found] == [("a/b", b"x"), ("text/plain", b"y")]


def test_call_of_a_microsoft_client_has_two_descriptions() -> None:
    first, second = parts.split(ms.call().encode(), MediaType.parse(ms.AUDIO_TYPE))
    assert (first.is_optional, second.is_optional) == (True, False)
    assert first.media.type == second.media.type == "application/sdp"


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("multipart/mixed", b"--b\r\n\r\nx\r\n--b--", 400), ("multipart/mixed;boundary=", b"--\r\n\r\nx", 400),
        ('multipart/mixed;boundary="(*"', b"--(*\r\n\r\nx", 400), ("multipart/mixed;boundary=b", b"nothing", 400),
        ("multipart/mixed;boundary=b", b"--b--", 400), ("multipart/mixed;boundary=b", b"\r\n--b\r\n\r\nx" * 30, 413),
        ("multipart/mixed;boundary=b", b"--b\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 413),
        ("multipart/mixed;boundary=b", b"--b\r\nno colon\r\n\r\nx", 400),
        ("multipart/mixed;boundary=b", b"--b\r\nContent-Type: ?\r\n\r\nx", 400),
    ],
)
def test_hostile_body_is_refused(media: str, body: bytes, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parts.split(body, MediaType.parse(media))
    assert raised.value.status == status


@MANY
@given(st.lists(st.sampled_from([b"--b", b"--b--", b"\r\n", b"\n", b"Content-Type: a/b"]) | st.binary(), max_size=12))
def test_whatever_comes_is_cut_or_refused(pieces: list[bytes]) -> None:
    try:
        found = parts.split(b"".join(pieces), MediaType.parse("multipart/mixed;boundary=b"))
    except RemoteProtocolError as error:
        assert error.status in (400, 413)
    else:
        assert 0 < len(found) <= parts.MAX_PARTS
