"""From what a test of a partner has found to what it means: steps, each with its code, and what to do about it.

Pure. `edge.admin.probing` gives the `Facts`; the command and the page (`edge.admin.probe_commands`,
`edge.admin.letter`) show the steps. A step that could not be tried, because one before it failed, is skipped.
"""

from collections.abc import Iterable

from edge.admin.evidence import Arrival, Facts, Fault, Looked, Reach
from edge.admin.examining_peer import certificate, component, options, proof, streams, tls
from edge.admin.remedies import remedy
from edge.admin.shown import ago, count
from edge.admin.steps import FAIL, NOTE, OK, OUTSIDE, SKIP, WARN, Step, failed, words_of
from edge.codes import Code
from edge.domains import unicode
from edge.net.addresses import is_global

NAMES = 8  # addresses of one host, or servers, that are shown
LATELY = 86400.0  # seconds; a request that was refused before is no news
KINDS = {"im-only": "messages", "presence-only": "presence"}


def examine(facts: Facts) -> list[Step]:
    """All steps in their order."""
    steps = [_policy(facts)]
    if steps[-1].status == FAIL:
        return [*steps, *_skipped(_names(facts), steps[-1])]
    steps.append(_dns(facts))
    if steps[-1].status == FAIL:
        return [*steps, *_skipped(_names(facts)[1:], steps[-1]), _inbound(facts)]
    steps.append(_tcp(facts))
    best = facts.best
    if steps[-1].status == FAIL or best is None:
        return [*steps, *_skipped(_names(facts)[2:], steps[-1]), _inbound(facts)]
    if facts.system.link == "component":
        return [*steps, component(facts, best), _inbound(facts)]
    parts = [tls(facts, best), certificate(facts, best)]
    parts += [options(facts, best)] if facts.system.protocol == "sip" else streams(facts, best)
    for step in parts:
        broken = next((each for each in steps if each.status == FAIL), None)
        steps.append(step if broken is None else _skip(step.name, broken))
    _tell_others(facts, best, steps)
    return [*steps, _inbound(facts)]


def outcome(steps: Iterable[Step]) -> str:
    """The worst of all: "ok", "warn" or "FAIL"."""
    found = {step.status for step in steps}
    return FAIL if FAIL in found else WARN if WARN in found else OK


# -- private: what is always the same ----------------------------------------------------------------------------------


def _names(facts: Facts) -> list[str]:
    """The steps behind the first, but for the last, which is never skipped with them."""
    if facts.system.link == "component":
        return ["dns", "tcp", "handshake"]
    rest = ["options"] if facts.system.protocol == "sip" else ["stream", "auth", "ping"]
    return ["dns", "tcp", "tls", "cert", *rest]


def _skipped(names: Iterable[str], broken: Step) -> list[Step]:
    return [_skip(name, broken) for name in names]


def _skip(name: str, broken: Step) -> Step:
    outside = f"not tried, because of what was found at {OUTSIDE[broken.name]}"
    return Step(name, SKIP, f"not tried, because {broken.name} failed", outside=outside)


def _tell_others(facts: Facts, best: Reach, steps: list[Step]) -> None:
    """Where other addresses of the same partner end in another way, the step in which they do says so."""
    named = {step.name: step for step in steps}
    for reach in facts.reaches:
        if reach is best or reach.fault is None or reach.stage == "tcp":
            continue
        step = named.get(reach.stage)
        if step is None or (step.fault is not None and step.fault.code is reach.fault.code):
            continue
        step.details.append(f"{reach.where}: {reach.fault.code} {reach.fault}")
        if step.status in (OK, NOTE):
            step.status, step.fault = WARN, reach.fault
            step.here, step.there = remedy(reach.fault.code, words_of(facts, reach.fault, reach))


# -- private: the steps ------------------------------------------------------------------------------------------------


