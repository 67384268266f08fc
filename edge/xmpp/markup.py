"""Where tags end (XML 1.0 §3.1), told from the bytes alone, and what may stand before a stream header.

Called by `edge.xmpp.stream`, so that expat is never shown an unfinished tag. Each byte is looked at once.
"""

import re

from edge.xmpp.conditions import StreamError


class Tag:
    """Searches for the end of a tag, over several pieces."""

    __slots__ = ("quote",)

    def __init__(self) -> None:
        self.quote = b""

    def end(self, data: bytes | bytearray, position: int) -> int:
        """The position behind the ``>`` that ends the tag, or -1 if that has not come yet."""
        while True:
            if self.quote:
                position = data.find(self.quote, position) + 1
                if not position:
                    return -1
                self.quote = b""
            found = _TAG_MARK.search(data, position)
            if found is None:
                return -1
            position = found.end()
            mark = found[0]
            if mark == b">":
                return position
            self.quote = mark


class Head:
    """Collects an XML declaration and a start tag, and refuses whatever else comes before a stream header."""

    __slots__ = ("_begin", "_declared", "_searched", "_tag", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._begin = -1  # of the present tag
        self._searched = 0
        self._declared = False
        self._tag = Tag()

    def feed(self, data: bytes) -> int:
        """The position behind the start tag, or -1 if that has not come yet."""
        self.data += data
        while True:
            if self._begin < 0 and not self._find_tag():
                return -1
            second = self.data[self._begin + 1 : self._begin + 2]
            if not second:
                return -1
            if second == b"\0":
                raise StreamError("unsupported-encoding")
            if second == b"!" or (second == b"?" and self._declared):
                raise StreamError("restricted-xml")
            end = self._tag.end(self.data, self._searched)
            if end < 0:
                self._searched = len(self.data)
                return -1
            if second != b"?":
                return end
            self._declared = True
            self._begin = -1
            self._searched = end

    def _find_tag(self) -> bool:
        data = self.data
        found = _NO_SPACE.search(data, self._searched)
        if found is None:
            self._searched = len(data)
            return False
        self._begin = self._searched = found.start()
        if not self._declared and self._begin:  # an XML declaration would have to be the very first
            del data[: self._begin]
            self._begin = self._searched = 0
        first = data[self._begin]
        if first in (0x00, 0xFE, 0xFF):  # as UTF-16 and UTF-32 begin
            raise StreamError("unsupported-encoding")
        if first != 0x3C:
            raise StreamError("not-well-formed")
        return True


_TAG_MARK = re.compile(rb"[>'\"]")
_NO_SPACE = re.compile(rb"[^ \t\r\n]")
