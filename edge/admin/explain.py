"""May these two talk, and see each other, and why (not)? The rules of the partner list, and what users have allowed.

For `edge explain A [B]`. `edge.partners.explaining` knows the rules, the pairs of the gateway what users have allowed.
"""

from collections.abc import Mapping
from typing import Any

from edge.admin.local import Answer, Wrong
from edge.admin.running import Running
from edge.admin.subs import address, halves
from edge.codes import Code
from edge.domains import Domain, unicode
from edge.partners import System
from edge.partners.explaining import Explanation
from edge.partners.explaining import explain as explanation
from edge.xmpp.jid import JID

TOLD = 50  # systems that one may talk with, of which an answer tells


def explain(running: Running, said: Mapping[str, str]) -> Answer:
    """From ``from`` to ``to`` and back; without ``to`` whom the first may talk with at all."""
    if not said.get("from"):
        raise Wrong("from is missing: an address or a domain")
    one = address(said["from"])
    if not said.get("to"):
        return _alone(running, one.host)
    other = address(said["to"])
    directory = running.directory
    ways = [
        _way(sender, recipient, explanation(directory, sender.host, recipient.host))
        for sender, recipient in ((one, other), (other, one))
    ]
    answer: dict[str, Any] = {"ways": ways, "pair": None}
    if one.local and other.local:
        answer["pair"] = _pair(running, one.bare(), other.bare())
    return answer


# -- private ---------------------------------------------------------------------------------------------------------


def _way(sender: JID, recipient: JID, found: Explanation) -> dict[str, Any]:
    return {
        "from": str(sender),
        "to": str(recipient),
        "steps": [{"rule": each.rule, "text": each.text, "code": _coded(each.code)} for each in found.steps],
        "messages": _coded(found.im),
        "presence": _coded(found.presence),
    }


def _coded(code: Code | None) -> str:
    return "" if code is None else str(code)


def _alone(running: Running, domain: Domain) -> Answer:
    directory = running.directory
    system = directory.system_of(domain)
    if system is None:
        block = directory.block_of(domain)
        reason = f": {block.reason}" if block is not None and block.reason else ""
        text = f"is blocked ({block.place}){reason}" if block is not None else "is on no list"
        is_open = directory.is_open_to(domain)
        text += ", and discovered when it proves that name, or one of ours writes to it" if is_open else ""
        code = "" if is_open else str(directory.fault_of(domain))
        return {"domain": unicode(domain), "system": "", "text": text, "code": code,
                "talks_with": [], "more": 0}
    others = [other.name for other in directory.systems if directory.may_talk(system, other)]
    return {
        "domain": unicode(domain), "system": system.name, "text": _belongs(system), "code": "",
        "talks_with": others[:TOLD], "more": max(0, len(others) - TOLD),
    }


def _belongs(system: System) -> str:
    if system.discovered:
        return f"is on no list, and discovered ({system.protocol})"
    return f"belongs to {'inside' if system.inside else 'partner'} {system.name} ({system.protocol}; {system.place})"


def _pair(running: Running, one: JID, other: JID) -> dict[str, Any]:
    """What two users have allowed each other, whichever of them is the SIP user."""
    pairs = running.gateway.pairs
    pair = pairs.get(one, other) or pairs.get(other, one)
    if pair is None:
        return {"authorization": "none", "halves": []}
    return {"authorization": pair.state.name.lower(), "halves": list(halves(running, pair))}
