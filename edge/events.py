"""What the log may know of an event: identifiers, sizes and domains; people by a keyed hash; what they say never.

`edge.driver` asks `Facts.of` for each `Report` that it logs, and for no other, so that what nobody logs costs nothing.
docs/logs.md lists the fields.
"""

import re
import secrets
from collections.abc import Mapping
from hashlib import blake2b

from edge.codes import Code
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Report
from edge.mapping.addresses import jid_of
from edge.partners import Directory
from edge.sip.message import Request
from edge.sip.uri import SipUri
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq, Message, Presence

KEY_BYTES = 32  # of a key that nobody has set
HASH_BYTES = 6  # of a hash that is shown: enough to tell a million people apart
LONGEST = 200  # characters of one value

NAMES = {"status": "sip_status", "generation": "config_gen"}  # what the log calls a field of a report
BY_RULE = frozenset({"A02", "A03", "A04", "A07", "A08", "L01"})  # what somebody has written down in the partner list
OURS = frozenset({"user", "where"})  # fields that hold no word of a peer's


class Facts:
    """``key`` makes the hashes: random, so that they mean nothing after this process, unless somebody has set it.

    ``addresses``: people are named as well. ``directory``: what the partner list refuses is told with its line there.
    """

    def __init__(self, key: bytes = b"", addresses: bool = False, directory: Directory | None = None) -> None:
        self._key = key[:64] or secrets.token_bytes(KEY_BYTES)  # BLAKE2 takes no longer one
        self._addresses = addresses
        self._directory = directory

    def of(self, report: Report) -> dict[str, object]:
        """The fields of one line, in the order in which they are told; those with nothing in them are left out."""
        facts: dict[str, object] = {}
        if report.event.startswith(("link.", "auth.")):
            facts = {"protocol": protocol_of(report), "direction": direction_of(report)}
        facts |= {
            NAMES.get(name, name): self._value(name, value)
            for name, value in report.fields.items()
            if value is not None and value != ""
        }
        for name, value in self._about(report.about).items():
            if value and name not in facts:
                facts[name] = value
        if report.code is not None and report.code.name in BY_RULE and self._directory is not None:
            rule = _rule(self._directory, report.code, facts)
            if rule:
                facts["rule"] = rule
        return facts

    def scrubbed(self, text: str) -> str:
        """Text that others have written, in one line, and without the names of people in addresses."""
        shown = text[: 2 * LONGEST] if self._addresses else _USER.sub("***@", text[: 2 * LONGEST])
        if not shown.isprintable():
            shown = "".join(each if each.isprintable() else "?" for each in shown)
        return shown[:LONGEST]

    # --- private --------------------------------------------------------------------------------------

    def _value(self, name: str, value: object) -> object:
        if isinstance(value, bool | int | float):
            return value
        text = str(value)
        if name in OURS:
            return "".join(each if each.isprintable() else "?" for each in text[: 2 * LONGEST])
        return self.scrubbed(text)

    def _about(self, about: object) -> Mapping[str, object]:
        """Who has begun and with whom, and by which names this is found elsewhere."""
        if isinstance(about, Request):
            sender, recipient = _address(about, "from"), _address(about, "to")
            identifiers: dict[str, object] = {
                "sip_call_id": about.headers.get("call-id") or "", "sip_cseq": about.headers.get("cseq") or "",
                "bytes": len(about.body),
            }
        elif isinstance(about, Message | Presence | Iq):
            sender, recipient = about.from_, about.to
            size = len(about.body.encode()) if isinstance(about, Message) else 0
            identifiers = {"xmpp_id": about.id, "bytes": size}
        elif isinstance(about, tuple):
            (sender, recipient), identifiers = about, {}
        else:
            return {}
        people = [each.bare() for each in (sender, recipient) if each is not None]
        names = [each.local for each in people if each.local]
        facts = {name: self._identifier(value, names) for name, value in identifiers.items()}
        for role, person in (("from", sender), ("to", recipient)):
            if person is not None:
                facts |= self._person(role, person.bare())
        if len(people) == 2:
            facts["cid"] = self._hash("\n".join(sorted(map(str, people))))
        return facts

    def _person(self, role: str, person: JID) -> dict[str, object]:
        facts: dict[str, object] = {f"{role}_domain": str(person.host)}
        if self._addresses:
            facts[role] = str(person)
        elif person.local:
            facts[f"{role}_hash"] = self._hash(str(person))
        return facts

    def _identifier(self, value: object, names: list[str]) -> object:
        """An identifier as it is, unless somebody has put a name into it."""
        if not isinstance(value, str):
            return value
        if not self._addresses and any(name.lower() in value.lower() for name in names):
            return self._hash(value)
        return "".join(each if each.isprintable() else "?" for each in value[:LONGEST])

    def _hash(self, text: str) -> str:
        return blake2b(text.encode("utf-8", "replace"), digest_size=HASH_BYTES, key=self._key).hexdigest()


def protocol_of(report: Report) -> str:
    """What is spoken where an event has happened."""
    if isinstance(report.about, Request):
        return "sip"
    if isinstance(report.about, Message | Presence | Iq):
        return "xmpp"
    return "sip" if "direction" in report.fields or report.event.startswith("sip.") else "xmpp"


def direction_of(report: Report) -> str:
    """Who has made the link that an event is about: "in", somebody else; "out", we."""
    stream = str(report.fields.get("stream") or "")
    said = str(report.fields.get("direction") or stream.removeprefix("s2s "))
    if not said:
        return "out" if report.fields.get("partner") else "in"
    return "in" if said in ("in", "verify") else "out"


def sentence(code: Code | None) -> str:
    """What a code means, as a line of text shows it."""
    return f" ({code.sentence})" if code is not None else ""


def _rule(directory: Directory, code: Code, facts: Mapping[str, object]) -> str:
    """Where it stands that something is not allowed: "partners.toml line 41"."""
    if code is Code.A02:
        for name in ("from_domain", "to_domain", "domain", "remote"):
            block = directory.block_of(Domain(str(facts.get(name) or "")))
            if block is not None:
                return block.place
    system = directory.named(str(facts.get("partner") or "").partition(",")[0])
    return system.place if system is not None else ""


_USER = re.compile(r"[^\s<>\"@]+@")


def _address(request: Request, role: str) -> JID | None:
    """From or To of a request, as an XMPP address; None if it is none that both sides can have."""
    try:
        uri: SipUri = request.from_.sip_uri if role == "from" else request.to.sip_uri
        return jid_of(uri)
    except RemoteProtocolError:
        return None
