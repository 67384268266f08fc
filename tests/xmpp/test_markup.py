"""Where tags end, and what may stand before a stream header."""

import pytest

from edge.xmpp.conditions import StreamError
from edge.xmpp.markup import Head, Tag

TAG = b"<a b='>' c=\">'>\" d=''>"


@pytest.mark.parametrize("cut", range(len(TAG) + 1))
def test_end_of_a_tag_is_behind_quotes_wherever_it_is_cut(cut: int) -> None:
    tag = Tag()
    first, second = TAG[:cut], TAG[cut:] + b"text>"
    end = tag.end(first, 0)
    assert end == (-1 if cut < len(TAG) else len(TAG))
    if end < 0:
        assert cut + tag.end(second, 0) == len(TAG)


def test_end_is_searched_for_from_a_position() -> None:
    assert Tag().end(b"'>'<b>", 3) == 6
    assert Tag().end(b"no end", 0) == -1


HEADS = {
    b"<a>": 3,
    b"<a b='>'>rest": 9,
    b"<?xml version='1.0'?><a>rest": 24,
    b"<?xml version='1.0'?> \r\n\t<a>": 28,
    b"<a/>": 4,
}


@pytest.mark.parametrize("data", HEADS)
def test_head_ends_with_its_start_tag_in_pieces_of_any_size(data: bytes) -> None:
    for size in (1, 2, 3, 7, len(data)):
        head = Head()
        ends = [head.feed(data[at : at + size]) for at in range(0, len(data), size)]
        assert next(end for end in ends if end >= 0) == HEADS[data]


def test_head_forgets_white_space_before_anything() -> None:
    head = Head()
    assert head.feed(b" \n" * 100_000) == -1
    assert head.feed(b" <a>") == 3
    assert bytes(head.data) == b"<a>"


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"<!", "restricted-xml"),
        (b"<?xml version='1.0'?><!", "restricted-xml"),
        (b"<?xml version='1.0'?><?", "restricted-xml"),
        (b"text", "not-well-formed"),
        (b"\xef\xbb\xbf<a>", "not-well-formed"),
        (b"\xfe\xff\x00<", "unsupported-encoding"),
        (b"\xff\xfe<\x00", "unsupported-encoding"),
        (b"\x00<\x00?", "unsupported-encoding"),
        (b"<\x00?\x00", "unsupported-encoding"),
        (b"\x00\x00\x00<", "unsupported-encoding"),
    ],
)
def test_head_is_refused_as_soon_as_it_begins_with(data: bytes, condition: str) -> None:
    for size in (1, len(data)):
        head = Head()
        with pytest.raises(StreamError) as refused:
            for at in range(0, len(data), size):
                head.feed(data[at : at + size])
        assert refused.value.condition == condition
