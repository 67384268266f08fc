"""Messages of XMPP users that would die with this process: kept in the store until they have ended.

A stream without stream management (XEP-0198), as that of a component, does not give back what we have read from it.
What came on one and has to wait, for its turn, for a session or for a link, is therefore written down in the turn in
which it came; what leaves at once is not, and costs nothing (docs/decisions/0017-messages-that-wait-are-kept.md).
A start takes up what was kept (`edge.gateway.restoring`).

Called by `edge.gateway.submission`, `pager` and `chat`; `edge.driver` asks at the end of each turn for `unwritten`.
"""

from collections.abc import Sequence
from typing import Protocol, cast

from edge.codes import Code
from edge.gateway.effects import Effect, Forget, Remember, Report, SendStanza, SipLink
from edge.gateway.node import Node
from edge.gateway.records import Kind, MessageRecord, encode
from edge.mapping.messages import MessageFacts
from edge.partners import Admit
from edge.sip.transaction import ClientTransaction, NonInviteClient
from edge.xmpp.stanzas import Message

AGAIN = 60.0  # seconds after which an error stanza that has found no way to its recipient is sent again
FOR_SO_LONG = 86_400.0  # seconds after which nobody wants to be told any more
MAX_UNTOLD = 5_000  # messages whose senders cannot be told now; each is some kB
UNTOLD = "its sender cannot be told"


class Kept:
    """A message in the store; the token of the stanza that gives it back.

    ``due`` (seconds of the Unix epoch) is how long it may wait for its turn or for a link.
    """

    __slots__ = ("_journal", "key", "due", "error", "is_over", "_record")

    def __init__(self, journal: "Journal", key: str, due: float, record: MessageRecord | None) -> None:
        self._journal = journal
        self.key = key
        self.due = due
        self.error: SendStanza | None = None
        self.is_over = False
        self._record = record

    def saved(self) -> Remember | Forget:
        """What the store is told, once each."""
        record, self._record = self._record, None
        if self.is_over or record is None:
            return Forget(Kind.MESSAGE, self.key)
        return Remember(Kind.MESSAGE, self.key, self.due, encode(record))

    def returned(self, effects: list[Effect]) -> list[Effect]:
        """It goes back: it is forgotten when the error stanza among ``effects`` has got there, and not before."""
        for effect in effects:
            if isinstance(effect, SendStanza):
                self.error, effect.token = effect, self
        return effects

    def taken(self) -> None:
        """The error stanza has got there."""
        self._journal.over(self)

    def unsent(self, code: Code) -> list[Effect]:
        """It has not."""
        return self._journal.untold(self, code)

    def expire(self, timer: str) -> list[Effect]:
        return [] if self.error is None else [self.error]


class Waiting(Protocol):
    """What is kept of a message (`edge.gateway.submission`)."""

    stanza: Message
    decision: Admit
    headers: Sequence[tuple[str, str]]
    body: bytes
    call_id: str | None
    number: int
    asking: MessageFacts | None
    kept: Kept | None

    @property
    def aside(self) -> object: ...


class Written(Protocol):
    """A request that is ready to go (`edge.gateway.pager`): it is repeated as it is."""

    call_id: str
    form: MessageFacts | None

    @property
    def tag(self) -> str: ...


class Journal:
    """What is kept, under keys that sort as the messages came, in this life and those before.

    ``gone`` are the requests of this turn, each of which a link has taken or not.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._base = self._read = 0
        self._untold: set[Kept] = set()
        self.gone: list[tuple[ClientTransaction, Waiting, Written | None]] = []

    def waits(self, waiting: Waiting, written: Written | None = None) -> None:
        """A message has to wait: keep it, if nobody else would give it back."""
        stanza, node = waiting.stanza, self._node
        if waiting.kept is not None or stanza.ticket is not None or waiting.aside is not None:
            return
        form = waiting.asking if written is None else written.form
        record = MessageRecord(
            str(stanza.from_), str(stanza.to), stanza.id, stanza.type, tuple(waiting.headers), waiting.body,
            waiting.call_id if written is None else written.call_id, "" if written is None else written.tag,
            None if form is None else (tuple(form.headers), form.body),
        )
        if not self._base:
            self._base = max(self._read, int(node.wall * 1e6))
        due = node.wall + waiting.decision.recipient.pending_seconds
        waiting.kept = Kept(self, f"{self._base + waiting.number:017d}", due, record)
        node.unsaved[waiting.kept] = None

    def unwritten(self) -> list[Effect]:
        """At the end of a turn: keep what no link has taken, and what lies before one whose peer does not read."""
        gone, self.gone = self.gone, []
        for transaction, waiting, written in gone:
            link = cast(SipLink | None, transaction.link)
            if (link is None or link.paused) and transaction.state is NonInviteClient.TRYING:
                self.waits(waiting, written)
        return self._node.save() if self._node.unsaved else []

    def read(self, key: str, due: float) -> Kept:
        """What an earlier life has kept."""
        self._read = max(self._read, int(key))
        return Kept(self, key, due, None)

    def over(self, kept: Kept) -> None:
        """The SIP side has it, or its sender knows that it may not: forget it."""
        kept.is_over = True
        self._untold.discard(kept)
        self._node.unsaved[kept] = None

    def untold(self, kept: Kept, code: Code) -> list[Effect]:
        """The error stanza found no way: try again later."""
        self._untold.add(kept)
        error = kept.error
        if error is not None and len(self._untold) <= MAX_UNTOLD and self._node.wall < kept.due + FOR_SO_LONG:
            self._node.wheel.start(AGAIN, (kept, ""))
            return []
        self.over(kept)
        return [Report("message.failed", code, {"reason": UNTOLD, "to_domain": error.recipient if error else ""})]
