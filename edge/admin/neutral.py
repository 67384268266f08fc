"""Names that anybody may read in the place of those of a trace: the same name for the same thing everywhere.

Systems are contoso and capulet, their domains contoso.example and capulet.example, their users Romeo, Juliet and those
around them. What the gateway has made up itself (tags, Call-IDs, ids of stanzas) becomes ``{tag-a}``, a name that
`tests/transcript.py` binds where it is first received. Used by `edge.admin.transcribing`.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

EDGE = "edge.example.net:5061"  # what the gateway is called where transcripts are played
SIP_SYSTEMS = ("contoso", "fabrikam", "litware", "proseware")
XMPP_SYSTEMS = ("capulet", "montague", "verona", "mantua")
SIP_USERS = ("romeo", "mercutio", "benvolio", "tybalt", "paris", "balthasar")
XMPP_USERS = ("juliet", "nurse", "rosaline", "lady", "laurence", "peter")
SHORTEST = 6  # characters of an identifier that is replaced wherever it stands; shorter ones name nobody

Event = Mapping[str, Any]


class Names:
    """Reads all events of a trace first, then gives neutral texts of them."""

    def __init__(self, events: Sequence[Event], systems: Mapping[str, Any]) -> None:
        self._systems = systems
        self._texts: dict[str, str] = {}
        self._places = count(1)
        self._letters: dict[str, int] = {}
        self.cast: dict[tuple[str, str], str] = {}  # by side and real name: what the system is called
        self.domains: dict[str, list[str]] = {}  # by what the system is called
        spoken = [event for event in events if event["side"] != "edge"]
        for event in spoken:
            self.actor(event)
        for real, facts in systems.items():
            if facts.get("domains"):
                self._cast(facts["protocol"], real)
        for event in spoken:
            self._addresses(event)
        self._said = ""  # all that has come in, before what is looked at
        for event in spoken:
            self._identifiers(event)
            self._said += event["wire"] if event["way"] == "in" else ""
        own = systems.get("", {})
        if own.get("edge"):
            self._texts.setdefault(f"{own['edge']}:{own.get('port', 5061)}", EDGE)
            self._texts.setdefault(own["edge"], EDGE.partition(":")[0])
        every = sorted(self._texts, key=len, reverse=True)
        joined = "|".join(_bounded(each) for each in every)
        self._pattern = re.compile(f"{joined}|{_ADDRESS}" if joined else _ADDRESS, re.IGNORECASE)
        self._lower = {real.lower(): name for real, name in self._texts.items()}

    def actor(self, event: Event) -> str:
        """What the system of an event is called; a stranger too has a name."""
        return self._cast(event["side"], event["system"])

    def neutral(self, text: str) -> str:
        """The same without anybody's name."""
        return self._pattern.sub(self._replaced, _BRACES.sub(r"(\1)", text))

    def bind(self, kind: str) -> str:
        """A new name that is bound where it is first received."""
        number = self._letters[kind] = self._letters.get(kind, 0) + 1
        letters = ""
        while number:
            number, rest = divmod(number - 1, 26)
            letters = chr(ord("a") + rest) + letters
        return f"{{{kind}-{letters}}}"

    # --- private --------------------------------------------------------------------------------------

    def _cast(self, side: str, real: str) -> str:
        key = side, real
        if key not in self.cast:
            names = SIP_SYSTEMS if side == "sip" else XMPP_SYSTEMS
            number = sum(each == side for each, _ in self.cast)
            name = names[number] if number < len(names) else f"{side}{number}"
            self.cast[key] = name
            self.domains[name] = []
        return self.cast[key]

    def _replaced(self, found: re.Match[str]) -> str:
        text = found[0].lower()
        if text not in self._lower:  # an IP address
            self._lower[text] = f"192.0.2.{min(next(self._places) + 9, 250)}"
        return self._lower[text]

    def _owner(self, domain: str) -> str | None:
        """What the system of a domain is called, as far as the partner list knows."""
        for (_, real), name in self.cast.items():
            if domain in self._systems.get(real, {}).get("domains", ()):
                return name
        return None

    def _addresses(self, event: Event) -> None:
        """Who speaks to whom. The speaker's domain is the system's that sends, if no other is known to have it."""
        speaker, hearer = addresses(event)
        incoming = event["way"] == "in"
        for address, near in ((speaker, incoming), (hearer, not incoming)):
            user, _, domain = address.rpartition("@")
            domain = domain.lower()
            if not domain:
                continue
            own = self._owner(domain) or (self.actor(event) if near else None)
            if own is not None and domain not in self._texts:
                said = self.domains[own]
                said.append(f"{own}{len(said) + 1 if said else ''}.example")
                self._texts[domain] = said[-1]
            if user and domain in self._texts and address.lower() not in self._texts:
                of_sip = next((side == "sip" for (side, _), name in self.cast.items() if name == own), not incoming)
                self._texts[address.lower()] = f"{self._user(user.lower(), of_sip)}@{self._texts[domain]}"

    def _user(self, user: str, of_sip: bool) -> str:
        key = f"{'sip' if of_sip else 'xmpp'} user {user}"
        names = SIP_USERS if of_sip else XMPP_USERS
        number = self._letters.get(f"user {of_sip}", 0)
        if key not in self._letters:
            self._letters[key], self._letters[f"user {of_sip}"] = number, number + 1
        number = self._letters[key]
        return names[number] if number < len(names) else f"user{number}"

    def _identifiers(self, event: Event) -> None:
        """Call-IDs, tags and ids of stanzas: those of others get a plain name, ours one that is bound."""
        ours = event["way"] == "out"
        for kind, pattern in (_OF_SIP if event["side"] == "sip" else _OF_XMPP).items():
            for found in re.findall(pattern, event["wire"], re.M | re.I):
                if len(found) < SHORTEST or found.lower() in self._texts or found in self._texts:
                    continue
                name = self.bind(kind) if ours and found not in self._said else f"{kind}{self._number(kind)}"
                self._texts[found] = name

    def _number(self, kind: str) -> int:
        number = self._letters[f"number {kind}"] = self._letters.get(f"number {kind}", 0) + 1
        return number


