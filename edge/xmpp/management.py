"""Stream management between servers: who has counted what (XEP-0198 §3, §4).

An acknowledgement says that somebody *has* the stanzas up to a number, and the numbers are all there is to it: `Sent`
counts what we write on a stream and `Received` what the peer does. Both belong to one stream and end with it; nothing
is resumed (docs/decisions/0012-what-an-acknowledgement-proves.md). `edge.xmpp.negotiation` and its ends speak the
elements, `edge.net.outbox` asks `Sent`, `edge.net.xmpp_answers` answers from `Received`.
"""

from collections import OrderedDict, deque

from edge.xmpp.acknowledgement import LIMIT, MIN_INTERVAL
from edge.xmpp.conditions import NS_STANZA_ERRORS

SM = "urn:xmpp:sm:3"
OFFER = f"<sm xmlns='{SM}'/>".encode()
ENABLE = f"<enable xmlns='{SM}'/>".encode()
ENABLED = f"<enabled xmlns='{SM}'/>".encode()
REQUEST = f"<r xmlns='{SM}'/>".encode()
NUMBERS = 1 << 32  # the number after the last one is 0 again (XEP-0198 §4)
REPEAT = 1.0  # seconds until a request is repeated that was answered with less than all
STUCK = 60.0  # seconds without any progress; a peer like us waits 30 s for its own next hop before it counts a message
UNSETTLED = 20_000  # messages of one stream; four times as many as may wait for the SIP side (`edge.gateway`)


class Sent:
    """The stanzas that we have written on one stream, and the tokens of those that the peer has not counted.

    ``h`` proves that the peer has a stanza, and not that it goes no further wrong: the caller lets some time pass
    between `acknowledged` and `answered`, in which an error stanza may come on another stream.
    """

    __slots__ = ("count", "handled", "_asked_at", "_asked_for", "_moved_at", "_outstanding", "_proved", "_tokens")

    def __init__(self) -> None:
        self.count = 0  # what we have written
        self.handled = 0  # what the peer has counted of that
        self._tokens: deque[tuple[int, object]] = deque()  # with the numbers of their stanzas
        self._outstanding = False
        self._asked_at = float("-inf")
        self._asked_for = 0  # the count when we last asked
        self._moved_at = 0.0  # when the peer was last seen to count, or had nothing to count
        self._proved = 0  # what `answered` will return the tokens of

    def sent(self, token: object | None) -> None:
        """One stanza more has been written. To be called for each of them."""
        self.count += 1
        if token is not None:
            self._tokens.append((self.count, token))

    def due(self, now: float) -> bool:
        """Whether to write `REQUEST` now. The caller asks again after `pause`, and when this one is answered."""
        if not self._tokens or self._outstanding or now - self._asked_at < self.pause:
            return False
        if self._asked_for <= self.handled:
            self._moved_at = now  # until now there was nothing to wait for
        self._outstanding = True
        self._asked_at = now
        self._asked_for = self.count
        return True

    @property
    def pause(self) -> float:
        """Seconds between two requests: a peer that cannot count yet what it has is not asked all the time."""
        return MIN_INTERVAL if self.count > self._asked_for else REPEAT

    def acknowledged(self, h: int, now: float) -> bool:
        """``<a/>`` has come, asked for or not. False if it counts more than there is (XEP-0198 §6)."""
        more = (h - self.handled) % NUMBERS
        if more > self.count - self.handled:
            return False
        self._outstanding = False
        if more:
            self.handled += more
            self._moved_at = now
        return True

    @property
    def proved(self) -> bool:
        """Whether there are tokens of stanzas that the peer has counted."""
        return bool(self._tokens) and self._tokens[0][0] <= self.handled

    def hold(self) -> None:
        """What the peer has counted up to now is what the next `answered` is about."""
        self._proved = self.handled

    def answered(self) -> list[object]:
        """The tokens of what was held, in order: it may be believed now."""
        taken = []
        while self._tokens and self._tokens[0][0] <= self._proved:
            taken.append(self._tokens.popleft()[1])
        return taken

    def overdue(self, now: float) -> bool:
        """The peer owes an answer for too long, or answers and never counts."""
        if not self._tokens:
            return False
        silent = self._outstanding and now - self._asked_at >= LIMIT
        return silent or (self._asked_for > self.handled and now - self._moved_at >= STUCK)

    def drain(self) -> list[object]:
        """The stream is over: the tokens whose stanzas nobody has vouched for, in order."""
        lost = [token for _, token in self._tokens]
        self._tokens.clear()
        self._outstanding = False
        return lost

    @property
    def waiting(self) -> int:
        """How many tokens are not answered."""
        return len(self._tokens)


class Received:
    """The stanzas that the peer has written on one stream, in order, and which of them still hang on somebody else."""

    __slots__ = ("count", "_unsettled")

    def __init__(self) -> None:
        self.count = 0  # of all; the number of the last one
        self._unsettled: OrderedDict[int, None] = OrderedDict()

    def arrived(self) -> int:
        """One stanza more; its number. It counts as handled unless it is kept."""
        self.count += 1
        return self.count

    def keep(self, number: int) -> bool:
        """The stanza is not settled yet. Numbers come in order. False if there are too many of these already."""
        if len(self._unsettled) >= UNSETTLED:
            return False
        self._unsettled[number] = None
        return True

    def settle(self, number: int) -> None:
        """The stanza that was kept has found somebody who has it, or its sender was told."""
        self._unsettled.pop(number, None)

    @property
    def handled(self) -> int:
        """How many stanzas, from the first one on, somebody has: the next one is not settled."""
        return next(iter(self._unsettled)) - 1 if self._unsettled else self.count


def answer_bytes(handled: int) -> bytes:
    """``<a/>`` (XEP-0198 §4)."""
    return f"<a xmlns='{SM}' h='{handled % NUMBERS}'/>".encode()


def failed_bytes(condition: str) -> bytes:
    """The refusal of ``<enable/>`` or ``<resume/>`` (XEP-0198 §3, §6)."""
    return f"<failed xmlns='{SM}'><{condition} xmlns='{NS_STANZA_ERRORS}'/></failed>".encode()


def too_high(h: int, sent: int) -> str:
    """What stands beside undefined-condition when the peer has counted more than there was (XEP-0198 §6)."""
    return f"<handled-count-too-high xmlns='{SM}' h='{h}' send-count='{sent % NUMBERS}'/>"


def number_of(text: str | None) -> int | None:
    """The value of an attribute ``h``, None if it is none."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= 10):
        return None
    return int(text) if int(text) < NUMBERS else None
