"""From the entries of a configuration to `System`s: what must go together, what must not, and the defaults."""

from datetime import UTC, date, datetime, time
from functools import reduce
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from msgspec.structs import fields

from edge.certificates.identity import IdentityError, authorities
from edge.codes import Code
from edge.config.addresses import domain_name, host_port
from edge.config.claims import Claims
from edge.config.places import KeyPath
from edge.config.presence import direction_of, profile_of, subscribe_of
from edge.config.schema import Defaults, DefaultTls, Entry, Limits, PeerTls, SystemPresence
from edge.config.streams import KEYS as STREAM_KEYS
from edge.config.streams import streams_of
from edge.config.tables import Document, quoted
from edge.config.trust import trust_of
from edge.domains import Domain
from edge.partners import Block, HostPort, System

MAX_BUNDLE = 4 << 20  # bytes of a trust bundle; that of Debian has a quarter of a megabyte
LAST_MOMENT = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()  # that can be written as a date
FIRST_YEAR = 2000  # of `expires`: before it a digit is missing
MAX_SECRET = 1024  # bytes of a secret file
RATE_OF_DISCOVERED = 8.0  # requests a second, well below the 20 messages that an Access Edge takes from us then
RATE_OF_OURS = 2000.0  # requests a second to a server of ours, behind which all users of a restart may be
SYSTEM_TRUST = "system"  # the value of `ca` that means the operating system's trust store

BUILT_IN = Defaults(
    page_type="chat",
    im_mode="auto",
    html="plain",
    encrypted="refuse",
    verification_marker="",
    tls=DefaultTls(min_version="1.2"),
    limits=Limits(
        pending_messages=500, pending_seconds=25.0, stanza_bytes=262144, message_bytes=1300, resume_per_s=200.0,
        messages_per_s=100.0, burst=500, connections_in=20, connections_out=4,
    ),
    presence=SystemPresence(format="pidf", piggyback=False),
)

OF_STREAMS = tuple(f"xmpp.{key}" for key in STREAM_KEYS)
OF_TLS = tuple(f"tls.{each.name}" for each in fields(PeerTls))
OF_SIP = (
    *("im_mode", "verification_marker", "presence.format", "presence.piggyback", "srv_targets_outside_domain"),
    *("limits.message_bytes", "limits.connections_out", "offer_alias"),
)
OF_PARTNERS = ("kind", "allow", "traffic", "identity", "transit", "expires")

T = TypeVar("T")