def addresses(event: Event) -> tuple[str, str]:
    """From and to of an event, as "user@domain" in the spelling of the wire; the sender of a response is its To."""
    wire = event["wire"]
    if event["side"] == "xmpp":
        tag = wire.partition(">")[0]
        found = [re.search(rf"\b{name}=(['\"])(.*?)\1", tag) for name in ("from", "to")]
        speaker, hearer = (each[2].partition("/")[0] if each else "" for each in found)
        return speaker, hearer
    head = wire.partition("\n\n")[0]
    rows = [re.search(rf"^{name}:.*?sips?:([^\s;?>]+)", head, re.M | re.I) for name in ("From", "To")]
    speaker, hearer = (_without_port(each[1]) if each else "" for each in rows)
    return (hearer, speaker) if head.startswith("SIP/2.0") else (speaker, hearer)


# -- private ---------------------------------------------------------------------------------------------------------

_ADDRESS = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"
_BRACES = re.compile(r"\{([a-z-]+|\d+ times \S)\}")
_OF_SIP = {"call": r"^Call-ID: *(\S+)", "tag": r"^(?:From|To): .*;tag=([^;>\s]+)", "branch": r";branch=([^;,\s]+)"}
_OF_XMPP = {"id": r"\A<[^>]*? id=['\"]([^'\"]+)['\"]"}


def _bounded(text: str) -> str:
    """It stands by itself: not in the middle of a longer name."""
    before = r"(?<![\w-])" if text[0].isalnum() else ""
    after = r"(?![\w-]|\.\w)" if text[-1].isalnum() else ""
    return before + re.escape(text) + after


def _without_port(address: str) -> str:
    user, at, host = address.rpartition("@")
    return f"{user}{at}{re.sub(r':[0-9]+$', '', host)}"
