"""Every key of edge.toml and of the partner files, with its type and its bounds. A key is here when it works.

A field without a default is required. None means "not said": what then applies is decided in `edge.config.systems`
and `edge.config.loading`. docs/configuration.md explains the keys to administrators; a test keeps both in step.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Text = Annotated[str, Meta(min_length=1)]
Texts = Annotated[list[str], Meta(min_length=1)]
SystemName = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z", description="1 to 64 letters, digits or any of . - _"),
]
Version = Literal["1.2", "1.3"]
Eku = Literal["server", "strict", "any"]
CertificateNames = Literal["san", "san-or-cn"]
RevocationPolicy = Literal["off", "soft", "hard"]

Messages = Annotated[int, Meta(ge=1, le=100_000)]  # each waits in memory
Seconds = Annotated[float, Meta(ge=1, le=30)]  # a SIP peer gives up after 32 s and must have our answer before
Bytes = Annotated[int, Meta(ge=10_000, le=262_144)]  # XMPP forbids less (RFC 6120 §13.12); SIP framing takes no more
PageBytes = Annotated[int, Meta(ge=1300, le=262_144)]  # whoever takes messages by themselves takes the fewer (RFC 3428)
Rate = Annotated[float, Meta(ge=0.1, le=10_000)]  # requests a second
Busy = Annotated[float, Meta(ge=0.1, le=1_000_000)]  # messages a second
Burst = Annotated[int, Meta(ge=1, le=1_000_000)]  # messages at once
Expires = Annotated[int, Meta(ge=5, le=86_400)]  # seconds; the few are for tests, and a day without a refresh is blind
Shortest = Annotated[int, Meta(ge=1, le=3600)]  # seconds; an hour must never be refused (RFC 6665 §4.2.1.1)
Longest = Annotated[int, Meta(ge=3600, le=86_400)]  # seconds
Pace = Annotated[float, Meta(ge=0, le=60)]  # seconds
Grace = Annotated[float, Meta(ge=1, le=3600)]  # seconds
KeepAlive = Annotated[float, Meta(ge=1, le=30)]  # seconds; a dead peer is found within three of them and 30 more
SessionIdle = Annotated[float, Meta(ge=1, le=86_400)]  # seconds
ConnectionsIn = Annotated[int, Meta(ge=1, le=1000)]
ConnectionsOut = Annotated[int, Meta(ge=1, le=8)]  # a Microsoft edge opens 4 at most; a clearing house may need more

Marker = Annotated[
    str,
    Meta(
        pattern=r"^(ms-[A-Za-z0-9-]{1,60}: [!-~]([ -~]{0,198}[!-~])?)?\Z",
        description='the line of a header whose name begins with "ms-", or ""',
    ),
]

Proofs = Annotated[list[Literal["external", "dialback-tls", "dane", "posh"]], Meta(min_length=1)]
Idle = Annotated[float, Meta(ge=60, le=86_400)]  # seconds; a ping of theirs every minute keeps a stream as it is

Html = Literal["plain", "xhtml"]
Encrypted = Literal["refuse", "fallback"]
Outbound = Literal["full", "basic", "none"]
Direction = Literal["both", "they-see-us", "we-see-them"]
Subscribe = Literal["ask-user", "accept", "deny"]
Users = Annotated[int, Meta(ge=1, le=100_000)]  # in an hour; each is remembered so long


class PeerTls(Struct, frozen=True):
    ca: Text | None = None
    peer_names: Texts | None = None
    min_version: Version | None = None
    eku: Eku | None = None
    names: CertificateNames | None = None
    pin_spki: Texts | None = None
    revocation: RevocationPolicy | None = None


class Limits(Struct, frozen=True):
    pending_messages: Messages | None = None
    pending_seconds: Seconds | None = None
    stanza_bytes: Bytes | None = None
    message_bytes: PageBytes | None = None
    resume_per_s: Rate | None = None
    messages_per_s: Busy | None = None
    burst: Burst | None = None
    connections_in: ConnectionsIn | None = None
    connections_out: ConnectionsOut | None = None


class SystemPresence(Struct, frozen=True):
    outbound: Outbound | None = None
    notes: bool | None = None
    direction: Direction | None = None
    subscribe: Subscribe | None = None
    format: Literal["pidf", "msrtc"] | None = None
    piggyback: bool | None = None
    map: dict[str, str] = field(default_factory=dict)


class SystemStreams(Struct, frozen=True):
    auth: Proofs | None = None
    bidi: bool | None = None
    starttls: Literal["required", "direct"] | None = None
    idle_seconds: Idle | None = None


class Entry(Struct, frozen=True):
    """One [[inside]] or [[partner]]."""

    name: SystemName
    domains: Texts
    via: Literal["sip", "xmpp"]
    kind: Literal["direct", "clearinghouse"] | None = None
    link: Literal["component", "s2s"] | None = None
    hosts: Literal["srv"] | Texts | None = None
    srv_targets_outside_domain: bool | None = None
    offer_alias: bool | None = None
    secret_file: Text | None = None
    page_type: Literal["chat", "normal"] | None = None
    confirm: Literal["ack", "write"] | None = None
    im_mode: Literal["auto", "page", "session"] | None = None
    html: Html | None = None
    encrypted: Encrypted | None = None
    verification_marker: Marker | None = None
    allow: Literal["both", "incoming", "outgoing"] | None = None
    traffic: Literal["all", "im-only", "presence-only"] | None = None
    identity: Literal["verified", "as-asserted", "unverified"] | None = None
    transit: bool | None = None
    expires: date | None = None
    contact: str = ""
    notes: str = ""
    tls: PeerTls = field(default_factory=PeerTls)
    limits: Limits = field(default_factory=Limits)
    presence: SystemPresence = field(default_factory=SystemPresence)
    xmpp: SystemStreams = field(default_factory=SystemStreams)


class Blocked(Struct, frozen=True):
    """One [[blocked]]."""

    domains: Texts
    reason: str = ""
    answer: Literal["forbidden", "silent"] = "forbidden"


class Edge(Struct, frozen=True):
    name: Text
    partners: Text
    state: Text = "state/edge.sqlite"
    state_sync: Literal["normal", "full"] = "normal"


class IdentityFiles(Struct, frozen=True):
    certificate: Text
    key: Text


class Tls(Struct, frozen=True):
    certificate: Text
    key: Text
    ca: Text = "system"
    crl: list[Text] = field(default_factory=list)
    identity: list[IdentityFiles] = field(default_factory=list)


class Listeners(Struct, frozen=True):
    listen: list[str] | None = None


class SipListeners(Struct, frozen=True):
    listen: list[str] | None = None
    keep_alive_seconds: KeepAlive = 30
    session_idle_seconds: SessionIdle = 900


class Dns(Struct, frozen=True):
    servers: list[str] = field(default_factory=list)
    dnssec: bool = False


class Presence(Struct, frozen=True):
    expires: Expires = 3600
    min_expires: Shortest = 300
    max_expires: Longest = 28_800
    pace_seconds: Pace = 5
    grace_seconds: Grace = 60


class Admin(Struct, frozen=True):
    socket: str = "state/admin.sock"
    listen: Text | None = None


class Log(Struct, frozen=True):
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warn", "error"] = "info"
    log_addresses: bool = False
    key_file: str = ""


class EdgeFile(Struct, frozen=True):
    """edge.toml: ourselves."""

    edge: Edge
    tls: Tls
    sip: SipListeners = field(default_factory=SipListeners)
    xmpp: Listeners = field(default_factory=Listeners)
    dns: Dns = field(default_factory=Dns)
    presence: Presence = field(default_factory=Presence)
    admin: Admin = field(default_factory=Admin)
    log: Log = field(default_factory=Log)
    inside: list[Entry] = field(default_factory=list)


class DefaultTls(Struct, frozen=True):
    ca: Text | None = None
    min_version: Version | None = None
    eku: Eku | None = None
    names: CertificateNames | None = None
    revocation: RevocationPolicy | None = None


class Defaults(Struct, frozen=True):
    """What applies to the partners of the same file that say nothing, and whether there are others."""

    unknown_domains: Literal["deny", "discover"] | None = None
    page_type: Literal["chat", "normal"] | None = None
    im_mode: Literal["auto", "page", "session"] | None = None
    html: Html | None = None
    encrypted: Encrypted | None = None
    verification_marker: Marker | None = None
    tls: DefaultTls = field(default_factory=DefaultTls)
    limits: Limits = field(default_factory=Limits)
    presence: SystemPresence = field(default_factory=SystemPresence)


class DiscoveredLimits(Struct, frozen=True):
    messages_per_s: Busy = 20
    local_users: Users = 1000
    suspicious_rate: Busy = 1


class Discovered(Struct, frozen=True):
    """Partners that are on no list."""

    limits: DiscoveredLimits = field(default_factory=DiscoveredLimits)


class PartnersFile(Struct, frozen=True):
    """partners.toml, or one file of the partner folder: everyone else."""

    version: Literal[1]
    defaults: Defaults = field(default_factory=Defaults)
    discovered: Discovered = field(default_factory=Discovered)
    partner: list[Entry] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