class Gathering:
    """The systems of all files so far. A name or a domain that comes again is a fault."""

    def __init__(self) -> None:
        self.systems: list[System] = []
        self.blocks: list[Block] = []
        self.bundles: dict[Path, str] = {}  # and the hash of what is in each
        self.claims = Claims()
        self._bundles: dict[Path, bool] = {}  # trust bundle -> whether it is good

    def add(self, document: Document, path: KeyPath, entry: Entry, defaults: Defaults, ca: Path | None) -> int:
        """Take in the entry at ``path``; returns how many domains it has. ``ca`` is the trust it has by default."""
        inside = path[0] == "inside"
        self.claims.name(document, path, entry.name)
        domains, wildcards = self.claims.domains(document, path, entry, inside)
        hosts = _hosts(document, path, entry)
        _check_combination(document, path, entry)
        tls, limits, built_in = entry.tls, entry.limits, BUILT_IN.limits
        if tls.ca is not None:
            ca = self.trust(document, (*path, "tls", "ca"), tls.ca)
        of_sip = defaults if entry.via == "sip" else BUILT_IN  # of the keys that are there for SIP systems alone
        system = System(
            name=entry.name,
            inside=inside,
            protocol=entry.via,
            domains=domains,
            wildcards=wildcards,
            link="tls" if entry.via == "sip" else entry.link or "s2s",
            hosts=hosts,
            peer_names=_peer_names(document, path, entry, hosts),
            secret=_secret(document, path, entry),
            ca=ca,
            min_version=_first(tls.min_version, defaults.tls.min_version, BUILT_IN.tls.min_version),
            trust=trust_of(document, path, tls, defaults.tls),
            streams=streams_of(entry.xmpp),
            page_type=_first(entry.page_type, defaults.page_type, BUILT_IN.page_type),
            confirm=_first(entry.confirm, "ack"),
            im_mode=_first(entry.im_mode, defaults.im_mode, BUILT_IN.im_mode),
            html=_first(entry.html, defaults.html, BUILT_IN.html),
            encrypted=_first(entry.encrypted, defaults.encrypted, BUILT_IN.encrypted),
            verification_marker=_first(entry.verification_marker, of_sip.verification_marker, ""),
            pending_messages=_first(
                limits.pending_messages, defaults.limits.pending_messages, built_in.pending_messages
            ),
            pending_seconds=_first(limits.pending_seconds, defaults.limits.pending_seconds, built_in.pending_seconds),
            stanza_bytes=_first(limits.stanza_bytes, defaults.limits.stanza_bytes, built_in.stanza_bytes),
            message_bytes=_first(limits.message_bytes, of_sip.limits.message_bytes, built_in.message_bytes),
            presence=profile_of(document, path, entry.presence, defaults.presence),
            direction=direction_of(document, path, entry.presence, defaults.presence),
            subscribe=subscribe_of(document, path, entry, defaults.presence),
            presence_format=_first(entry.presence.format, of_sip.presence.format, BUILT_IN.presence.format),
            piggyback=_first(entry.presence.piggyback, of_sip.presence.piggyback, BUILT_IN.presence.piggyback),
            resume_per_s=_first(limits.resume_per_s, defaults.limits.resume_per_s, _resume_rate(entry, inside)),
            srv_targets_outside_domain=_first(entry.srv_targets_outside_domain, False),
            offer_alias=_first(entry.offer_alias, False),
            connections_in=_first(limits.connections_in, defaults.limits.connections_in, built_in.connections_in),
            connections_out=_first(limits.connections_out, of_sip.limits.connections_out, built_in.connections_out),
            kind=_first(entry.kind, "direct"),
            allow=_first(entry.allow, "both"),
            traffic=_first(entry.traffic, "all"),
            identity=_first(entry.identity, "verified"),
            transit=_first(entry.transit, False),
            expires_at=_end_of(document, path, entry.expires) if entry.expires is not None else 0.0,
            messages_per_s=_first(limits.messages_per_s, defaults.limits.messages_per_s, built_in.messages_per_s),
            burst=_first(limits.burst, defaults.limits.burst, built_in.burst),
            contact=entry.contact,
            notes=entry.notes,
            place=document.place(path),
        )
        self.systems.append(system)
        return len(domains) + len(wildcards)

    def trust(self, document: Document, path: KeyPath, name: str) -> Path | None:
        """The trust bundle that ``name``, standing at ``path``, means; None for the operating system's."""
        if name in ("", SYSTEM_TRUST):
            return None
        bundle = document.beside(name)
        if bundle not in self._bundles:
            content = document.read(bundle, MAX_BUNDLE, path)
            self._bundles[bundle] = content is not None
            if content is not None:
                self.bundles[bundle] = sha256(content).hexdigest()
                try:
                    authorities(content)
                except IdentityError as error:
                    self._bundles[bundle] = False
                    document.error(error.code, path, f"{error} {quoted(name)}")
        return bundle if self._bundles[bundle] else None


# -- private ---------------------------------------------------------------------------------------------------------


def _first(*values: T | None) -> T:
    """The first of ``values`` that was said; the last always is."""
    found = next(value for value in values if value is not None)
    return found


def _end_of(document: Document, path: KeyPath, day: date) -> float:
    """The end of a day in UTC, as seconds of the Unix epoch."""
    if day.year < FIRST_YEAR:
        said = f'"expires"{document.owner(path)} is a day before the year {FIRST_YEAR}: {day}'
        document.error(Code.K02, (*path, "expires"), said)
    return min(datetime.combine(day, time.min, UTC).timestamp() + 86_400, LAST_MOMENT)


def _resume_rate(entry: Entry, inside: bool) -> float | None:
    """The pace at which presence is taken up again with a system of which nothing is said.

    COMPAT(lync): partners found by DNS get few requests a second, because an Access Edge that has us by DNS in turn
    takes 20 messages a second of everything and blocks more than that, since OCS 2007 R2.
    """
    if inside:
        return RATE_OF_OURS
    is_discovered = entry.via == "sip" and entry.hosts in (None, "srv")
    return RATE_OF_DISCOVERED if is_discovered else BUILT_IN.limits.resume_per_s


