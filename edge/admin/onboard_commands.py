"""`edge onboard PARTNER [--for KIND]`: a page for the administrator of the other side, made of our files.

It says what he has to know of us, what to set in his software, and what we need of him. Nothing on it is secret, and
nothing of it is asked of a gateway: a partner may be prepared before anything runs.
"""

import argparse
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TextIO

from cryptography.hazmat.primitives.serialization import Encoding

from edge.admin.dns_commands import PORTS, zone_lines
from edge.admin.onboard_pages import SPEAKS, STEPS, TITLES, TRIED, Ours, needed
from edge.admin.shown import as_json, printable
from edge.certificates.trust import fingerprint_of
from edge.config import Config, read
from edge.domains import domain as canonical
from edge.domains import unicode
from edge.errors import RemoteProtocolError
from edge.partners import HostPort, System

GOOD, FINDING, UNUSABLE = 0, 1, 2
NAMES = 20  # of our certificate that are written out
UNTRIED = "The names of the settings are those of its maker's documents: we could not try them."


def onboard_command(chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge onboard PARTNER [--for KIND]`"""
    reading = read(chosen.config)
    if reading.config is None:
        out.write("\n".join(printable(str(fault)) for fault in reading.faults) + "\n")
        return FINDING
    system = _named(reading.config, chosen.partner)
    problem = _problem(reading.config, system, chosen.partner)
    if problem or system is None:
        out.write(printable(problem) + "\n")
        return FINDING
    if chosen.kind and SPEAKS[chosen.kind] != system.protocol:
        kinds = " or ".join(kind for kind, protocol in SPEAKS.items() if protocol == system.protocol)
        out.write(printable(f"{system.name} speaks {system.protocol.upper()}: choose {kinds}") + "\n")
        return UNUSABLE
    kind = chosen.kind or next(name for name, protocol in SPEAKS.items() if protocol == system.protocol)
    if missing := needed(kind, system):
        print(printable(f"edge: first {missing}"), file=sys.stderr)
    lines = page(reading.config, system, kind)
    out.write("\n".join(as_json({"for": kind, "page": lines}) if chosen.json else map(printable, lines)) + "\n")
    return GOOD


def page(config: Config, system: System, kind: str) -> list[str]:
    """The page, line by line."""
    ours = ours_for(config, system)
    theirs = ", ".join(map(unicode, system.domains)) or "your domains"
    domains = ", ".join(map(unicode, ours.domains))
    return [
        f"Federation of {theirs} with {domains}",
        "",
        "1. What you have to know of us",
        "",
        *_facts(ours, system.protocol),
        "",
        "   In DNS:",
        *(f"     {record}" for record in ours.records),
        "",
        f"2. What to set at your side ({TITLES[kind]})",
        "",
        *(f"   {line}".rstrip() for line in STEPS[kind](ours, theirs)),
        *(["", f"   {UNTRIED}"] if kind not in TRIED else []),
        "",
        "3. What we need of you",
        "",
        *(f"   * {each}" for each in _wanted(system)),
        "",
        "4. The certificates that we send",
        "",
        *(line for each in ours.identity.chain for line in each.public_bytes(Encoding.PEM).decode().splitlines()),
    ]


def ours_for(config: Config, system: System) -> Ours:
    """Our side, as this partner meets it."""
    domains = tuple(config.directory.opposite(system))
    listening = config.sip_listen if system.protocol == "sip" else config.xmpp_listen
    port = (listening[0].port if listening else 0) or PORTS[system.protocol]
    here = HostPort(config.name, port)
    records = [zone_lines(each, system.protocol, here, (place.host for place in listening)) for each in domains]
    identity = config.identities.of(domains[0] if system.protocol == "xmpp" else None)
    published = (line for lines in records for line in lines if " ADDRESS " not in line)
    return Ours(config.name, port, domains, identity, tuple(dict.fromkeys(published)))


# -- private ---------------------------------------------------------------------------------------------------------


def _named(config: Config, name: str) -> System | None:
    found = config.directory.named(name)
    if found is None:
        try:
            found = config.directory.system_of(canonical(name))
        except RemoteProtocolError:
            return None
    return found


def _problem(config: Config, system: System | None, name: str) -> str:
    """Why there is no page."""
    if system is None or system.inside:
        near = get_close_matches(name, [each.name for each in config.systems if not each.inside], n=1)
        hint = f" (did you mean {near[0]}?)" if near else ": `edge allow DOMAIN` lists one"
        return f'There is no partner "{name[:100]}"{hint}'
    if not config.directory.opposite(system):
        return f"None of our domains may talk to {system.name}: none speaks the other protocol"
    return ""


def _facts(ours: Ours, protocol: str) -> list[str]:
    identity = ours.identity
    names = list(identity.names[:NAMES])
    purpose = "servers and clients" if identity.allows_client else "servers alone (serverAuth): take it from us as well"
    how = "TLS 1.2 or 1.3, a certificate on both sides" if protocol == "sip" else (
        "TLS 1.2 or 1.3 by STARTTLS or directly, SASL EXTERNAL"
    )
    rows = [
        ("domains", ", ".join(map(unicode, ours.domains))),
        ("server", f"{ours.name}, port {ours.port}; {how}"),
        ("certificate", f"{identity.leaf.subject.rfc4514_string() or 'no subject'}; carries {', '.join(names)}"),
        ("", f"good for {purpose}"),
        ("", f"ends on {identity.not_after:%Y-%m-%d}, SHA-256 {fingerprint_of(identity.leaf)}"),
        ("issued by", f"{identity.issuer}; you have to trust its root"),
        ("carries", "text messages and presence; no audio, no video, no files, no conferences"),
    ]
    return [f"   {name:12} {printable(text)}" for name, text in rows]


def _wanted(system: System) -> Iterable[str]:
    known = ", ".join(map(unicode, system.domains))
    yield f"your domains{f': we have {known}' if known else ''}"
    if system.hosts is not None:
        yield f"your servers: we have {', '.join(map(str, system.hosts))}"
    elif system.protocol == "sip":
        yield "a record _sipfederationtls._tcp for each, whose server lies directly in the domain; or its name and port"
    else:
        yield "a record _xmpp-server._tcp for each; or the name and port of your server"
    yield "the names in its certificate, and the root if the issuer is a private one"
    yield "one user on each side with whom to try it, and when"
