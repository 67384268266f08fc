"""`edge dns [DOMAIN]`: what to publish for each of our domains, and what is published now. No gateway is asked.

The files say who we are, the resolver they name says what the world sees, `edge.net.published` judges it.
"""

import argparse
from collections.abc import Iterable, Sequence
from random import SystemRandom
from typing import Any, TextIO

from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure

from edge.admin.shown import as_json, printable
from edge.codes import Code
from edge.config import Config, read
from edge.domains import Domain, unicode
from edge.domains import domain as canonical
from edge.errors import RemoteProtocolError
from edge.net.addresses import is_global
from edge.net.locate import FEDERATION, Locator
from edge.net.names import LocateError
from edge.net.published import TTL, XMPP, Finding, Published, judge, look_up
from edge.partners import HostPort

GOOD, FINDING = 0, 1

SECURE = "_sips._tcp."
PORTS = {"sip": 5061, "xmpp": 5269}  # where peers reach us, if we listen on a port that the system chooses
OTHER = {"sip": "xmpp", "xmpp": "sip"}  # who looks a domain up: the side that speaks the other protocol

Answer = dict[str, Any]


def dns_command(chosen: argparse.Namespace, out: TextIO) -> int:
    """A finding if anything that is published is missing or wrong, or the domain is not ours."""
    reading = read(chosen.config)
    if reading.config is None:
        out.write("\n".join(printable(str(fault)) for fault in reading.faults) + "\n")
        return FINDING
    domains = local_domains(reading.config)
    if chosen.domain:
        try:
            wanted = canonical(chosen.domain)
        except RemoteProtocolError:
            wanted = Domain("")
        domains = {domain: by for domain, by in domains.items() if domain == wanted}
        if not domains:
            out.write(f"{printable(chosen.domain[:100])} is no domain of ours.\n")
            return FINDING
    answers = _run(reading.config, domains)
    lines = as_json({"domains": answers}) if chosen.json else [printable(line) for line in report(answers)]
    out.write("\n".join(lines) + "\n")
    return FINDING if any(each["findings"] for each in answers) else GOOD


def local_domains(config: Config) -> dict[Domain, str]:
    """Each domain of ours, and by which protocol partners look it up."""
    found = {
        domain: OTHER[system.protocol] for system in config.systems if system.inside for domain in system.domains
    }
    return {domain: by for domain, by in found.items() if by == "sip" or config.xmpp_listen}


def told(config: Config, published: Published | None, domain: Domain, by: str, secure: Sequence[str] = ()) -> Answer:
    """All about one domain. ``published`` is None where DNS has not answered, ``secure`` what `_sips._tcp` says."""
    listening = config.sip_listen if by == "sip" else config.xmpp_listen
    port = (listening[0].port if listening else 0) or PORTS[by]
    ours = HostPort(config.name, port)
    certified = {name for identity in config.identities for name in identity.sip_names}
    findings: tuple[Finding, ...] = (Finding(Code.D06, Code.D06.sentence),)
    now: dict[str, list[str]] = {}
    if published is not None:
        findings = judge(published, by, ours, certified)
        labels = (FEDERATION,) if by == "sip" else XMPP
        there = [label for label in labels if label in published.records]
        now = {f"{label}{domain}": [*map(str, published.records[label])] for label in there}
        if secure:
            now[f"{SECURE}{domain}"] = [*secure]
        hosts = {server.host for label in labels for server in published.records.get(label, ())}
        now |= {host: [*published.addresses.get(host, ())] for host in sorted(hosts)}
    return {
        "domain": unicode(domain),
        "for": by,
        "publish": zone_lines(domain, by, ours, (each.host for each in listening)),
        "published": now,
        "findings": [_finding(each) for each in findings],
    }


def zone_lines(domain: Domain, by: str, ours: HostPort, listening: Iterable[str]) -> list[str]:
    """The records for a zone file by which partners find the domain."""
    host = ours.host
    if by == "sip" and host.partition(".")[2] != domain:
        host = f"sip.{domain}"  # Microsoft's edges take nothing else
    labels = (FEDERATION, SECURE) if by == "sip" else XMPP
    lines = [f"{label}{domain}. {TTL} IN SRV 0 0 {ours.port} {host}." for label in labels]
    addresses = [each for each in listening if is_global(each)]
    if not addresses:
        return [*lines, f"{host}. {TTL} IN A ADDRESS  ; the public one of this machine, and AAAA if it has IPv6"]
    return [*lines, *(f"{host}. {TTL} IN {'AAAA' if ':' in each else 'A'} {each}" for each in addresses)]


def report(answers: Iterable[Answer]) -> list[str]:
    """For people."""
    lines: list[str] = []
    for each in answers:
        lines += [""] if lines else []
        lines.append(f"{each['domain']}  (for partners that speak {each['for'].upper()})")
        lines += [f"  {'publish' if not index else '':<10} {line}" for index, line in enumerate(each["publish"])]
        said = [f"{name} -> {', '.join(values) or 'nothing'}" for name, values in each["published"].items()]
        lines += [f"  {'published' if not index else '':<10} {line}" for index, line in enumerate(said or ["nothing"])]
        for finding in each["findings"]:
            lines.append(f"  {finding['code']}   {finding['text']}")
            lines += [f"             publish {finding['record']}"] if finding["record"] else []
        if not each["findings"]:
            lines.append("  all is well")
    return lines


async def gather(config: Config, domains: dict[Domain, str], locator: Locator) -> list[Answer]:
    """Ask about each domain, one after the other."""
    answers = []
    for domain, by in domains.items():
        published, secure = None, None
        try:
            published = await look_up(locator, domain)
            secure = await locator.services(SECURE + domain) if by == "sip" else None
        except LocateError:
            pass  # which is the finding
        answers.append(told(config, published, domain, by, [*map(str, secure or ())]))
    return answers


# -- private ---------------------------------------------------------------------------------------------------------


def _finding(finding: Finding) -> dict[str, str]:
    return {"code": str(finding.code), "text": finding.text, "record": finding.record}


def _run(config: Config, domains: dict[Domain, str]) -> list[Answer]:
    """In a reactor of our own, for as long as it takes."""
    reactor: Any = SelectReactor()
    locator = Locator(reactor, config.dns_servers, SystemRandom())
    outcome: list[list[Answer] | Failure] = []

    def begin() -> None:
        asked = Deferred.fromCoroutine(gather(config, domains, locator))
        asked.addBoth(outcome.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    found = outcome[0]
    if isinstance(found, Failure):
        found.raiseException()
        raise AssertionError("it raises")
    return found
