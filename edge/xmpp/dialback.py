"""Server dialback: keys, elements, and what becomes of a pair of domains on a stream that comes in (XEP-0220).

A server says in its ``result`` that it speaks for a domain, and gives a key. Whoever it says that to asks the server
that DNS names for the domain, by ``verify`` on a connection of its own, whether the key is its own. Keys are made as
XEP-0185 §2 has it, so that no server has to remember the ones it gave out.

`edge.xmpp.initiating`, `edge.xmpp.receiving` and `edge.xmpp.verifying` speak this, behind TLS only.
"""

from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from hmac import compare_digest, new

from edge.domains import Domain, domain, unicode
from edge.errors import RemoteProtocolError
from edge.machine import Table
from edge.xmpp.conditions import NS_STANZA_ERRORS
from edge.xmpp.document import NS_DIALBACK
from edge.xmpp.element import Element, escape, escape_attribute, legal

FEATURES = "urn:xmpp:features:dialback"
FEATURE = f"<dialback xmlns='{FEATURES}'><errors/></dialback>".encode()  # XEP-0220 §2.4.2
SECRET_BYTES = 32  # of randomness: as long as what the hash makes of it
MAX_KEY = 1024  # characters of a peer's key that are passed on; ours have 64
MAX_ASKED = 10  # pairs of one stream that wait for an answer; each costs us a connection
MAX_PAIRS = 500  # pairs that one stream may prove; hosting providers have that many domains on a server

# What goes wrong, as XEP-0220 §2.5 names it, with the type of the error.
CONDITIONS = {
    "forbidden": "auth",
    "item-not-found": "cancel",
    "not-acceptable": "cancel",
    "not-authorized": "auth",
    "policy-violation": "cancel",
    "remote-connection-failed": "cancel",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
}
PASSING = frozenset(  # those that may be over the next time
    ("remote-connection-failed", "remote-server-not-found", "remote-server-timeout", "resource-constraint")
)
VALID, INVALID = "valid", "invalid"  # the two answers that are no error


class Keys:
    """Makes and knows the keys of this process. ``secret`` is random, and nobody else's."""

    def __init__(self, secret: bytes) -> None:
        self._key = sha256(secret).hexdigest().encode()

    def key(self, receiving: Domain, originating: Domain, stream_id: str) -> str:
        """The key for a stream on which ``originating`` sends to ``receiving`` (XEP-0185 §2).

        The fields are apart: no domain holds a space.
        """
        return new(self._key, f"{receiving} {originating} {stream_id}".encode(), sha256).hexdigest()

    def made(self, key: str, receiving: Domain, originating: Domain, stream_id: str) -> bool:
        """True if the key is ours."""
        return compare_digest(key.encode(), self.key(receiving, originating, stream_id).encode())


@dataclass(frozen=True, slots=True)
class Dialback:
    """``<db:result/>`` or ``<db:verify/>``; without a ``type`` it asks, with one it answers."""

    name: str  # "result" | "verify"
    sender: Domain
    recipient: Domain
    key: str = ""
    id: str = ""
    type: str = ""  # "" | "valid" | "invalid" | "error"
    condition: str = ""  # of an error

    @property
    def answer(self) -> str:
        """What an answer says: "valid", "invalid" or the condition of an error."""
        return self.condition if self.type == "error" else self.type

    def to_bytes(self) -> bytes:
        given = (("from", unicode(self.sender)), ("to", unicode(self.recipient)), ("id", self.id), ("type", self.type))
        attributes = "".join(f" {name}='{escape_attribute(legal(value))}'" for name, value in given if value)
        content = escape(legal(self.key))
        if self.type == "error":
            kind = CONDITIONS[self.condition]
            content = f"<error type='{kind}'><{self.condition} xmlns='{NS_STANZA_ERRORS}'/></error>"
        return f"<db:{self.name}{attributes}>{content}</db:{self.name}>".encode()

    def answered(self, answer: str) -> "Dialback":
        """The answer to this: "valid", "invalid" or the condition of an error."""
        kind, condition = (answer, "") if answer in (VALID, INVALID) else ("error", answer)
        return Dialback(self.name, self.recipient, self.sender, "", self.id, kind, condition)

    def answers(self, question: "Dialback") -> bool:
        """True if this is the answer to ``question`` (XEP-0220 §2.1.1, §2.1.2): all of its fields fit.

        COMPAT(prosody): its answer to a result carries an ``id`` as well, which is not compared; since 0.9 or before.
        """
        return (
            bool(self.type)
            and (self.name, self.sender, self.recipient) == (question.name, question.recipient, question.sender)
            and (self.name == "result" or self.id == question.id)
        )


