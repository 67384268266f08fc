"""Why two domains may talk, or may not: the same rules as `Directory.admit`, one after the other, with their places.

For `edge explain`. Nothing is decided here: the last word of an explanation is asked of the directory itself.
"""

from dataclasses import dataclass

from edge.codes import Code
from edge.domains import Domain, unicode
from edge.partners.directory import Admit, Directory, Peer
from edge.partners.system import System


@dataclass(frozen=True, slots=True)
class Step:
    """One rule: its name, what it says, and the code if it refuses."""

    rule: str
    text: str
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All rules up to the first that refuses, and what comes of it for messages and for requests to see presence."""

    steps: tuple[Step, ...]
    im: Code | None
    presence: Code | None


def explain(directory: Directory, sender: Domain, recipient: Domain) -> Explanation:
    """May users of ``sender`` write to those of ``recipient``, and see them, over a link that proves ``sender``?"""
    steps: list[Step] = []
    systems: list[System] = []
    if directory.discovered.template is not None:  # nobody is discovered because somebody asks
        template = directory.discovered.template
        directory = Directory(directory.systems, directory.blocks, template, directory.over)
        directory.discover(sender, recipient)
        directory.discover(recipient, sender)
    for role, domain in (("from", sender), ("to", recipient)):
        step, system = _found(directory, role, domain)
        steps.append(step)
        if system is None:
            code = step.code
            if role == "to" and code is Code.A01 and not systems[0].inside:
                code = Code.A06
                steps[-1] = Step(role, step.text, code)
            return Explanation(tuple(steps), code, code)
        systems.append(system)
    one, other = systems
    peer = Peer(one.protocol, frozenset((sender,)), frozenset((one.name,)))
    decision = directory.admit(peer, sender, recipient)
    if not isinstance(decision, Admit):
        steps.append(Step("pair", _why_not(one, other), decision.code))
        return Explanation(tuple(steps), decision.code, decision.code)
    steps.append(Step("pair", f"{_called(one)} ({one.protocol}) and {_called(other)} ({other.protocol}) may talk"))
    steps += _of_partners(directory, decision)
    presence = decision.presence or (None if directory.may_watch(one, other) else Code.A03)
    steps.append(Step("route", _route(other, recipient)))
    return Explanation(tuple(steps), decision.im, presence)


# -- private ---------------------------------------------------------------------------------------------------------


def _found(directory: Directory, role: str, domain: Domain) -> tuple[Step, System | None]:
    shown = unicode(domain)
    block = directory.block_of(domain)
    if block is not None:
        reason = f": {block.reason}" if block.reason else ""
        silence = ", and is not answered" if block.silent else ""
        return Step(role, f"{shown} is blocked{silence} ({block.place}){reason}", Code.A02), None
    system = directory.system_of(domain)
    if system is None:
        over = directory.over_of(domain)
        why = "is on no list" if over is None else f"was one of {_called(over)}, which has expired ({over.place})"
        return Step(role, f"{shown} {why}", Code.A01), None
    if system.discovered:
        return Step(role, f"{shown} is on no list, and discovered if it proves that name ({system.place})"), system
    how = "" if domain in system.domains else f" by the wildcard *.{unicode(_wildcard(system, domain))}"
    return Step(role, f"{shown} belongs to {_called(system)}{how} ({system.place})"), system


def _wildcard(system: System, domain: Domain) -> Domain:
    return max((each for each in system.wildcards if domain.endswith(f".{each}")), key=len)


def _why_not(one: System, other: System) -> str:
    if one.protocol == other.protocol:
        return f"both are {one.protocol} systems: nothing is carried between two of the same protocol"
    if one.inside:
        return "both are systems of ours"
    without = ", ".join(_called(each) for each in (one, other) if not each.transit)
    return f"both are partners, and {without} has no transit"


def _of_partners(directory: Directory, decision: Admit) -> list[Step]:
    sender, recipient = decision.sender, decision.recipient
    steps = []
    if Code.A03 in (decision.im, decision.presence):
        whose = sender if sender.allow == "outgoing" else recipient
        steps.append(Step("direction", f'{_called(whose)} has allow = "{whose.allow}"', Code.A03))
    for system in (sender, recipient):
        if system.traffic != "all":
            steps.append(Step("traffic", f'{_called(system)} has traffic = "{system.traffic}"', Code.A04))
        if system.direction != "both":
            refused = None if directory.may_watch(sender, recipient) else Code.A03
            steps.append(Step("presence", f'{_called(system)} has direction = "{system.direction}"', refused))
    if decision.doubt:
        said = f'{_called(sender)} has identity = "{decision.doubt}": it reaches only who has the sender as a contact'
        if decision.doubt == "as-asserted":
            said += ", unless it asserts that it has verified him"
        steps.append(Step("identity", said))
    if sender.subscribe != "ask-user":
        who = "nobody is asked, and nothing is shown" if sender.subscribe == "deny" else "nobody is waited for"
        steps.append(Step("presence", f'{_called(sender)} has subscribe = "{sender.subscribe}": {who}'))
    if not sender.inside:
        said = f"{_called(sender)} may send {sender.messages_per_s:g} messages a second, {sender.burst} at once"
        if sender.discovered:
            said += f", to {sender.local_users} of our users in an hour"
        steps.append(Step("limits", said))
    return steps


def _route(system: System, domain: Domain) -> str:
    if system.hosts is not None:
        return f"{_called(system)} is reached at {', '.join(map(str, system.hosts))}"
    service = "_sipfederationtls._tcp" if system.protocol == "sip" else "_xmpps-server._tcp, _xmpp-server._tcp"
    where = ", at public addresses only" if system.discovered else ""
    return f"{_called(system)} is reached by DNS: {service}.{unicode(domain)}{where}"


def _called(system: System) -> str:
    kind = "inside" if system.inside else "discovered partner" if system.discovered else _KINDS[system.kind]
    return f"{kind} {system.name}"


_KINDS = {"direct": "partner", "clearinghouse": "clearing house"}
