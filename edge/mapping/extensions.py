"""What a message stanza says beside its text: chat states, receipts, markers, delays, addresses of files, encryption.

XEP-0085, XEP-0184, XEP-0333, XEP-0203, XEP-0066, XEP-0071, XEP-0380. One pass over the extensions of a stanza, and the
elements that say the same. Called by `edge.mapping.messages`.
"""

import re
from functools import lru_cache

from edge.bodies.html import MAX_LINK, link
from edge.bodies.xhtml import NS_XHTML_IM
from edge.mapping.dates import CACHE, stamp_of, time_of_stamp
from edge.mapping.invitations import NO_CALLS, NO_JOINING, NS_CALL, NS_CONFERENCE, NS_MUC_USER, inviter_of
from edge.mapping.said import Asked, Content, Receipt
from edge.xmpp.element import Element, escape_attribute
from edge.xmpp.jid import JID

NS_STATES = "http://jabber.org/protocol/chatstates"
NS_RECEIPTS = "urn:xmpp:receipts"
NS_MARKERS = "urn:xmpp:chat-markers:0"
NS_DELAY = "urn:xmpp:delay"
NS_OOB = "jabber:x:oob"
NS_HINTS = "urn:xmpp:hints"
NS_EME = "urn:xmpp:eme:0"

STATES = frozenset(("active", "composing", "paused", "inactive", "gone"))  # XEP-0085 §3

MAX_ID = 256  # characters of the id of a message that a receipt may name; longer ones are nobody's


class Extensions:
    """What the extensions of one stanza say. Of two that say the same the first counts."""

    state = ""
    request = markable = False
    delivered = displayed = ""  # ids of messages
    sent: float | None = None
    url = ""
    encrypted = ""  # what it is encrypted with, for people
    payload = False  # there is encrypted content, not only a key
    xhtml: Element | None = None
    inviter: JID | None = None  # who invites to a room, through it
    room = call = ""  # why an invitation to one is in vain

    def __init__(self, elements: tuple[Element, ...]) -> None:
        for element in elements:
            read = _READERS.get(element.namespace)
            if read is not None:
                read(self, element)

    def asked(self, id: str) -> Asked | None:
        """What the sender asks for (XEP-0184 §5, XEP-0333 §2); of a message without an id nothing can be told."""
        if not (self.request or self.markable) or not id or len(id) > MAX_ID or self.delivered:
            return None
        return Asked(id, self.request, False, self.markable)

    def receipt(self, thread: str) -> Receipt | None:
        """The receipt or marker that the stanza is."""
        if self.displayed:  # who has seen it has received it
            return Receipt(self.displayed, "displayed", thread)
        return Receipt(self.delivered, "delivered", thread) if self.delivered else None


def state_elements(state: str) -> tuple[Element, ...]:
    """A chat state on its own, which nobody is to keep (XEP-0334)."""
    return Element(state, NS_STATES), Element("no-store", NS_HINTS)


def receipt_elements(receipt: Receipt) -> tuple[Element, ...]:
    """A receipt (XEP-0184) or a marker (XEP-0333), to be kept with the conversation (XEP-0334)."""
    name, namespace = ("displayed", NS_MARKERS) if receipt.kind == "displayed" else ("received", NS_RECEIPTS)
    return Element(name, namespace, {"id": receipt.id}), Element("store", NS_HINTS)


def content_elements(content: Content, by: str) -> tuple[Element, ...]:
    """What stands beside a text: the requests for a receipt and a marker, a chat state, and when it was written.

    ``by`` is the domain that says so (XEP-0203 §2).
    """
    elements = []
    if content.asked is not None and content.asked.delivered:
        elements.append(Element("request", NS_RECEIPTS))
    if content.asked is not None and content.asked.displayed:
        elements.append(Element("markable", NS_MARKERS))
    if content.typing in STATES:
        elements.append(Element(content.typing, NS_STATES))
    if content.sent is not None:
        elements.append(Element("delay", NS_DELAY, {"from": by, "stamp": stamp_of(content.sent)}))
    return tuple(elements)


def state_text(state: str) -> str:
    """A chat state, one of `STATES`, beside a text, as markup."""
    return f"<{state} xmlns='{NS_STATES}'/>"


@lru_cache(CACHE)
def delay_text(by: str, sent: int) -> str:
    """When a text was written, in whole seconds, as markup."""
    return f"<delay xmlns='{NS_DELAY}' from='{escape_attribute(by)}' stamp='{stamp_of(sent)}'/>"


