"""What a session of text tells its transaction user, and asks of it (`edge.sip.session`).

Outputs, to be performed in order:

* `SendRequest`: ``open_client(method, branch, user, call_id=call_id)`` and send the bytes, for an INVITE with
  ``invite=data``. `SendAck`: send the bytes, nothing else. `Cancel`: ``layer.cancel(branch)``.
* `Respond`: ``layer.respond(transaction, status, headers=headers, body=body)``.
* `Repeat`: ``layer.repeat(transaction)``.
* `Arrived`: a MESSAGE or INFO, which the transaction user answers through the layer.
* `Rearm`: as in `edge.sip.subscription`. A session has one timer at most. After `Ended` stop it and forget the session:
  nothing is sent any more but answers to what it is still fed.
"""

from dataclasses import dataclass
from enum import Enum

from edge.sip.message import Message, Response
from edge.sip.subscription import Rearm, SendRequest
from edge.sip.transaction import ServerTransaction


@dataclass(slots=True)
class SendAck:
    """Send ``data``: the ACK for a 2xx belongs to no transaction (RFC 3261 §13.2.2.4)."""

    data: bytes


@dataclass(slots=True)
class Cancel:
    """Cancel the INVITE of this branch."""

    branch: str


@dataclass(slots=True)
class Respond:
    """Answer a request that was fed."""

    transaction: ServerTransaction
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(slots=True)
class Repeat:
    """Send the 2xx to this INVITE once more."""

    transaction: ServerTransaction


@dataclass(slots=True)
class Opened:
    """Messages can be sent. ``response``: what accepted our INVITE; its body says what the other side reads."""

    response: Response | None


@dataclass(slots=True)
class Arrived:
    """A MESSAGE or INFO to be answered by the transaction user."""

    method: str
    transaction: ServerTransaction


@dataclass(slots=True)
class Answered:
    """The request sent with ``token`` is over. Without an answer the status is 408 or 503; 503 too for an INFO that has
    none when a MESSAGE sent after it has been taken."""

    token: object
    status: int
    response: Response | None


@dataclass(slots=True)
class Idle:
    """Nothing was said for a long time: call `bye`, or be asked again after the same time."""


class Cause(Enum):
    """Why a session ended."""

    REFUSED = "the INVITE failed"
    UNANSWERED = "nobody answered the INVITE in time"
    UNUSABLE = "the answer to the INVITE makes no dialog"
    CANCELLED = "the INVITE was given up"
    DECLINED = "we refused the INVITE"
    UNACKED = "no ACK came"
    LEFT = "we hung up"
    BYE = "the peer hung up"
    GONE = "the peer does not know the dialog"
    EXPIRED = "the session was not refreshed"


@dataclass(slots=True)
class Ended:
    """The session is no more. ``status`` and ``message`` are of what ended it, if there was a status or message."""

    cause: Cause
    status: int = 0
    message: Message | None = None


Output = (
    SendRequest | Rearm | SendAck | Cancel | Respond | Repeat | Opened | Arrived | Answered | Idle | Ended
)
