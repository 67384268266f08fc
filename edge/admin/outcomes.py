"""What became of the messages that a trace has seen: its verdict.

Told of each message and of each event of the driver by `edge.admin.tracing`. A SIP sender gets his 2xx only when XMPP
has the message, and an XMPP sender's message has arrived when SIP answers 2xx: what is delivered is seen on the wire.
"""

from collections import Counter

from edge.codes import Code
from edge.gateway.effects import Report
from edge.sip.message import Request, Response
from edge.xmpp.stanzas import Iq, Message, Presence

SPEAKING = ("text/", "multipart/", "message/cpim")  # types of a body in which somebody may speak
MOST = 500  # messages under way that are kept in mind
FAILED = frozenset((
    "message.failed", "policy.denied", "sip.refused", "stanza.refused", "limit.hit", "subscription.failed",
    "presence.unreadable",
))


def speaks(message: Request | Response) -> bool:
    """Whether this is a MESSAGE with something that a person says."""
    if not isinstance(message, Request) or message.method != "MESSAGE" or not message.body:
        return False
    return (message.headers.get("content-type") or "text/plain").strip().lower().startswith(SPEAKING)


class Outcomes:
    """Counts what has arrived and what has not, and keeps in mind what is under way."""

    def __init__(self) -> None:
        self.delivered = 0
        self._failed: Counter[tuple[Code, str]] = Counter()
        self._spoken: dict[str, bool] = {}  # MESSAGEs without an answer, by Call-ID and CSeq; whether they are ours
        self._told: dict[str, str] = {}  # by Call-ID, or id of a stanza: what its sender was told of its failure

    def sip(self, message: Request | Response, ours: bool) -> None:
        """A message of SIP; ``ours``: we have sent it."""
        call = message.headers.get("call-id") or ""
        key = f"{call} {' '.join((message.headers.get('cseq') or '').split())}"
        if isinstance(message, Request):
            if speaks(message) and len(self._spoken) < MOST:
                self._spoken[key] = ours
            return
        if message.status < 200:
            return
        if key in self._spoken:
            del self._spoken[key]
            self.delivered += message.status < 300
        if message.status >= 300:
            self._tells(call, str(message.status))

    def stanza(self, name: str, id: str, condition: str) -> None:
        """An error that goes to an XMPP sender."""
        if condition and id:
            self._tells(id, condition)

    def report(self, report: Report) -> None:
        """What the gateway says of these."""
        if report.event not in FAILED or report.code is None:
            return
        about = report.about
        told = ""
        if isinstance(about, Request):
            told = self._told.get(about.headers.get("call-id") or "", "")
        elif isinstance(about, Message | Presence | Iq):
            told = self._told.get(about.id, "")
            self._gives_up()
        if report.fields.get("late"):
            told = ""
        self._failed[report.code, told] += 1

    @property
    def failed(self) -> int:
        """How many have not arrived, or were refused."""
        return self._failed.total()

    @property
    def verdict(self) -> str:
        """One line."""
        said = []
        if self.delivered:
            said.append("delivered" if self.delivered == 1 and not self._failed else f"{self.delivered} delivered")
        for (code, told), number in self._failed.items():
            times = f" ({number} times)" if number > 1 else ""
            was = f"the sender was told ({told})" if told else "nobody could be told"
            said.append(f"{code} {code.sentence}: {was}{times}")
        if self._spoken:
            said.append(f"{len(self._spoken)} not answered yet")
        return "; ".join(said)

    # --- private --------------------------------------------------------------------------------------

    def _gives_up(self) -> None:
        """A message of an XMPP user has failed: if we have asked a SIP user to take it, no answer is awaited."""
        first = next((key for key, ours in self._spoken.items() if ours), None)
        if first is not None:
            del self._spoken[first]

    def _tells(self, key: str, what: str) -> None:
        if len(self._told) >= MOST:
            self._told.pop(next(iter(self._told)))
        self._told[key] = what