# --- private ----------------------------------------------------------------------------------------------------------


def _state(found: Extensions, element: Element) -> None:
    if element.name in STATES and not found.state:
        found.state = element.name


def _receipt(found: Extensions, element: Element) -> None:
    if element.name == "request":
        found.request = True
    elif element.name == "received":
        found.delivered = found.delivered or _id(element)


def _marker(found: Extensions, element: Element) -> None:
    if element.name == "markable":
        found.markable = True
    elif element.name in ("displayed", "acknowledged"):
        found.displayed = found.displayed or _id(element)
    elif element.name == "received":
        found.delivered = found.delivered or _id(element)


def _id(element: Element) -> str:
    identifier = element.attributes.get("id", "")
    return identifier if len(identifier) <= MAX_ID else ""


def _delay(found: Extensions, element: Element) -> None:
    """Each server on the way may add one (XEP-0203 §2): the earliest is when the message was written."""
    if element.name == "delay":
        sent = time_of_stamp(element.attributes.get("stamp", ""))
        if sent is not None and (found.sent is None or sent < found.sent):
            found.sent = sent


def _oob(found: Extensions, element: Element) -> None:
    url = element.child("url", NS_OOB)
    if element.name == "x" and url is not None and not found.url:
        found.url = link(url.text) or _address(url.text)


def _address(value: str) -> str:
    """What nobody should follow a link to may still be read: all but what is a program, or a file in itself."""
    value = value.strip()
    return value if len(value) <= MAX_LINK and _ADDRESS.fullmatch(value) is not None else ""


def _eme(found: Extensions, element: Element) -> None:
    """XEP-0380 §3: which encryption it is, told to those who do not know it."""
    if element.name == "encryption":
        namespace = element.attributes.get("namespace", "")
        name = "".join(filter(str.isprintable, element.attributes.get("name", "")))[:40]
        found.encrypted = _ENCRYPTIONS.get(namespace, name or "an unknown encryption")
        found.payload = found.payload or namespace not in _OMEMO


def _encrypted(found: Extensions, element: Element) -> None:
    """XEP-0384 §5: without a payload it carries only keys, and is for nobody to read."""
    if element.name == "encrypted":
        found.encrypted = found.encrypted or _ENCRYPTIONS[element.namespace]
        found.payload = found.payload or element.child("payload", element.namespace) is not None


def _openpgp(found: Extensions, element: Element) -> None:
    """XEP-0373, and XEP-0027 before it."""
    if element.name not in ("openpgp", "x"):
        return
    found.encrypted = found.encrypted or _ENCRYPTIONS[element.namespace]
    found.payload = True


def _xhtml(found: Extensions, element: Element) -> None:
    if element.name == "html" and found.xhtml is None:
        found.xhtml = element


def _muc(found: Extensions, element: Element) -> None:
    """What else a room says of itself, as that somebody has declined, is nothing for SIP."""
    found.inviter = found.inviter or inviter_of(element)
    if element.child("invite", NS_MUC_USER) is not None:
        found.room = NO_JOINING


def _conference(found: Extensions, element: Element) -> None:
    if element.name == "x":
        found.room = NO_JOINING


def _call(found: Extensions, element: Element) -> None:
    """Only that somebody calls is answered: to that the others are answers themselves (XEP-0353)."""
    if element.name == "propose":
        found.call = NO_CALLS


_ADDRESS = re.compile(r"(?!(?i:javascript|vbscript|data):)[A-Za-z][A-Za-z0-9+.-]{1,30}:[!#-;=?-_a-z~]+")
_OMEMO = ("eu.siacs.conversations.axolotl", "urn:xmpp:omemo:1", "urn:xmpp:omemo:2")
_OPENPGP = ("urn:xmpp:openpgp:0", "jabber:x:encrypted")
_ENCRYPTIONS = {
    **dict.fromkeys(_OMEMO, "OMEMO"),
    **dict.fromkeys(_OPENPGP, "OpenPGP"),
    "urn:xmpp:otr:0": "OTR",
}
_READERS = {
    NS_STATES: _state,
    NS_RECEIPTS: _receipt,
    NS_MARKERS: _marker,
    NS_DELAY: _delay,
    NS_OOB: _oob,
    NS_EME: _eme,
    NS_XHTML_IM: _xhtml,
    NS_MUC_USER: _muc,
    NS_CONFERENCE: _conference,
    NS_CALL: _call,
    **dict.fromkeys(_OMEMO, _encrypted),
    **dict.fromkeys(_OPENPGP, _openpgp),
}
