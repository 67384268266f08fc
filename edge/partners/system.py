"""One system: ours or a partner's, as the configuration describes it.

A value, built by `edge.config`; whatever concerns a partner is read from here, by all rooms above.
"""

import ipaddress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

from edge.certificates.trust import Trust
from edge.domains import Domain
from edge.mapping.profile import DEFAULT, Profile

PROOF = frozenset(("domains", "wildcards", "peer_names", "ca", "min_version", "trust"))
"""The fields of a `System` by which it is decided who may speak for it."""


class HostPort(NamedTuple):
    """Where a system can be reached without a look-up: a canonical host name or an IP literal without brackets."""

    host: str
    port: int

    @property
    def is_address(self) -> bool:
        """True for an IP literal, which can never be an identity (RFC 5922 §7.1)."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Streams:
    """How streams with an XMPP server are made, and which proofs of a name count there."""

    external: bool = True  # SASL EXTERNAL
    dialback: bool = False  # over TLS, with whatever certificate
    bidi: bool = True  # one stream for both directions, where the server knows that
    direct: bool = False  # TLS begins at once, and never by STARTTLS
    idle_seconds: float = 600.0  # without a stanza, after which a stream is closed
    further: tuple[str, ...] = ()  # "dane" and "posh", in order, for a certificate that does not prove the name itself


@dataclass(frozen=True, slots=True)
class System:
    """One system of ours (``inside``) or one partner, as configured; every default is already applied.

    ``hosts`` is None where DNS SRV says where to go. ``peer_names`` are the names of which a peer's certificate must
    carry one (XMPP: if it does not carry the domain of the stream); when none are given they are the system's domains
    and the names among its hosts.
    ``ca`` is the PEM bundle its certificates are judged by, None for the operating system's trust store.
    """

    name: str
    inside: bool
    protocol: str  # "sip" | "xmpp"
    domains: tuple[Domain, ...]
    link: str = "tls"  # "tls" for SIP, "s2s" | "component" for XMPP
    hosts: tuple[HostPort, ...] | None = None
    peer_names: frozenset[Domain] = frozenset()
    secret: str = field(default="", repr=False)  # XEP-0114 handshake secret of a component link
    ca: Path | None = None
    min_version: str = "1.2"  # "1.2" | "1.3"
    trust: Trust = field(default_factory=Trust)  # what its certificates must be besides
    streams: Streams = Streams()  # with an XMPP server
    page_type: str = "chat"  # "chat" | "normal": the type of a message that came as a page-mode MESSAGE
    confirm: str = "ack"  # a stanza is taken when it is acknowledged ("ack"), or already when it is written ("write")
    im_mode: str = "auto"  # "page": each message by itself; "session": in INVITE sessions; "auto": learnt
    message_bytes: int = 1300  # octets of a MESSAGE by itself: whole to a SIP system, its body from it (RFC 3428 §8)
    html: str = "plain"  # "plain": the text alone passes between us and a partner; "xhtml": its form too
    encrypted: str = "refuse"  # what becomes of the text beside an encrypted one: "refuse" or "fallback"
    pending_messages: int = 500
    pending_seconds: float = 25.0
    stanza_bytes: int = 262144
    presence: Profile = DEFAULT  # what it is told of presence, and how that of its users is shown
    direction: str = "both"  # of presence, for a partner: "both" | "they-see-us" | "we-see-them"
    presence_format: str = "pidf"  # "pidf" | "msrtc": the documents that a SIP system prefers
    piggyback: bool = False  # whether a SIP system may be told the presence that is known in the 200 to its SUBSCRIBE
    verification_marker: str = ""  # a header line for every request to a SIP system; "" for none
    srv_targets_outside_domain: bool = False  # whether servers may be used that its record names in other domains
    offer_alias: bool = False  # whether its requests may come on the SIP connections that we have opened
    connections_in: int = 20  # connections that it may have open to us at a time; not by a component link
    connections_out: int = 4  # SIP connections that we open to one place of it
    resume_per_s: float = 200.0  # presence requests a second when everything is taken up again
    kind: str = "direct"  # "direct" | "clearinghouse": it stands for its domains, and its certificate names itself
    wildcards: tuple[Domain, ...] = ()  # of "*.contoso.com" the "contoso.com": every name below it
    allow: str = "both"  # messages and requests for presence: "both" | "incoming" | "outgoing", seen from here
    traffic: str = "all"  # "all" | "im-only" | "presence-only"
    identity: str = "verified"  # of its senders: "verified" | "as-asserted" by the partner | "unverified"
    transit: bool = False  # whether it may talk to another partner that allows it too
    expires_at: float = 0.0  # Unix epoch seconds after which it is no partner any more; 0: never
    messages_per_s: float = 100.0  # that it may send us
    burst: int = 500  # messages that may come at once
    subscribe: str = "ask-user"  # its users to presence of ours: "ask-user" | "accept" at once | "deny" politely
    discovered: bool = False  # it is on no list, and here only because unlisted domains are discovered
    local_users: int = 1000  # of ours whom the users of a discovered partner may address in an hour
    suspicious_rate: float = 1.0  # messages a second from a discovered partner when most of its messages fail
    contact: str = ""
    notes: str = ""
    place: str = field(default="", compare=False)  # where it is listed: "partners.toml line 41"

    def __post_init__(self) -> None:
        if not self.peer_names:
            hosts = {Domain(each.host) for each in self.hosts or () if not each.is_address}
            object.__setattr__(self, "peer_names", hosts.union(self.domains))

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def reached(self) -> tuple[Domain, ...]:
        """For whom links are made when nobody says for which domain. A wildcard names none that DNS could find."""
        return self.domains if self.domains or self.hosts is None else self.wildcards[:1]

    def is_same_kind(self, other: "System") -> bool:
        """Whether what goes on with it can go on when ``other`` is said about it."""
        return (self.protocol, self.link, self.inside) == (other.protocol, other.link, other.inside)

    def differing(self, other: "System") -> tuple[str, ...]:
        """The names of the fields in which ``other`` is not the same."""
        if self == other:  # as most do, of thousands
            return ()
        return tuple(name for name in _COMPARED if getattr(self, name) != getattr(other, name))

    def become(self, other: "System") -> None:
        """Take over what is said about ``other``. Only for a reload, between two inputs of the gateway."""
        for name in _FIELDS:
            object.__setattr__(self, name, getattr(other, name))


_FIELDS = tuple(each.name for each in fields(System))
_COMPARED = tuple(each.name for each in fields(System) if each.compare)


@dataclass(frozen=True, slots=True)
class Block:
    """Domains with which nobody is to have anything to do. ``silent``: they are not even answered.

    ``reason`` is for administrators, and never sent anywhere.
    """

    domains: tuple[Domain, ...]
    wildcards: tuple[Domain, ...] = ()
    reason: str = ""
    silent: bool = False
    place: str = field(default="", compare=False)