def _policy(facts: Facts) -> Step:
    system = facts.system
    where = f"listed, {system.place}" if system.place else "listed"
    domain, local = unicode(facts.domain), unicode(facts.local) if facts.local else ""
    if facts.outgoing is not None and facts.incoming is not None:
        step = failed(facts, "policy", facts.outgoing)
        step.outside = f"our side does not allow traffic with {domain}"
        return step
    said = "both directions"
    if facts.outgoing or facts.incoming:
        said = "only incoming" if facts.outgoing else "only outgoing"
    settings = [f"im_mode {system.im_mode}"] if system.protocol == "sip" else []
    if system.traffic != "all":
        settings.append(f"traffic {system.traffic}")
    if system.direction != "both":
        settings.append(f"presence {system.direction}")
    if system.identity != "verified":
        settings.append(f"identity {system.identity}")
    step = Step("policy", OK, ", ".join([f"{where}; {said}", *settings]))
    step.outside = f"{domain} and {local} may talk, {said}"
    if facts.outgoing or facts.incoming:
        step.fault = facts.outgoing or facts.incoming
        step.outside = f"traffic between {domain} and {local} goes in one direction only"
    elif system.traffic in KINDS:
        step.fault = Fault(Code.A04)
        step.outside += f", {KINDS[system.traffic]} only"
    elif system.identity != "verified":
        step.fault = Fault(Code.A07)
        step.outside += "; a sender nobody vouches for reaches only who has added him as a contact"
    if step.fault is not None:
        step.status = NOTE
        step.here, _ = remedy(step.fault.code, words_of(facts, step.fault, None))
    return step


def _dns(facts: Facts) -> Step:
    step = _looked_up(facts)
    looked = facts.looked
    step.details += [f"{looked.resolver}: {each}" for each in looked.otherwise]
    if looked.otherwise and step.status in (OK, NOTE):
        step.status = WARN
        step.fault = Fault(Code.D03, f"{looked.resolver} says otherwise")
        step.here = "[dns] servers names the resolver to ask; hosts = [...] their servers, whatever DNS says"
        step.there = "let the zone say the same inside and outside"
    elif looked.resolver and not looked.otherwise:
        step.details.append(f"{looked.resolver} says the same")
    return step


def _looked_up(facts: Facts) -> Step:
    looked, hosts = facts.looked, facts.system.hosts
    if looked.fault is not None:
        step = failed(facts, "dns", looked.fault)
        step.details = _records(facts)
        return step
    if hosts is not None:
        servers = "; ".join(_host(looked, each.host) for each in hosts)
        step = Step("dns", OK, f"{servers} (static)", outside=f"{servers}, as it is set at our side")
        _compare(facts, step)
    else:
        step = Step("dns", OK, "; ".join(_records(facts)))
        step.details = [_host(looked, host) for host in looked.addresses]
    for host, addresses in looked.addresses.items():
        public = [is_global(each) for each in addresses]
        fault = None
        if not addresses:
            fault = Fault(Code.D02, f"{host} has no address")
        elif any(public) and not all(public):
            fault = Fault(Code.D05, f"{host} has public and private addresses: {', '.join(addresses[:NAMES])}")
        if fault is not None and step.status != WARN:
            warned = failed(facts, "dns", fault, status=WARN)
            step.status, step.fault = WARN, fault
            step.here, step.there = warned.here, warned.there
            step.details.append(str(fault))
    return step


def _compare(facts: Facts, step: Step) -> None:
    """What DNS would say of a partner whose servers are named in the configuration (D03)."""
    assert facts.system.hosts is not None
    named = {each.host for each in facts.system.hosts} | {
        address for each in facts.system.hosts for address in facts.looked.addresses.get(each.host, ())
    }
    targets = [each for found in facts.looked.records.values() for each in found or ()]
    others = [
        each for each in dict.fromkeys(targets)
        if each.host not in named and named.isdisjoint(facts.looked.addresses.get(each.host, ()))
    ]
    if targets and len(others) == len(set(targets)):
        listed = ", ".join(str(each) for each in others[:NAMES])
        step.status, step.fault = NOTE, Fault(Code.D03, f"SRV would be {listed}")
        step.here = "ask them which are right; until then hosts counts"
        told = f"; SRV would be {listed}, which differs: {Code.D03}"
        step.text, step.outside = step.text + told, step.outside + told