def _hosts(document: Document, path: KeyPath, entry: Entry) -> tuple[HostPort, ...] | None:
    if entry.hosts is None or isinstance(entry.hosts, str):
        return None
    found: dict[HostPort, None] = {}
    for text in entry.hosts:
        try:
            found[host_port(text)] = None
        except ValueError as error:
            document.error(Code.K02, (*path, "hosts"), f"host {quoted(text)}{document.owner(path)}: {error}")
    return tuple(found)


def _check_combination(document: Document, path: KeyPath, entry: Entry) -> None:
    """Refuse keys that would have no effect, and ask for those without which there would be no link."""
    _check_whom_it_speaks_for(document, path, entry)
    idle: dict[str, str] = {}  # keys without an effect here, and whose they are
    if entry.via == "sip":
        idle = dict.fromkeys(("link", "page_type", "confirm", *OF_STREAMS), 'of systems with via = "xmpp"')
        if entry.hosts not in (None, "srv"):
            idle["srv_targets_outside_domain"] = "of systems that DNS finds"
    elif entry.via == "xmpp":
        idle = dict.fromkeys(OF_SIP, 'of systems with via = "sip"')
    if path[0] == "inside":
        idle |= dict.fromkeys(("html", "encrypted"), "of partners: it is about what passes between one of them and us")
        idle |= dict.fromkeys(OF_PARTNERS, "of partners")
    if entry.via == "xmpp" and entry.link == "component":
        idle |= dict.fromkeys((*OF_TLS, "limits.connections_in"), "of links with TLS, and a component link has none")
        idle |= dict.fromkeys(OF_STREAMS, 'of systems with link = "s2s"')
        for key, value in (("secret_file", entry.secret_file), ("hosts", entry.hosts)):
            if value is None or value == "srv":
                document.error(Code.K02, path, f'a component link needs "{key}"{document.owner(path)}')
    elif entry.via:
        idle["secret_file"] = 'of systems with link = "component"'
    for key, whose in idle.items():
        at = tuple(key.split("."))
        if reduce(getattr, at, entry) is not None:
            said = f"{quoted(at[-1])}{document.owner((*path, *at[:-1]))} is a key {whose}"
            document.error(Code.K02, (*path, *at), said)


def _check_whom_it_speaks_for(document: Document, path: KeyPath, entry: Entry) -> None:
    """Clearing houses are known by their own name, and only SIP has a word for how far a sender was verified."""
    if entry.kind == "clearinghouse" and entry.via == "sip" and entry.tls.peer_names is None:
        said = 'a clearing house is known by its own name: it needs "peer_names" in [partner.tls]'
        document.error(Code.K02, path, f"{said}{document.owner(path)}")
    if entry.via == "xmpp" and entry.kind == "clearinghouse":
        said = 'cannot be "clearinghouse": an XMPP server speaks for each domain by itself'
        document.error(Code.K02, (*path, "kind"), f'"kind"{document.owner(path)} {said}')
    if entry.via == "xmpp" and entry.identity == "as-asserted":
        said = f'"identity"{document.owner(path)} cannot be "as-asserted": XMPP servers assert nothing about a sender'
        document.error(Code.K02, (*path, "identity"), said)


def _peer_names(
    document: Document, path: KeyPath, entry: Entry, hosts: tuple[HostPort, ...] | None
) -> frozenset[Domain]:
    """What was given, or nothing: then `System` has its own default."""
    at = (*path, "tls", "peer_names")
    found = set()
    for text in entry.tls.peer_names or ():
        try:
            found.add(domain_name(text))
        except ValueError as error:
            document.error(Code.K02, at, f"peer name {quoted(text)}{document.owner(at[:-1])}: {error}")
    if entry.via == "sip" and entry.tls.peer_names is None and any(each.is_address for each in hosts or ()):
        document.error(
            Code.K02,
            (*path, "hosts"),
            f'{document.owner(path).removeprefix(" in ")} has an IP address among its hosts and needs "peer_names" in '
            f"[{path[0]}.tls]: no certificate speaks for an address",
        )
    return frozenset(found)


def _secret(document: Document, path: KeyPath, entry: Entry) -> str:
    if entry.secret_file is None:
        return ""
    at = (*path, "secret_file")
    content = document.read(document.beside(entry.secret_file), MAX_SECRET, at)
    if content is None:
        return ""
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        secret = "\0"
    if not secret or not secret.isprintable():
        document.error(Code.K04, at, f"the secret file {quoted(entry.secret_file)} holds no single line of text")
        return ""
    return secret
