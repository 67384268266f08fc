"""The configuration as the gateway uses it: read whole, judged whole, and then never changed.

`load` is for the gateway, `read` for `edge check`, which wants to see every fault and the summary of a configuration
that cannot be used.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from edge.certificates.identity import Files, Identities, Identity
from edge.codes import Code
from edge.config.addresses import dns_server, domain_name, listen_address, loopback_address
from edge.config.discovery import Opening, warn_of_components
from edge.config.faults import ConfigurationError, Fault, in_order
from edge.config.logs import LogSettings, log_settings
from edge.config.ours import crl_files, judge_identities, own_identities
from edge.config.places import KeyPath
from edge.config.presence import settings_of, with_good_rows
from edge.config.schema import Defaults, EdgeFile, PartnersFile
from edge.config.state import socket_file, state_file
from edge.config.streams import warn_of_dane
from edge.config.systems import Gathering
from edge.config.tables import Document, fill, quoted
from edge.domains import Domain
from edge.gateway.settings import PresenceSettings
from edge.partners import Directory, HostPort, System

MAX_FILES = 5000  # partner files in a folder

SIP_LISTEN = (HostPort("0.0.0.0", 5061), HostPort("::", 5061))  # if there are SIP systems and nothing else is said
XMPP_LISTEN = (HostPort("0.0.0.0", 5269), HostPort("::", 5269))  # if there are systems with s2s links

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without errors."""

    path: Path
    files: tuple[Path, ...]  # edge.toml and the partner files, in the order of reading
    name: Domain
    certificate: Path
    key: Path
    identity: Identity  # the default one
    identities: Identities
    identity_files: tuple[Files, ...]  # of each of them
    ca: Path | None  # default trust for peers; None for the operating system's
    crls: tuple[Path, ...]  # files of lists of revoked certificates
    sip_listen: tuple[HostPort, ...]
    xmpp_listen: tuple[HostPort, ...]
    sip_keep_alive: float  # seconds
    session_idle: float  # seconds
    dns_servers: tuple[HostPort, ...]  # empty: the system's
    dnssec: bool  # they validate, and nobody is between them and us
    state: Path | None  # where subscriptions are kept; None: nowhere
    state_sync: str  # "normal" | "full"
    presence: PresenceSettings
    admin_socket: Path | None  # for the commands of `edge`; None: nowhere
    admin_listen: HostPort | None  # on loopback; None: nowhere
    log: LogSettings
    bundles: Mapping[Path, str]  # of trusted authorities, and the hash of what is in each
    systems: tuple[System, ...]
    directory: Directory
    expiry: float  # Unix epoch seconds when the next partner expires; 0: none does
    warnings: tuple[Fault, ...]

    @property
    def validators(self) -> tuple[HostPort, ...] | None:
        """The name servers whose word on DNSSEC counts; None if it does not."""
        return self.dns_servers if self.dnssec else None


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What one file holds."""

    path: Path
    systems: int
    domains: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that reading a configuration brought to light. ``config`` is None when there are errors."""

    config: Config | None
    faults: tuple[Fault, ...]  # errors first
    ours: FileSummary
    partners: tuple[FileSummary, ...]


def load(path: Path | str, now: datetime | None = None) -> Config:
    """The configuration of ``path``, an edge.toml. Raises `ConfigurationError` with every fault."""
    reading = read(Path(path), now)
    if reading.config is None:
        raise ConfigurationError(reading.faults)
    return reading.config


def read(path: Path, now: datetime | None = None) -> Reading:
    """Read and judge everything; raises nothing. ``now`` is what certificates are held against."""
    faults: list[Fault] = []
    path = path.absolute()  # a daemon changes its directory
    document = Document(path, faults)
    if not document.is_readable:
        return Reading(None, tuple(faults), FileSummary(path, 0, 0), ())
    main = fill(document, EdgeFile)
    gathering = Gathering()
    ca = gathering.trust(document, ("tls", "ca"), main.tls.ca)
    domains = [
        gathering.add(document, ("inside", number), entry, Defaults(), ca) for number, entry in enumerate(main.inside)
    ]
    summary = FileSummary(path, len(domains), sum(domains))
    files = _partner_files(document, main.edge.partners)
    opening = Opening()
    partners = tuple(_partners(Document(each, faults), gathering, opening, ca) for each in files)
    now = now or datetime.now(UTC)
    systems, over = _parted(gathering.systems, now.timestamp())
    _warn_of_those_over(document, over)
    if opening.template is not None:
        warn_of_components(document, systems)
    reached = (*systems, *opening.possible(systems))

    names = [main.edge.name] if main.edge.name else []
    name = next(iter(_parsed(document, ("edge", "name"), names, domain_name)), None)
    ours = own_identities(document, main.tls)
    crls = crl_files(document, main.tls, now)
    if ours is not None:
        judge_identities(document, ours[0], name, systems, now)
    sip_listen = _listeners(document, "sip", main.sip.listen, SIP_LISTEN if _has(reached, "tls") else ())
    xmpp_listen = _listeners(document, "xmpp", main.xmpp.listen, XMPP_LISTEN if _has(reached, "s2s") else ())
    admin_listen = _parsed(document, ("admin", "listen"), filter(None, [main.admin.listen]), loopback_address)
    for shared in sorted(set(sip_listen).intersection(xmpp_listen)):
        if shared.port:
            document.error(Code.K02, ("xmpp", "listen"), f"{shared} is listed for SIP and for XMPP")
    for shared in sorted({*sip_listen, *xmpp_listen}.intersection(admin_listen)):
        if shared.port:
            document.error(Code.K02, ("admin", "listen"), f"{shared} is listed for SIP or XMPP too")
    servers = _parsed(document, ("dns", "servers"), main.dns.servers, dns_server)
    if not main.dns.dnssec:
        warn_of_dane(document, systems)
    state = state_file(document, main.edge.state)
    log = log_settings(document, main.log)

    order = (path, *files)
    if ours is None or name is None or any(not fault.warning for fault in faults):
        return Reading(None, in_order(faults, order), summary, partners)
    directory = Directory(systems, gathering.blocks, opening.template, over)
    if len(reached) == len(systems) and not any(directory.opposite(system) for system in systems):
        document.warn(Code.K02, (), "nothing can pass: no partner speaks the other protocol than an inside system")
    ordered = in_order(faults, order)
    config = Config(
        path=path,
        files=order,
        name=name,
        certificate=document.beside(main.tls.certificate),
        key=document.beside(main.tls.key),
        identity=ours[0].default,
        identities=ours[0],
        identity_files=ours[1],
        ca=ca,
        crls=crls,
        sip_listen=sip_listen,
        xmpp_listen=xmpp_listen,
        sip_keep_alive=main.sip.keep_alive_seconds,
        session_idle=main.sip.session_idle_seconds,
        dns_servers=servers,
        dnssec=main.dns.dnssec,
        state=state,
        state_sync=main.edge.state_sync,
        presence=settings_of(main.presence),
        admin_socket=socket_file(document, main.admin.socket),
        admin_listen=next(iter(admin_listen), None),
        log=log,
        bundles=gathering.bundles,
        systems=systems,
        directory=directory,
        expiry=_next_expiry(systems),
        warnings=ordered,
    )
    return Reading(config, ordered, summary, partners)


