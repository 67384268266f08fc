"""The requests that wait for an answer on one SIP link: a peer that closes over them does not do so in good order.

Kept by `edge.net.sip_link`. Matching is by the branch of the top Via (RFC 3261 §17.1.3), which for a request of ours
is the only one. Transactions are the gateway's business; this only counts.
"""

from collections.abc import Callable
from itertools import islice

from edge.errors import RemoteProtocolError
from edge.sip.message import Response, read_matched
from edge.sip.transaction import TIMER_F

CROWD = 100  # requests; as many users who do not answer would have to be written to within `TIMER_F`
SLOW = 1.0  # seconds that each of a crowd has waited

_BRANCH = b";branch="
_END = b"\r"  # of our own Via; another parameter may stand behind the branch


class Pending:
    """``now`` is the clock."""

    __slots__ = ("_asked", "_now")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._asked: dict[str, float] = {}

    def __bool__(self) -> bool:
        """Whether somebody may still wait for an answer."""
        self.forget()
        return bool(self._asked)

    @property
    def is_crowd(self) -> bool:
        """Whether the peer is slower than we are, and not only far away or a few of its users."""
        if len(self._asked) <= CROWD:
            return False
        return next(islice(self._asked.values(), CROWD, None)) <= self._now() - SLOW

    def asked(self, data: bytes) -> None:
        """A request of ours goes out."""
        start = data.find(_BRANCH) + len(_BRANCH)
        branch = data[start : data.find(_END, start)].decode("latin-1")
        self._asked[branch.partition(";")[0] if ";" in branch else branch] = self._now()

    def answered(self, message: Response) -> None:
        """This came in; it is an answer if it is a final response."""
        if self._asked and message.status >= 200:
            try:
                read_matched(message)
            except RemoteProtocolError:
                return  # whoever delivers the message says so
            self._asked.pop(message.via.branch, None)

    def forget(self) -> int:
        """Let go of what nobody waits for any more, and say how many these were. To be called now and then."""
        oldest = self._now() - TIMER_F
        late = [branch for branch, at in self._asked.items() if at <= oldest]
        for branch in late:
            del self._asked[branch]
        return len(late)
