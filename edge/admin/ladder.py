"""The ladder: one line for each message that passes, the SIP side on the left, the XMPP side on the right.

A `edge.driver.Recorder` that prints what really went over the links: start lines and stanza names, never a body.
``twistd edge --ladder`` turns it on.
"""

import re
from collections.abc import Callable

from edge.domains import Domain
from edge.gateway.effects import SipLink, XmppLink
from edge.sip.message import Request, Response
from edge.xmpp.stanzas import Iq, Message, Presence, Stanza

WIDTH = 46  # columns on each side of the edge

START = re.compile(rb"(?:SIP/2\.0 (\d{3} [^\r]*)|(\S+) (\S+) SIP/2\.0)\r\n")
SEQUENCE = re.compile(rb"\r\nCSeq: *\d+ ([A-Z]+)")
STATE = re.compile(rb"\r\nSubscription-State: *([^\r]*)", re.I)
STANZA = re.compile(rb"<(message|presence|iq)([^>]*)>")
ATTRIBUTE = re.compile(rb"""\b(type|to)=['"]([^'"]*)['"]""")


class Ladder:
    """Writes lines with ``write``; keeps nothing."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._headed = False

    def sip_in(self, link: SipLink, message: Request | Response) -> None:
        peer = ",".join(sorted(link.peer.systems)) or link.address
        if isinstance(message, Request):
            state = message.headers.get("subscription-state")
            text = f"{message.method} {message.uri}" + (f" [{state}]" if state else "")
        else:
            text = f"{message.status} {message.reason} ({message.cseq.method})"
        self._left(peer, text, "->")

    def sip_out(self, peer: str, data: bytes) -> None:
        start = START.match(data)
        if start is None:
            return
        sequence = SEQUENCE.search(data)
        if start[1]:
            text = f"{start[1].decode()} ({sequence[1].decode() if sequence else '?'})"
        else:
            state = STATE.search(data)
            text = f"{start[2].decode()} {start[3].decode()}" + (f" [{state[1].decode()}]" if state else "")
        self._left(peer, text, "<-")

    def xmpp_in(self, link: XmppLink, stanza: Stanza) -> None:
        peer = ",".join(sorted(link.peer.systems))
        name = {Message: "message", Presence: "presence", Iq: "iq"}[type(stanza)]
        kind = f" {stanza.type}" if stanza.type else ""
        self._right(peer, f"{name}{kind} from {stanza.from_}", "<-")

    def xmpp_out(self, sender: Domain, recipient: Domain, data: bytes) -> None:
        stanza = STANZA.search(data)
        if stanza is None:
            return
        attributes = dict(ATTRIBUTE.findall(stanza[2]))
        kind = f" {attributes[b'type'].decode()}" if b"type" in attributes else ""
        to = attributes.get(b"to", b"?").decode("utf-8", "replace")
        self._right(str(recipient), f"{stanza[1].decode()}{kind} to {to}", "->")

    def _head(self) -> None:
        if not self._headed:
            self._headed = True
            self._write(f"{'SIP side':<{WIDTH}} edge {'XMPP side':>{WIDTH}}")

    def _left(self, peer: str, text: str, arrow: str) -> None:
        self._head()
        room = WIDTH - len(peer) - 5
        self._write(f"{peer} {arrow if arrow == '<-' else '--'} {text:.{room}} {'->' if arrow == '->' else '--'}".ljust(WIDTH) + "  |")

    def _right(self, peer: str, text: str, arrow: str) -> None:
        self._head()
        self._write(" " * WIDTH + f"  | {'<-' if arrow == '<-' else '--'} {text} {'->' if arrow == '->' else '--'} {peer}")
