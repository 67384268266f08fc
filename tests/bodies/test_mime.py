"""Tests of `edge.bodies.mime`."""

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies import mime
from edge.bodies.text import UnsupportedBody
from edge.errors import RemoteProtocolError


def refusal(body: bytes) -> int:
    with pytest.raises(RemoteProtocolError) as caught:
        mime.parse(body)
    return caught.value.status


def test_entity_has_its_fields() -> None:
    entity = mime.parse(
        b"Content-Type: Text/HTML; charset=\"utf-8\";\r\n format=flowed\r\ncontent-transfer-encoding: Base64\r\n"
        b"Content-ID: <1@x>\r\nContent-Disposition: inline; Handling=optional\r\nContent-Language: de\r\n\r\nPGI+\r\n"
    )
    assert (entity.type, dict(entity.parameters)) == ("text/html", {"charset": "utf-8", "format": "flowed"})
    assert (entity.octets, entity.id, entity.optional, entity.lang) == (b"<b>", "1@x", True, "de")


@pytest.mark.parametrize("octets", [b"\r\nhi", b"\nhi", b"X-Other: x\r\n\r\nhi", b"Content-Type:\r\n\r\nhi"])
def test_entity_without_a_type_is_plain_text(octets: bytes) -> None:
    assert mime.parse(octets)[:3] == ("text/plain", {}, b"hi")


def test_entity_may_be_nothing_but_fields() -> None:
    assert mime.parse(b"Content-Type: text/html").body == b""


@pytest.mark.parametrize(
    "octets",
    [
        b"no colon\r\n\r\nx", b"a b: c\r\n\r\nx", b"Content-Type: text\r\n\r\nx", b"\xc3\xbc: x\r\n\r\nx",
        b"X: " + b"x" * mime.MAX_HEAD + b"\r\n\r\n",
        b"Content-Type: a/b" + b";x=y" * 0 + b"".join(b";p%d=1" % n for n in range(30)) + b"\r\n\r\n",
    ],
)
def test_entity_that_is_malformed_is_refused(octets: bytes) -> None:
    assert refusal(octets) == 400


@pytest.mark.parametrize(
    ("value", "type", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        ('TEXT/Plain; Charset="a\\"b"', "text/plain", {"charset": 'a"b'}),
        ("multipart/mixed;boundary=a_b;boundary=c", "multipart/mixed", {"boundary": "a_b"}),
        ("text/plain;;x", "text/plain", {}),
    ],
)
def test_content_type_is_read(value: str, type: str, parameters: dict[str, str]) -> None:
    assert mime.content_type(value) == (type, parameters)


@pytest.mark.parametrize(
    ("transfer", "body", "expected"),
    [
        ("", b"a\xff", b"a\xff"),
        ("8bit", b"a\xff", b"a\xff"),
        ("7BIT", b"a\xff", b"a\xff"),
        ("base64", b"YWJj\r\nZA==\r\n", b"abcd"),
        ("quoted-printable", b"gr=C3=BC=\r\nn=3d", "grün=".encode()),
        ("quoted-printable", b"a=  \r\nb", b"ab"),
    ],
)
def test_decoded_undoes_the_transfer_encoding(transfer: str, body: bytes, expected: bytes) -> None:
    assert mime.decoded(body, transfer) == expected


@pytest.mark.parametrize(
    ("transfer", "body"),
    [
        *(("base64", body) for body in (b"YWJ", b"YW=Jj", b"a\xffbc", b"YWJj=", b"====")),
        *(("quoted-printable", body) for body in (b"=G0", b"a\xff", b"=A", b"a\x00")),
    ],
)
def test_decoded_refuses_what_is_not_as_it_claims(transfer: str, body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        mime.decoded(body, transfer)
    assert caught.value.status == 400


def test_decoded_answers_415_when_the_encoding_is_unknown() -> None:
    with pytest.raises(UnsupportedBody):
        mime.decoded(b"x", "x-uuencode")


@given(st.binary())
def test_decoded_is_the_inverse_of_encoding(octets: bytes) -> None:
    assert mime.decoded(binascii.b2a_base64(octets), "base64") == octets
    assert mime.decoded(binascii.b2a_qp(octets, istext=False), "quoted-printable") == octets


@given(st.binary())
def test_parse_reads_or_refuses_anything(octets: bytes) -> None:
    try:
        entity = mime.parse(octets)
    except RemoteProtocolError as error:
        assert error.status == 400
    else:
        assert octets.endswith(entity.body)
