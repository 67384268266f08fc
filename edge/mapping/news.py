"""What watchers have to hear when one presence document follows another (RFC 8048 §6.3).

Worked out once for all watchers of a user, because a presence server sends each of them the same document. What a
document says of each resource is in `edge.mapping.presence`. Called by the gateway's subscriber (`edge.gateway.watch`).
"""

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from edge.bodies.document import Document
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.addresses import bare_uri_of, jid_of
from edge.mapping.presence import settle, states_of, unavailable
from edge.mapping.profile import DEFAULT, Profile
from edge.sip.uri import SipUri
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

SHARED = 64  # documents whose news are remembered: one notification goes to all watchers of a contact at once


class Told(NamedTuple):
    """News for no watcher in particular. Its ``stanza`` is nobody's to change."""

    stanza: Presence
    before: bytes
    behind: bytes

    @classmethod
    def of(cls, stanza: Presence) -> "Told":
        """A stanza without recipient, from somebody."""
        assert stanza.from_ is not None and stanza.to is None
        data = stanza.to_bytes()
        cut = len(f"<presence from='{stanza.from_.quoted}'".encode())
        return cls(stanza, data[:cut], data[cut:])

    def to(self, watcher: JID) -> bytes:
        """The same for somebody: only this is left to be done for each watcher."""
        return b"%b to='%b'%b" % (self.before, watcher.quoted.encode(), self.behind)


class Learnt(NamedTuple):
    """What follows from a document: the news in it, and what has to be kept of it (`pack`)."""

    news: tuple[Told, ...]
    kept: bytes


@lru_cache(SHARED)
def learnt(document: Document, kept: bytes | None, contact: JID, lang: str, profile: Profile) -> Learnt:
    """What every watcher has to hear about ``contact`` now that ``document`` follows what was ``kept`` of the last one.

    One stanza for each tuple whose state changed; a tuple that vanished is unavailable (RFC 3922 §6.3.1). ``lang`` is
    the Content-Language of the NOTIFY. Raises `RemoteProtocolError` for a document about somebody else, which is to be
    discarded (RFC 8048 §6.3).
    """
    previous = unpack(kept, contact) if kept is not None else None
    if not about(document, contact):
        raise RemoteProtocolError("the presence document is not about the contact who was subscribed to", Code.S01)
    settled = settle(document, previous)
    after = states_of(settled, contact, lang, profile)
    if previous is None:
        return Learnt(tuple(map(Told.of, after.values())), pack(settled))
    before = states_of(settle(previous, None), contact, lang, profile)
    changed = [stanza for sender, stanza in after.items() if before.get(sender) != stanza]
    vanished = [sender for sender, stanza in before.items() if not stanza.type and sender not in after]
    if vanished and not document.tuples:  # a bare "unavailable" would add nothing to those of the resources
        changed = [stanza for stanza in changed if not stanza.type]
    return Learnt(tuple(map(Told.of, [*changed, *map(unavailable, vanished)])), pack(settled))


def pack(document: Document) -> bytes:
    """A settled document for safe-keeping. There is one for each watch, and as objects it takes eight times as much."""
    return _encode(document._replace(entity=""))


@lru_cache(SHARED)
def unpack(kept: bytes, contact: JID) -> Document:
    """What `pack` has packed of a document about ``contact``."""
    return _decode(kept)._replace(entity=bare_uri_of(contact))


def stanzas_of(
    document: Document,
    previous: Document | None,
    contact: JID,
    watcher: JID,
    *,
    lang: str = "",
    profile: Profile = DEFAULT,
) -> list[Presence]:
    """Return what ``watcher`` has to hear about ``contact``, as `learnt` says."""
    kept = pack(previous) if previous is not None else None
    return [_addressed(told.stanza, watcher) for told in learnt(document, kept, contact, lang, profile).news]


def withdrawn(
    previous: Document | None, contact: JID, watcher: JID, note: str = "", *, profile: Profile = DEFAULT
) -> list[Presence]:
    """Return `unavailable` for every resource of ``contact`` that ``watcher`` believes to be available.

    For the end of a subscription that loses the authorization, or of a source that went away; ``note`` says why.
    """
    if previous is None:
        return []
    states = states_of(settle(previous, None), contact, "", profile)
    return [
        _addressed(unavailable(sender, note), watcher) for sender, stanza in states.items() if not stanza.type
    ]


def about(document: Document, contact: JID) -> bool:
    """Whether a document describes ``contact``; one that does not is somebody's attempt to spoof (RFC 8048 §6.3)."""
    entity = document.entity
    scheme, _, address = entity.partition(":")
    if scheme in _SCHEMES and address == contact.bare().quoted and _SAME.fullmatch(contact.local):
        return True
    if ":" not in entity:
        entity = f"sip:{entity}"  # COMPAT(aol): the entity comes without a scheme; since 2007
    try:
        return jid_of(SipUri.parse(entity)).bare() == contact.bare()
    except RemoteProtocolError:
        return False


# --- private ----------------------------------------------------------------------------------------------------------

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Document).decode

_SCHEMES = ("pres", "sip")
_SAME = re.compile(r"[a-z0-9._-]+")  # users who are called the same in both worlds


def _addressed(stanza: Presence, watcher: JID) -> Presence:
    return Presence(
        stanza.from_, watcher.bare(), "", stanza.type, stanza.lang, None,
        stanza.extensions, stanza.show, stanza.status, stanza.statuses, stanza.priority,
    )
