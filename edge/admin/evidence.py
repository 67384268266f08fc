"""What a test of one partner has brought to light, before anybody judges it.

`edge.admin.probing` gathers it, `edge.admin.examining` says what it means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.codes import Code
from edge.domains import Domain
from edge.partners import HostPort, System

STAGES = ("tcp", "tls", "cert", "stream", "auth", "options", "ping", "done")
"""How far one attempt can come, in this order."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why something did not go on."""

    code: Code
    text: str = ""

    def __str__(self) -> str:
        return self.text or self.code.sentence


@dataclass(slots=True)
class Looked:
    """What DNS says. ``records`` are by label ("_xmpp-server._tcp."), None where there is none."""

    fault: Fault | None = None
    records: Mapping[str, tuple[HostPort, ...] | None] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by host
    resolver: str = ""  # another one that was asked as well
    otherwise: tuple[str, ...] = ()  # what that says otherwise


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate that the other side has shown."""

    subject: str
    names: tuple[str, ...]
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    pin: str
    purposes: tuple[str, ...] | None  # None: not limited
    chain: tuple[str, ...]  # as it was sent, each with its issuer and its end
    weak: str = ""  # what is weak about it
    ends: tuple[datetime, ...] = ()  # of each in the chain
    issuer_at: str = ""  # where that of its issuer is to be had, if it says so


@dataclass(slots=True)
class Reach:
    """One attempt, at one address. ``stage`` is where it has ended, ``fault`` why; "done" without one is a good end."""

    host: str
    address: str
    port: int
    direct: bool = False
    stage: str = "tcp"
    fault: Fault | None = None
    milliseconds: dict[str, int] = field(default_factory=dict)  # by stage
    tls_version: str = ""
    cipher: str = ""
    asked: bool = False  # they asked for our certificate
    expected: tuple[str, ...] = ()  # one of these names had to be in theirs
    shown: Shown | None = None
    minded: Fault | None = None  # what is wrong with their certificate, also where the stream went on in spite of it
    status: int = 0  # of the answer to OPTIONS
    answer: str = ""  # what it said besides
    features: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    proof: str = ""  # what makes their certificate good that is not by itself: "dane" | "posh"
    proved: str = ""  # by what they know us: "external" | "dialback"
    fell_back: str = ""  # why EXTERNAL did not do

    @property
    def where(self) -> str:
        """The address as people write it."""
        return str(HostPort(self.address, self.port))

    @property
    def depth(self) -> int:
        """How far it has come."""
        return STAGES.index(self.stage)

    @property
    def is_good(self) -> bool:
        """Whether nothing keeps the gateway from using this address."""
        return self.fault is None and self.stage in ("ping", "done")


@dataclass(frozen=True, slots=True)
class Arrival:
    """The last time that somebody came who is, or says he is, this partner. ``fault``: why he was not let in."""

    when: float  # Unix epoch seconds
    address: str
    fault: Fault | None = None
    how: str = ""  # by what he proved himself


@dataclass(frozen=True, slots=True)
class Ours:
    """What the other side gets to see of us."""

    name: str
    issuer: str
    names: tuple[str, ...]
    allows_client: bool


@dataclass(slots=True)
class Facts:
    """Everything about one partner, and one of its domains."""

    system: System
    domain: Domain
    local: Domain | None  # of ours, for which we asked; None if it may talk to none
    ours: Ours
    when: float
    started: float  # since when the gateway runs
    outgoing: Fault | None = None  # why nothing goes there
    incoming: Fault | None = None  # and nothing comes from there
    looked: Looked = field(default_factory=Looked)
    reaches: list[Reach] = field(default_factory=list)
    arrived: Arrival | None = None  # the last that was let in
    turned_away: Arrival | None = None  # the last that was not
    denied: Arrival | None = None  # the last request of theirs that was refused, on a link that was let in
    links_in: int = 0  # that it has open to us now
    in_use: bool = False  # a component link that is up, and is left alone
    late: bool = False  # the time was over before the end

    @property
    def best(self) -> Reach | None:
        """The attempt that counts: the first that is good, or else the one that came farthest."""
        return max(self.reaches, key=lambda each: (each.is_good, each.depth), default=None)