def expired(config: Config, now: float) -> Config:
    """The same without the partners whose time is over at ``now`` (Unix epoch seconds), whatever the files say."""
    systems, over = _parted(config.systems, now)
    was = config.directory
    directory = Directory(systems, was.blocks, was.discovered.template, (*was.over, *over))
    return replace(config, systems=systems, directory=directory, expiry=_next_expiry(systems))


# -- private ---------------------------------------------------------------------------------------------------------


def _next_expiry(systems: Sequence[System]) -> float:
    return min((system.expires_at for system in systems if system.expires_at), default=0.0)


def _parted(systems: Sequence[System], now: float) -> tuple[tuple[System, ...], tuple[System, ...]]:
    """Those that are listed at ``now``, and those whose time is over."""
    over = tuple(system for system in systems if 0 < system.expires_at <= now)
    return tuple(system for system in systems if system not in over) if over else tuple(systems), over


def _warn_of_those_over(document: Document, over: Sequence[System]) -> None:
    for system in over:
        last = datetime.fromtimestamp(system.expires_at - 1, UTC).date()
        said = f"partner {quoted(system.name)} expired after {last} and is no partner any more ({system.place})"
        document.warn(Code.K13, (), said)


def _partner_files(document: Document, name: str) -> list[Path]:
    """The file, or the *.toml files of the folder in the order of their names."""
    if not name:
        return []  # noted already
    at: KeyPath = ("edge", "partners")
    place = document.beside(name)
    try:
        if not place.is_dir():
            return [place]
        found = sorted(each for each in place.iterdir() if each.suffix == ".toml" and not each.name.startswith("."))
    except OSError as error:
        document.error(Code.K04, at, f"{quoted(name)} cannot be read: {error.strerror}")
        return []
    if not found:
        document.warn(Code.K04, at, f"the folder {quoted(name)} has no *.toml file: there are no partners")
    if len(found) > MAX_FILES:
        document.error(Code.K04, at, f"the folder {quoted(name)} has more than {MAX_FILES} files")
    return found[:MAX_FILES]


def _partners(document: Document, gathering: Gathering, opening: Opening, ca: Path | None) -> FileSummary:
    if not document.is_readable:
        return FileSummary(document.path, 0, 0)
    content = fill(document, PartnersFile)
    if content.defaults.tls.ca is not None:
        ca = gathering.trust(document, ("defaults", "tls", "ca"), content.defaults.tls.ca)
    defaults = with_good_rows(document, content.defaults)
    opening.add(document, content, defaults, ca)
    domains = [
        gathering.add(document, ("partner", number), entry, defaults, ca)
        for number, entry in enumerate(content.partner)
    ]
    gathering.blocks += [
        gathering.claims.blocked(document, ("blocked", number), entry) for number, entry in enumerate(content.blocked)
    ]
    return FileSummary(document.path, len(domains), sum(domains))


def _parsed(document: Document, at: KeyPath, texts: Iterable[str], parse: Callable[[str], T]) -> tuple[T, ...]:
    """Each of ``texts`` once; what cannot be parsed is noted."""
    found: dict[T, None] = {}
    for text in texts:
        try:
            found[parse(text)] = None
        except ValueError as error:
            document.error(Code.K02, at, f"{quoted(text)}{document.owner(at[:-1])}: {error}")
    return tuple(found)


def _listeners(
    document: Document, protocol: str, texts: Sequence[str] | None, default: tuple[HostPort, ...]
) -> tuple[HostPort, ...]:
    return default if texts is None else _parsed(document, (protocol, "listen"), texts, listen_address)


def _has(systems: Sequence[System], link: str) -> bool:
    return any(system.link == link for system in systems)