def read(element: Element) -> Dialback | None:
    """The dialback that ``element`` is; None if it is none, or lacks what every one has."""
    if element.namespace != NS_DIALBACK or element.name not in ("result", "verify"):
        return None
    attributes = element.attributes
    kind, id_ = attributes.get("type", ""), attributes.get("id", "")
    key = element.text.strip()
    try:
        sender, recipient = domain(attributes["from"]), domain(attributes["to"])
    except (KeyError, RemoteProtocolError):
        return None
    if len(key) > MAX_KEY or (element.name == "verify" and not id_) or (not kind and not key):
        return None
    condition = ""
    if kind == "error":
        error = next(element.elements(), None)
        named = [] if error is None else [each.name for each in error.elements() if each.name in CONDITIONS]
        condition = named[0] if named else "remote-server-timeout"
    elif kind not in ("", VALID, INVALID):
        return None
    return Dialback(element.name, sender, recipient, key, id_, kind, condition)


# --- one pair of domains on a stream that comes in ------------------------------------------------------------


class State(IntEnum):
    UNPROVED = 0
    ASKED = 1  # the authoritative server has been asked
    PROVED = 2


class Input(IntEnum):
    RESULT = 0  # the far end says that it speaks for the domain
    VALID = 1  # ours, and the next two: what the authoritative server says, or why it says nothing
    INVALID = 2
    ERROR = 3
    CERTIFICATE = 4  # ours: it is proved in another way


class Action(IntEnum):
    NOTHING = 0
    ASK = 1
    CONFIRM = 2
    DENY = 3
    COMPLAIN = 4


S, I, A = State, Input, Action  # noqa: E741 - the letter the literature uses

PAIR = Table(
    "pair of domains",
    State,
    Input,
    (S.UNPROVED, I.RESULT, S.ASKED, A.ASK),
    (S.ASKED, I.RESULT, S.ASKED, A.NOTHING),  # it is answered once
    (S.PROVED, I.RESULT, S.PROVED, A.CONFIRM),
    (S.ASKED, I.VALID, S.PROVED, A.CONFIRM),
    (S.ASKED, I.INVALID, S.UNPROVED, A.DENY),
    (S.ASKED, I.ERROR, S.UNPROVED, A.COMPLAIN),
    (S.UNPROVED, I.CERTIFICATE, S.PROVED, A.NOTHING),
    (S.ASKED, I.CERTIFICATE, S.PROVED, A.NOTHING),  # it is the better proof, whatever the answer will be
    (S.PROVED, I.CERTIFICATE, S.PROVED, A.NOTHING),
    (S.PROVED, I.VALID, S.PROVED, A.CONFIRM),
    (S.PROVED, I.INVALID, S.PROVED, A.DENY),
    (S.PROVED, I.ERROR, S.PROVED, A.COMPLAIN),
    illegal=[(S.UNPROVED, i) for i in (I.VALID, I.INVALID, I.ERROR)],
)


class Pairs:
    """Which pairs of domains (theirs, ours) one stream has proved, and which it waits for (XEP-0220 §2.6)."""

    def __init__(self) -> None:
        self.proved: set[tuple[Domain, Domain]] = set()  # between which stanzas may come in
        self._asked: set[tuple[Domain, Domain]] = set()

    @property
    def asked(self) -> int:
        """How many wait for an answer."""
        return len(self._asked)

    @property
    def full(self) -> bool:
        """True if nothing more can be taken on (XEP-0220 §2.5: ``resource-constraint``)."""
        return len(self.proved) + self.asked >= MAX_PAIRS or self.asked >= MAX_ASKED

    def step(self, pair: tuple[Domain, Domain], given: Input) -> Action:
        """What to do with ``pair``."""
        state = S.PROVED if pair in self.proved else S.ASKED if pair in self._asked else S.UNPROVED
        following, action = PAIR.step(state, given)
        if following is not state:
            self._asked.discard(pair)
            if following is S.PROVED:
                self.proved.add(pair)
            elif following is S.ASKED:
                self._asked.add(pair)
        return action
