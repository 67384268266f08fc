"""What the gateway wants done: the only way out of the pure core.

`edge.driver` performs effects in the order in which they are returned. They are slotted and cheap to build rather
than frozen, because every message makes two of them (docs/decisions/0002-effects-are-not-frozen.md).
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, final

from edge.codes import Code
from edge.domains import Domain
from edge.partners import Peer, System
from edge.sip.layer import Send


class SipLink(Protocol):
    """What the core knows of a SIP link: an opaque thing to answer on, and what its far end proved to be."""

    @property
    def peer(self) -> Peer: ...

    @property
    def address(self) -> str:
        """The peer's IP address, for the ``received`` parameter (RFC 3261 §18.2.1)."""

    @property
    def paused(self) -> bool:
        """Whether the peer does not read what it is sent, so that all that comes waits in memory."""


class XmppLink(Protocol):
    """What the core knows of an XMPP link: what its far end proved to be."""

    @property
    def peer(self) -> Peer: ...


@final
@dataclass(slots=True)
class SendSip:
    """A request to the SIP system that serves ``domain``.

    ``token`` comes back in `Gateway.sip_sent` or `Gateway.unsent`, exactly one of them.
    """

    system: System
    domain: Domain
    data: bytes
    token: object


RespondSip = Send
"""What the transaction layer sends itself, on a link: mostly a response, where its request came from
(RFC 3261 §18.2.2). Its ``link`` is a `SipLink`."""


@final
@dataclass(slots=True)
class SendStanza:
    """A stanza from one of the domains we stand for to an XMPP domain.

    A ``token`` comes back in `Gateway.taken` once the next hop has the stanza, or in `Gateway.unsent`.
    None: nobody waits for it.
    """

    sender: Domain
    recipient: Domain
    data: bytes
    token: object | None = None


@final
@dataclass(slots=True)
class Report:
    """One event for the log and the counters. ``fields`` hold no body and no address, only domains.

    ``about`` is the request or stanza that it is about, or who has begun and with whom: whoever logs it may tell who
    they are, and takes nothing else of it but identifiers and sizes (`edge.events`).
    """

    event: str
    code: Code | None = None
    fields: dict[str, object] = field(default_factory=dict)
    about: object = field(default=None, compare=False, repr=False)


@final
@dataclass(slots=True)
class Remember:
    """Keep ``data`` in the store, under ``kind`` and ``key``, before anything of this turn is sent.

    ``due`` (Unix epoch, seconds) is when somebody must act on it; the store gives records back in that order.
    """

    kind: int
    key: str
    due: float
    data: bytes


@final
@dataclass(slots=True)
class Forget:
    """The record is needed no more."""

    kind: int
    key: str


@final
@dataclass(slots=True)
class Hold:
    """The message that came with this ticket (`edge.xmpp.stanzas.Message`) is not settled when this input ends.

    A stanza that is not held is settled with the input that it came in.
    """

    ticket: object


@final
@dataclass(slots=True)
class Release:
    """The held message is settled: somebody has it, or its sender has been told that nobody does."""

    ticket: object


@final
@dataclass(slots=True)
class Reach:
    """Go on dialling this path until it is up (`edge.gateway.paths`)."""

    path: "Path"


class Path(NamedTuple):
    """A way that can be up or down: to a SIP system (no domains), through a component link (``local``, the domain
    that we are on it), or by a stream between two domains."""

    system: System
    local: Domain | None = None
    remote: Domain | None = None


Effect = SendSip | RespondSip | SendStanza | Hold | Release | Remember | Forget | Reach | Report
