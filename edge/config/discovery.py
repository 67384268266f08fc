"""Whether domains that are on no list are discovered, and what such partners are like. Used by `edge.config.loading`.

The switch and [discovered] stand in one partner file, whose [defaults] are those of discovered partners too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

from edge.codes import Code
from edge.config.presence import ASK, BOTH, profile_of
from edge.config.schema import Defaults, DiscoveredLimits, PartnersFile, PeerTls, SystemPresence
from edge.config.systems import BUILT_IN, RATE_OF_DISCOVERED
from edge.config.tables import Document, quoted
from edge.config.trust import trust_of
from edge.domains import Domain
from edge.partners import System
from edge.partners.discovery import OTHER, Discovered

SWITCH = ("defaults", "unknown_domains")
ANY = Domain("any.invalid")
CONNECTIONS_IN = 4  # that a discovered partner may have open to us; a Microsoft edge opens as many at most
CONNECTIONS_OUT = 1  # that we open to it; 20 messages a second go over one
PENDING = 50  # messages that wait for it while it is dialled


class Opening:
    """What all partner files say of unlisted domains. ``template`` is what is discovered by them; None: nothing."""

    def __init__(self) -> None:
        self.template: System | None = None
        self._said = ""  # where

    def add(self, document: Document, content: PartnersFile, defaults: Defaults, ca: Path | None) -> None:
        """Take in one file. ``ca`` is the trust that it has by default, ``defaults`` are those of its [defaults]."""
        said = content.defaults.unknown_domains
        if said is None:
            if "discovered" in document.data:
                why = f"stands in another file than {quoted(SWITCH[1])}, which says whether there are such partners"
                document.error(Code.K02, ("discovered",), f"[discovered] {why}")
            return
        if self._said:
            why = f"is said twice (also in {self._said}): it is about all files"
            document.error(Code.K02, SWITCH, f"{quoted(SWITCH[1])} {why}")
            return
        self._said = document.place(SWITCH)
        if said == "discover":
            self.template = _template(document, content.discovered.limits, defaults, ca)

    def possible(self, systems: Iterable[System]) -> list[System]:
        """One partner like those that may come to each of ``systems`` that is ours."""
        if self.template is None:
            return []
        return [Discovered(self.template).like(ANY, OTHER[each.protocol]) for each in systems if each.inside]


def warn_of_components(document: Document, systems: Sequence[System]) -> None:
    """Strangers cannot be told to a server whose components we are."""
    for number, system in enumerate(each for each in systems if each.inside):
        if system.link == "component":
            said = (
                f"unlisted domains will not reach inside {quoted(system.name)}: a component link is one for each "
                "domain that is listed"
            )
            document.warn(Code.K02, ("inside", number), said)


def changes_of(old: System | None, new: System | None) -> list[str]:
    """What is said otherwise of unlisted domains, as `edge.config.difference` puts it."""
    if old is None or new is None:
        return [] if old is new else ["- unlisted domains" if new is None else "+ unlisted domains"]
    return [f"~ discovered.{field}" for field in old.differing(new)]


# -- private ---------------------------------------------------------------------------------------------------------


def _template(document: Document, limits: DiscoveredLimits, defaults: Defaults, ca: Path | None) -> System:
    """The strictest of what there is: a certificate has to carry the domain, and not as a common name alone."""
    at, presence, built_in = ("discovered",), defaults.presence, BUILT_IN.limits
    trust = trust_of(document, at, PeerTls(), defaults.tls)
    return System(
        name="discovered",
        inside=False,
        protocol="sip",
        domains=(),
        discovered=True,
        ca=ca,
        min_version=defaults.tls.min_version or "1.2",
        trust=replace(trust, names="san"),
        page_type=defaults.page_type or "chat",
        im_mode=defaults.im_mode or "auto",
        html=defaults.html or "plain",
        encrypted=defaults.encrypted or "refuse",
        verification_marker=defaults.verification_marker or "",
        presence=profile_of(document, at, SystemPresence(), presence),
        direction=presence.direction or BOTH,
        subscribe=presence.subscribe or ASK,
        presence_format=presence.format or "pidf",
        piggyback=bool(presence.piggyback),
        pending_messages=PENDING,
        pending_seconds=defaults.limits.pending_seconds or built_in.pending_seconds or 0.0,
        stanza_bytes=defaults.limits.stanza_bytes or built_in.stanza_bytes or 0,
        message_bytes=defaults.limits.message_bytes or built_in.message_bytes or 0,
        resume_per_s=RATE_OF_DISCOVERED,
        connections_in=CONNECTIONS_IN,
        connections_out=CONNECTIONS_OUT,
        messages_per_s=limits.messages_per_s,
        burst=ceil(limits.messages_per_s),
        local_users=limits.local_users,
        suspicious_rate=limits.suspicious_rate,
        place=document.place(SWITCH),
    )