def _records(facts: Facts) -> list[str]:
    """What each record says; without any, that the domain's own address counts, or that there is none."""
    said = []
    for label, targets in facts.looked.records.items():
        if targets is None:
            continue
        said.append(f"{label.rstrip('.')} -> {', '.join(map(str, targets)) or 'no such service'}")
    missing = [label.rstrip(".") for label, targets in facts.looked.records.items() if targets is None]
    if missing and not said:
        said = [f"no {' and no '.join(missing)}"]
        if facts.looked.fault is None:
            said.append(f"the address of {unicode(facts.domain)} itself counts")
    return said


def _host(looked: Looked, host: str) -> str:
    addresses = looked.addresses.get(host, ())
    if addresses == (host,):
        return host
    return f"{host} -> {', '.join(addresses[:NAMES]) or 'no address'}"


def _tcp(facts: Facts) -> Step:
    good = [each for each in facts.reaches if each.stage != "tcp"]
    bad = [each for each in facts.reaches if each.stage == "tcp"]
    lines = [f"{each.where} in {each.milliseconds.get('tcp', 0)} ms" for each in good]
    lost = [f"{each.where}: {each.fault.code} {each.fault}" for each in bad if each.fault is not None]
    if not good:
        if not bad:
            return failed(facts, "tcp", Fault(Code.N02, "the time was over before anybody answered"))
        first = next((each for each in bad if each.fault is not None), bad[0])
        step = failed(facts, "tcp", first.fault or Fault(Code.N02), first)
        step.text = f"{first.where}: {step.text}"
        step.details = [line for line in lost if not line.startswith(f"{first.where}:")]
        return step
    step = Step("tcp", OK, ", ".join(lines))
    failing = next((each for each in bad if each.fault is not None), None)
    if failing is not None and failing.fault is not None:
        step = failed(facts, "tcp", failing.fault, failing, WARN)
        step.text, step.details = ", ".join(lines), lost
    return step


def _inbound(facts: Facts) -> Step:
    step, denied = _came(facts), facts.denied
    if denied is None or denied.fault is None or step.status not in (OK, NOTE) or facts.when - denied.when > LATELY:
        return step
    told = f"the last request that was refused came {_since(facts, denied)}: {denied.fault.code} {denied.fault}"
    noted = failed(facts, "inbound", denied.fault, status=NOTE)
    noted.text, noted.outside = f"{step.text}; {told}", f"{step.outside or step.text}; {told}"
    return noted


def _came(facts: Facts) -> Step:
    good, bad = facts.arrived, facts.turned_away
    if facts.system.link == "component":
        return Step("inbound", SKIP, "a component link serves both directions")
    if bad is not None and bad.fault is not None and (good is None or bad.when > good.when):
        step = failed(facts, "inbound", bad.fault, status=WARN)
        step.text = f"the last inbound link, {_since(facts, bad)}, was refused: {bad.fault.code} {bad.fault}"
        step.outside = f"the last one, {_since(facts, bad)}, was refused: {bad.fault.code} {bad.fault}"
        step.details = [f"it came from {bad.address}, and nothing proves that it was this partner"]
        return step
    if facts.links_in:
        up, by = count(facts.links_in, "link"), _by(good)
        return Step("inbound", OK, f"{up} of theirs to us up now{by}", outside=f"{up} of yours to us up now{by}")
    if good is not None:
        return Step("inbound", OK, f"the last inbound link came {_since(facts, good)}{_by(good)}")
    span = ago(facts.when - facts.started)
    outside = f"none came since our gateway was started, {span} ago"
    return Step("inbound", NOTE, f"nobody came from there since the gateway was started, {span} ago", outside=outside)


def _since(facts: Facts, arrival: Arrival) -> str:
    return f"{ago(facts.when - arrival.when)} ago"


def _by(arrival: Arrival | None) -> str:
    return f", by {proof(arrival.how)}" if arrival is not None and arrival.how else ""
