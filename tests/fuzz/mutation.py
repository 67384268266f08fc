"""Inputs that nearly make sense: known good ones, changed where their grammar has joints.

A change is made to lines, words, numbers or octets, or takes a piece of another input; few at a time, because what is
wrong everywhere is refused at its first octet.
"""

import random
import re
from collections.abc import Sequence

MAX_INPUT = 1 << 16  # octets
CHANGES = 4  # of one input at most
COPIES = (1, 2, 3, 10, 300)  # of a piece that is repeated
WORD = re.compile(rb"[A-Za-z0-9_.+%&#-]+|[^A-Za-z0-9\s]")
NUMBER = re.compile(rb"\d+")

NUMBERS = (
    b"0", b"-1", b"00", b"1", b"65535", b"65536", b"2147483648", b"4294967295", b"4294967296", b"18446744073709551616",
    b"99999999999999999999999999999999", b"1e9", b"0x10", b"\xd9\xa1", b"9" * 5000,
)
OCTETS = (
    b"", b"\0", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\t", b"\x0b", b"\x7f", b"\x80", b"\xff", b"\xc0\xaf",
    b"\xed\xa0\x80", b"\xef\xbf\xbe", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"%00", b"%0d%0a", b"--",
    *(each.encode() for each in "üßİ。👩"), *(bytes((each,)) for each in b" '\"\\<>&;,:/@=%{}[]()*?#$|~^`"),
)


class Mutation:
    """Endless inputs from ``seeds``. ``tokens`` are words of their grammar that may stand anywhere."""

    def __init__(self, rng: random.Random, seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> None:
        self._rng = rng
        self._seeds = seeds
        self._tokens = (*tokens, *OCTETS)
        self._ways = (
            self._insert, self._insert, self._replace_word, self._replace_word, self._replace_number,
            self._replace_octet, self._drop_line, self._double_line, self._swap_lines, self._drop_piece,
            self._repeat_piece, self._splice, self._cut,
        )

    def next(self) -> bytes:
        """One more input."""
        found = self._rng.choice(self._seeds)
        for _ in range(self._rng.randint(1, CHANGES)):
            found = self._rng.choice(self._ways)(found)[:MAX_INPUT]
        return found

    def pieces(self, data: bytes) -> list[bytes]:
        """The input as a network might bring it."""
        cuts = sorted(self._rng.randrange(len(data) + 1) for _ in range(self._rng.randint(0, 6)))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def _insert(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + self._rng.choice(self._tokens) + data[at:]

    def _replace_word(self, data: bytes) -> bytes:
        start, end = self._found(WORD, data)
        return data[:start] + self._rng.choice(self._tokens) + data[end:]

    def _replace_number(self, data: bytes) -> bytes:
        start, end = self._found(NUMBER, data)
        return data[:start] + self._rng.choice(NUMBERS) + data[end:]

    def _replace_octet(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + bytes((self._rng.randrange(256),)) + data[at + 1 :]

    def _drop_line(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        del lines[self._rng.randrange(len(lines))]
        return b"\n".join(lines)

    def _double_line(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        lines.insert(self._rng.randrange(len(lines) + 1), self._rng.choice(lines))
        return b"\n".join(lines)

    def _swap_lines(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        one, other = self._rng.randrange(len(lines)), self._rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
        return b"\n".join(lines)

    def _drop_piece(self, data: bytes) -> bytes:
        start, end = self._piece(data)
        return data[:start] + data[end:]

    def _repeat_piece(self, data: bytes) -> bytes:
        start, end = self._piece(data)
        return data[:end] + data[start:end] * self._rng.choice(COPIES) + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._rng.choice(self._seeds)
        start, end = self._piece(other)
        at = self._at(data)
        return data[:at] + other[start:end] + data[at:]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._at(data)]

    def _at(self, data: bytes) -> int:
        return self._rng.randrange(len(data) + 1)

    def _piece(self, data: bytes) -> tuple[int, int]:
        start = self._at(data)
        return start, min(len(data), start + self._rng.choice((1, 4, 20, 100)))

    def _found(self, pattern: re.Pattern[bytes], data: bytes) -> tuple[int, int]:
        """What the pattern finds first behind a random place."""
        match = pattern.search(data, self._at(data)) or pattern.search(data)
        return match.span() if match else (0, 0)
