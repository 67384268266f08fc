"""`edge test`, in the running gateway: gather what there is to know of a partner, on connections of its own.

The verb ``test`` (`edge.admin.verbs`). Policy, DNS and trust are the gateway's own, so it meets what a link would meet;
what it means is `edge.admin.examining`'s. Everything has an end: a test takes `LONGEST`, and few run at a time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.python.failure import Failure

from edge.admin.evidence import Facts, Fault, Looked, Ours, Reach
from edge.admin.examining import examine, outcome
from edge.admin.links import rows_of, system_named
from edge.admin.local import Answer, Wrong
from edge.admin.probe_sip import SipProbe
from edge.admin.probe_xmpp import ComponentProbe, StreamProbe
from edge.admin.probes import CONNECT, Aim, Dialling, Kit, Probe
from edge.admin.remedies import remedy
from edge.admin.running import Running
from edge.admin.second_opinion import differences
from edge.admin.shown import stamp
from edge.codes import Code
from edge.config.addresses import DNS_PORT
from edge.domains import Domain, unicode
from edge.domains import domain as canonical
from edge.errors import RemoteProtocolError
from edge.net.links import DialError
from edge.net.locate import FEDERATION, Candidate, Locator, identities
from edge.net.tls import ChunkwiseTLSFactory
from edge.partners import HostPort, System
from edge.partners.explaining import Explanation, explain

LONGEST = 45.0  # seconds for one partner
AT_ONCE = 8  # tests; each costs a handshake for each of its addresses
OF_ONE = 2  # tests of one partner at a time, whose servers have limits too
DOMAINS = 20  # of one partner
MOST = 200  # tests in one answer
ADDRESSES = 4  # of one partner that are dialled
HOSTS = 8  # of which the addresses are asked for
SIP_TLS_PORT = 5061  # RFC 3261 §19.1.2
LABELS = {"sip": (FEDERATION, "_sips._tcp."), "xmpp": ("_xmpps-server._tcp.", "_xmpp-server._tcp.")}


class Probing:
    """The verb, and how many tests run."""

    locator = Locator  # for another resolver than ours

    def __init__(self, running: Running) -> None:
        self._running = running
        self._places = DeferredSemaphore(AT_ONCE)

    def test(self, said: Mapping[str, str]) -> "Deferred[Answer]":
        """``partner`` is a name or a domain; without one all are tested. ``resolver`` is asked besides ours."""
        name = said.get("partner", "")
        aims = self._aims(name)
        resolver = _resolver(said.get("resolver", ""))
        places = {system.name: DeferredSemaphore(OF_ONE) for system, _ in aims}
        tests = [places[system.name].run(self._in_turn, system, domain, resolver) for system, domain in aims]
        done: Deferred[list[Any]] = gatherResults(tests, consumeErrors=True)
        left_out, wildcards = self._left_out(name, aims)
        return done.addCallback(
            lambda results: {
                "tests": results, "more": sum(left_out.values()), "left_out": left_out, "wildcards": wildcards,
            }
        )

    def _aims(self, name: str) -> list[tuple[System, Domain]]:
        """What is tested, partner by partner; the first domain of each counts before the second of any."""
        running = self._running
        if name:
            system = _listed(running, name)
            domain = _domain_of(system, name)
            if domain is None:
                raise Wrong(f"{system.name} is listed by wildcards alone: name one of its domains")
            return [(system, domain)]
        systems = running.directory.systems
        every = [
            (place, number, system, domain)
            for number, system in enumerate(systems)
            for place, domain in enumerate(system.domains[:DOMAINS])
        ]
        chosen = sorted(every, key=lambda each: each[:2])[:MOST]
        return [(system, domain) for _, _, system, domain in sorted(chosen, key=lambda each: (each[1], each[0]))]

    def _left_out(self, name: str, aims: Sequence[tuple[System, Domain]]) -> tuple[dict[str, int], list[str]]:
        """Of which partners domains are not tested, and how many; and which have none that could be."""
        systems: Sequence[System] = self._running.directory.systems
        if name:
            systems = [system for system, _ in aims if system.name == name]
        tested = Counter(system.name for system, _ in aims)
        left = {each.name: len(each.domains) - tested[each.name] for each in systems}
        wildcards = [each.name for each in systems if not each.domains]
        return {of: number for of, number in left.items() if number}, wildcards

    def _in_turn(self, system: System, domain: Domain, resolver: HostPort | None) -> "Deferred[dict[str, object]]":
        return self._places.run(self._one, system, domain, resolver)

    def _one(self, system: System, domain: Domain, resolver: HostPort | None) -> "Deferred[dict[str, object]]":
        facts = self._facts(system, domain)
        facts.looked.resolver = resolver.host if resolver is not None else ""
        work = Deferred.fromCoroutine(self._gather(facts))

        def late(outcome: object, seconds: float) -> None:
            facts.late = True
            if not facts.reaches and facts.looked.fault is None:
                facts.looked.fault = Fault(Code.D06)

        work.addTimeout(LONGEST, self._running.reactor, late)
        return work.addCallback(lambda _: self._told(facts))

    def _facts(self, system: System, domain: Domain) -> Facts:
        running = self._running
        directory = running.directory
        opposite = directory.opposite(system)
        identity = running.contexts.identities.of(opposite[0] if opposite and system.protocol == "xmpp" else None)
        ours = Ours(str(running.config.name), identity.issuer, identity.names, identity.allows_client)
        facts = Facts(system, domain, opposite[0] if opposite else None, ours, running.wall(), running.started)
        if facts.local is None:
            facts.outgoing = facts.incoming = Fault(Code.A08, "none of our domains may talk to it")
            return facts
        there, back = explain(directory, facts.local, domain), explain(directory, domain, facts.local)
        facts.outgoing, facts.incoming = _refusal(there), _refusal(back)
        return facts

    async def _gather(self, facts: Facts) -> None:
        if facts.outgoing is not None and facts.incoming is not None:
            return
        assert facts.local is not None
        self._look_at_links(facts)
        candidates = await self._look_up(facts)
        aim = Aim(facts.system, facts.domain, facts.local)
        attempts = [Deferred.fromCoroutine(self._try(facts, aim, each)) for each in candidates[:ADDRESSES]]
        await gatherResults(attempts, consumeErrors=True)
        self._look_at_arrivals(facts)

    def _told(self, facts: Facts) -> dict[str, object]:
        steps = examine(facts)
        system = facts.system
        how = [system.protocol, "component" if system.link == "component" else ""]
        if system.link != "component":
            how += ["static" if system.hosts is not None else "DNS SRV", "mutual TLS"]
        return {
            "partner": system.name, "domain": unicode(facts.domain), "how": ", ".join(filter(None, how)),
            "ours": facts.ours.name, "local": unicode(facts.local) if facts.local else "",
            "when": stamp(facts.when), "outcome": outcome(steps), "late": facts.late,
            "steps": [step.as_json() for step in steps],
        }

    # --- DNS

    async def _look_up(self, facts: Facts) -> list[Candidate]:
        """Where the gateway would dial, and besides it what the records say."""
        locator, system, domain, looked = self._running.locator, facts.system, facts.domain, facts.looked
        labels = () if system.link == "component" else LABELS[system.protocol]
        asked = [locator.services(label + domain).addErrback(_silent) for label in labels]
        find = locator.sip if system.protocol == "sip" else locator.xmpp
        candidates: list[Candidate] = []
        try:
            candidates = await find(system, domain, public=system.discovered)
        except DialError as problem:
            looked.fault = Fault(problem.code, str(problem))
        found = dict(zip(labels, await gatherResults(asked), strict=True))
        looked.records = {label: _servers(servers) for label, servers in found.items() if servers is not SILENT}
        if looked.fault is None or looked.fault.code is not Code.D06:
            await self._look_at_hosts(looked, system, candidates)
        if looked.resolver:
            other = self.locator(self._running.reactor, [HostPort(looked.resolver, DNS_PORT)], SystemRandom())
            try:
                looked.otherwise = await differences(other, looked, domain)
            finally:
                other.stop()
        return candidates

    async def _look_at_hosts(self, looked: Looked, system: System, candidates: list[Candidate]) -> None:
        hosts = [each.host for each in system.hosts or ()] + [str(each.host) for each in candidates]
        hosts += [each.host for servers in looked.records.values() for each in servers or ()]
        wanted = [*dict.fromkeys(hosts)][:HOSTS]
        asked = [self._running.locator.addresses(Domain(host)).addErrback(_nothing) for host in wanted]
        looked.addresses = dict(zip(wanted, map(tuple, await gatherResults(asked)), strict=True))

    # --- connections

    async def _try(self, facts: Facts, aim: Aim, candidate: Candidate) -> None:
        reach = Reach(str(candidate.host), candidate.address, candidate.port, candidate.direct)
        facts.reaches.append(reach)
        probe = self._probe(facts, aim, reach, candidate)
        await self._dial(probe, candidate)
        if isinstance(probe, StreamProbe) and probe.fell_back and reach.fault is not None:
            again = Reach(reach.host, reach.address, reach.port, reach.direct, fell_back=reach.fell_back)
            facts.reaches[facts.reaches.index(reach)] = again
            await self._dial(StreamProbe(self._kit(), aim, again, external=False), candidate)

    def _probe(self, facts: Facts, aim: Aim, reach: Reach, candidate: Candidate) -> Probe:
        kit = self._kit()
        if aim.system.protocol == "sip":
            return SipProbe(kit, aim, reach, identities(aim.system, aim.domain, candidate))
        if aim.system.link == "component":
            return ComponentProbe(kit, aim, reach, in_use=facts.in_use)
        return StreamProbe(kit, aim, reach)

    async def _dial(self, probe: Probe, candidate: Candidate) -> None:
        reactor = self._running.reactor
        factory: Any = Dialling(probe)
        if probe.aim.system.protocol == "sip":
            creator = self._running.contexts.dialling(probe.aim.domain, probe.aim.system)
            factory = ChunkwiseTLSFactory(creator, True, factory, reactor)
        connector = reactor.connectTCP(candidate.address, candidate.port, factory, CONNECT)
        try:
            await probe.done
        finally:
            if not probe.settled:
                connector.stopConnecting()

    def _kit(self) -> Kit:
        running = self._running
        config = running.config
        port = config.sip_listen[0].port if config.sip_listen else SIP_TLS_PORT
        return Kit(
            running.reactor, running.directory, running.contexts, running.gateway.node.ids, running.keys,
            running.xmpp.pings, config.name, port or SIP_TLS_PORT,
        )

    # --- the way back

    def _look_at_links(self, facts: Facts) -> None:
        rows = [row for row in rows_of(self._running) if row["partner"] == facts.system.name and row["state"] == "up"]
        facts.links_in = sum(row["direction"] in ("in", "bidi") for row in rows)
        facts.in_use = facts.system.link == "component" and bool(rows)

    def _look_at_arrivals(self, facts: Facts) -> None:
        """Last, because a ping may have brought somebody."""
        self._look_at_links(facts)
        arrivals = self._running.arrivals
        facts.arrived = arrivals.good(facts.system)
        facts.turned_away = arrivals.bad(facts.system, tuple(each.address for each in facts.reaches))
        facts.denied = arrivals.denied(facts.system)


# -- private ---------------------------------------------------------------------------------------------------------

SILENT: list[HostPort] = []  # this very list: nobody has answered


def _domain_of(system: System, name: str) -> Domain | None:
    """Which of its domains is meant: the one that was named, else the first."""
    if name != system.name:
        return canonical(name)
    return system.domains[0] if system.domains else None


def _listed(running: Running, name: str) -> System:
    """Whose name or domain it is. `Wrong`, for a domain with its code and what to do, if it is on no list."""
    try:
        return system_named(running, name)
    except Wrong as problem:
        try:
            domain = canonical(name)
        except RemoteProtocolError:
            raise problem from None
        step = explain(running.directory, domain, running.config.name).steps[0]
        if "." not in domain or step.code is None:
            raise
        here, _ = remedy(step.code, {"domain": unicode(domain)})
        raise Wrong(f"{problem}. {step.code} {step.text}. Fix here: {here}", problem.status) from None


def _refusal(found: Explanation) -> Fault | None:
    """Why neither messages nor presence go; with the words of the rule that says so."""
    if found.im is None or found.presence is None:
        return None
    return Fault(found.im, next((step.text for step in found.steps if step.code is found.im), found.im.sentence))


def _resolver(text: str) -> HostPort | None:
    """The address of a resolver, which has its usual port."""
    server = HostPort(text.strip("[]"), DNS_PORT)
    if text and not server.is_address:
        raise Wrong(f'a resolver is given by its IP address, and "{text[:100]}" is none')
    return server if text else None


def _servers(found: list[HostPort] | None) -> tuple[HostPort, ...] | None:
    return None if found is None else tuple(found)


def _silent(failure: Failure) -> list[HostPort]:
    failure.trap(DialError)  # type: ignore[no-untyped-call]  # so Twisted has it
    return SILENT


def _nothing(failure: Failure) -> list[str]:
    failure.trap(DialError)  # type: ignore[no-untyped-call]  # as above
    return []
