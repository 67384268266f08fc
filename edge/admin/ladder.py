"""The ladder: one arrow for each message that passes, SIP on the left of the edge, XMPP on the right.

A `edge.driver.Recorder` that shows what really goes over the links: methods, states, types, addressees and answers,
never what people say. ``twistd edge --ladder`` turns it on.

    contoso                                           edge                                           capulet
    |                                                  |<-- presence subscribe to romeo@sip.example -------|
    |<-- SUBSCRIBE sip:romeo@sip.example --------------|                                                   |
"""

from collections.abc import Callable, Iterable, Sequence

from lxml import etree

from edge.domains import Domain
from edge.gateway.effects import SipLink, XmppLink
from edge.partners import System
from edge.sip.message import Request, Response, parse_message
from edge.xmpp.stanzas import Iq, Message, Presence, Stanza

LANE = 50  # columns between two bars; with both lanes and the bars a ladder is 103 columns wide


class Ladder:
    """Writes lines with ``write``; keeps nothing. ``systems`` are those whose names head the columns."""

    def __init__(self, write: Callable[[str], None], systems: Sequence[System] = ()) -> None:
        self._write = write
        self._headed = False
        self._names = {name: system.name for system in systems for name in system.domains}
        self._sip = [system.name for system in systems if system.protocol == "sip"]
        self._xmpp = [system.name for system in systems if system.protocol == "xmpp"]

    def sip_in(self, link: SipLink, message: Request | Response) -> None:
        peer = ",".join(sorted(link.peer.systems)) or link.address
        self._left(peer, said(message), rightwards=True)

    def sip_out(self, peer: str, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        self._left(peer, said(parse_message(head, body)), rightwards=False)

    def xmpp_in(self, link: XmppLink, stanza: Stanza) -> None:
        name = {Message: "message", Presence: "presence", Iq: "iq"}[type(stanza)]
        show = stanza.show if isinstance(stanza, Presence) else ""
        condition = stanza.error.condition if stanza.error is not None else ""
        text = stanza_words(name, stanza.type, show, condition, str(stanza.to))
        self._right(",".join(sorted(link.peer.systems)), text, rightwards=False)

    def xmpp_out(self, sender: Domain, recipient: Domain, data: bytes) -> None:
        root = etree.fromstring(data)
        error = root.find("error")
        condition = "" if error is None else next((etree.QName(child).localname for child in error), "")
        text = stanza_words(root.tag, root.get("type", ""), root.findtext("show", ""), condition, root.get("to", ""))
        self._right(self._names.get(recipient, recipient), text, rightwards=True)

    def _left(self, peer: str, text: str, rightwards: bool) -> None:
        self._head()
        self._write(f"|{arrow(_with_name(peer, self._sip, text), rightwards)}|{' ' * LANE}|")

    def _right(self, peer: str, text: str, rightwards: bool) -> None:
        self._head()
        self._write(f"|{' ' * LANE}|{arrow(_with_name(peer, self._xmpp, text), rightwards)}|")

    def _head(self) -> None:
        if not self._headed:
            self._headed = True
            self._write(f"{_title(self._sip, 'SIP'):<{LANE - 1}}{'edge':^5}{_title(self._xmpp, 'XMPP'):>{LANE - 1}}")


def _title(names: Sequence[str], protocol: str) -> str:
    return names[0] if len(names) == 1 else protocol


def _with_name(peer: str, names: Iterable[str], text: str) -> str:
    """Where a column has several systems, or a stranger speaks, the arrow says whose it is."""
    return text if [peer] == list(names) else f"{peer or 'stranger'}: {text}"


def arrow(text: str, rightwards: bool, lane: int = LANE) -> str:
    """A line from bar to bar, with something that goes along it."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() else "?" for each in text)
    room = lane - 7
    if len(text) > room:
        text = f"{text[: room - 1]}…"
    return f"{f'--- {text} ':-<{lane - 1}}>" if rightwards else f"{f'<-- {text} ':-<{lane}}"


def said(message: Request | Response) -> str:
    """A SIP message in a few words. It may be malformed: only what has been checked or is ours is parsed here."""
    headers = message.headers
    if isinstance(message, Response):
        sequence = (headers.get("cseq") or "?").split()
        return f"{message.status} {message.reason} ({sequence[-1] if sequence else '?'})"
    if message.method != "NOTIFY":
        leaving = message.method == "SUBSCRIBE" and (headers.get("expires") or "").strip() == "0"
        return f"{message.method} {message.uri}" + (", Expires 0" if leaving else "")
    state, _, parameters = (headers.get("subscription-state") or "?").partition(";")
    reason = next((each.strip()[7:] for each in parameters.split(";") if each.strip().startswith("reason=")), "")
    body = headers.get("content-type") if message.body else None
    return f"NOTIFY {state.strip()}" + (f" ({reason})" if reason else "") + (f", {body}" if body else "")


def stanza_words(name: str, kind: str, show: str, condition: str, to: str) -> str:
    """A stanza in a few words; presence without a type is what it shows."""
    if name == "presence":
        kind = kind or show or "available"
    if name == "message" and kind == "normal":
        kind = ""
    words = [name, kind, f"({condition})" if condition else "", f"to {to}"]
    return " ".join(word for word in words if word)
