"""One trace: which of all messages belong to it, and what is kept of each.

Pure: it is told of everything with the time of day (`edge.admin.traces`), and keeps values for JSON. What people say is
hidden in all of it, unless the trace was begun with bodies (`edge.admin.hiding`).
"""

from collections.abc import Iterable
from typing import Any

from lxml import etree

from edge.admin.hiding import Hiding
from edge.admin.ladder import said, stanza_words
from edge.admin.outcomes import Outcomes, speaks
from edge.admin.shown import printable
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Report
from edge.mapping.addresses import jid_of
from edge.sip.message import Request, Response
from edge.sip.uri import SipUri
from edge.xmpp.conditions import NS_STANZA_ERRORS
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq, Message, Presence

MOST_EVENTS = 2000  # of one trace; an hour of two who talk a lot
MOST_BYTES = 4 << 20  # of the messages that one trace keeps
LONGEST_FACT = 200  # characters

Event = dict[str, Any]


class Trace:
    """Of one user or domain, or of two and what is between them. When there is no more room it is over."""

    def __init__(self, id: str, wanted: tuple[JID, ...], ends: float, bodies: bool = False) -> None:
        self.id = id
        self.wanted = wanted
        self.ends = ends
        self.bodies = bodies
        self.ended = ""  # why it is over
        self.events: list[Event] = []
        self.hosts: set[Domain] = set()  # of those who speak or are spoken to
        self._outcomes = Outcomes()
        self._hiding = Hiding(bodies)
        self._room = MOST_BYTES
        self._calls: set[str] = set()
        self._ids: set[str] = set()

    @property
    def verdict(self) -> str:
        """What became of the messages."""
        return self._outcomes.verdict or ("no message passed" if self.events else "nothing passed")

    def sip(self, at: float, way: str, system: str, message: Request | Response) -> None:
        """A SIP message goes "in" or "out"."""
        if self.ended:
            return
        call = message.headers.get("call-id") or ""
        new = not call or call not in self._calls
        if new:
            parties = _parties(message) if isinstance(message, Request) else []
            if not self._is_between(parties):
                return
            self._calls.add(call)
            self.hosts.update(each.host for each in parties)
        self._outcomes.sip(message, way == "out")
        facts = [f"Call-ID {call}", f"from {_uri(message, 'from')} to {_uri(message, 'to')}"] if new else []
        for name in ("warning", "ms-diagnostics-public", "reason"):
            if isinstance(message, Response) and (value := message.headers.get(name)):
                facts.append(f"{name.capitalize() if '-' not in name else name}: {value}")
                break
        what = said(message)
        if isinstance(message, Request) and message.method == "MESSAGE":
            what = f"MESSAGE {len(message.body)} B"
        body = ""
        if self.bodies:
            kind = (message.headers.get("content-type") or "text/plain").partition(";")[0].strip().lower()
            body = message.body.decode("utf-8", "replace") if kind.startswith("text/") or speaks(message) else ""
        self._keep(at, "sip", way, system, what, facts, self._hiding.sip(message), body)

    def stanza(self, at: float, way: str, system: str, root: etree._Element) -> None:
        """A stanza goes "in" or "out"; ``root`` is the trace's own."""
        if self.ended:
            return
        id, kind, to = root.get("id", ""), root.get("type", ""), root.get("to", "")
        parties = [jid for text in (root.get("from", ""), to) if (jid := _jid(text)) is not None]
        if not self._is_between(parties) and not (id in self._ids and self._is_from_the_host(parties)):
            return
        self.hosts.update(each.host for each in parties)
        if id:
            self._ids.add(id)
        name = etree.QName(root).localname
        error = next((each for each in root if etree.QName(each).localname == "error"), None)
        condition = text = ""
        for each in error if error is not None else ():
            tag = etree.QName(each)
            if tag.namespace == NS_STANZA_ERRORS and tag.localname != "text":
                condition = condition or tag.localname
        body = next((each.text or "" for each in root if etree.QName(each).localname == "body"), "")
        if way == "out":
            self._outcomes.stanza(name, id, condition)
        wire = self._hiding.stanza(root)
        if error is not None:  # hidden by now, if somebody else has written it
            text = next((each.text or "" for each in error if etree.QName(each).localname == "text"), "")
        what = stanza_words(name, kind, root.findtext("show", ""), condition, "")[: -len(" to ")]
        if name == "message" and condition == "":
            what = f"message {len(body.encode())} B" if body else "message"
        facts = [f"id={id}" if id else "", f"type={kind}" if kind and name != "presence" else "",
                 f"to {to}", f'"{text}"' if text else ""]
        self._keep(at, "xmpp", way, system, what, facts, wire, body if self.bodies else "")

    def report(self, at: float, report: Report) -> None:
        """What the gateway says of one of these."""
        if self.ended or not self._is_about(report.about):
            return
        self._outcomes.report(report)
        code = str(report.code) if report.code is not None else ""
        sentence = report.code.sentence if report.code is not None else ""
        system = str(report.fields.get("partner") or "")
        self._keep(at, "edge", "", system, f"{report.event} {code}".strip(), [sentence], "", "")

    def summary(self, at: float) -> Event:
        """The whole of it but its events."""
        return {
            "id": self.id, "addresses": [str(each) for each in self.wanted], "ends": self.ends, "bodies": self.bodies,
            "now": at, "ended": self.ended, "verdict": self.verdict, "failed": self._outcomes.failed,
            "count": len(self.events),
        }

    # --- private --------------------------------------------------------------------------------------

    def _keep(
        self, at: float, side: str, way: str, system: str, what: str, facts: list[str], wire: str, body: str
    ) -> None:
        self._room -= len(wire) + len(body)
        if self._room < 0 or len(self.events) >= MOST_EVENTS:
            self.ended = "it was full"
            return
        self.events.append({
            "n": len(self.events) + 1, "at": round(at, 3), "side": side, "way": way, "system": system,
            "what": printable(what), "facts": [printable(fact[:LONGEST_FACT]) for fact in facts if fact],
            "body": body, "wire": wire,
        })

    def _is_between(self, parties: Iterable[JID]) -> bool:
        """Whether each who is wanted is one of these."""
        found = list(parties)
        return all(any(_fits(wanted, each) for each in found) for wanted in self.wanted)

    def _is_from_the_host(self, parties: Iterable[JID]) -> bool:
        """Whether this is between the one and the server of the other: it answers what the two have said."""
        hosts = {each.host for each in parties}
        return all(wanted.host in hosts for wanted in self.wanted) and any(
            _fits(wanted, each) for wanted in self.wanted for each in parties
        )

    def _is_about(self, about: object) -> bool:
        if isinstance(about, Request):
            return about.headers.get("call-id") in self._calls or self._is_between(_parties(about))
        if isinstance(about, Message | Presence | Iq):
            about = about.from_, about.to
        return isinstance(about, tuple) and self._is_between(each for each in about if isinstance(each, JID))


# -- private ---------------------------------------------------------------------------------------------------------


def _fits(wanted: JID, party: JID) -> bool:
    """Whether it is this user, or somebody of this domain."""
    if not wanted.local:
        return party.host == wanted.host
    return party.local == wanted.local and party.host == wanted.host


def _parties(request: Request) -> list[JID]:
    """Who speaks and to whom, as far as that can be read."""
    found = []
    for uri in (_uri(request, "from"), _uri(request, "to"), request.uri):
        try:
            found.append(jid_of(SipUri.parse(uri)))
        except RemoteProtocolError:
            continue
    return found


def _uri(message: Request | Response, role: str) -> str:
    try:
        return message.from_.uri if role == "from" else message.to.uri
    except RemoteProtocolError:
        return ""


def _jid(text: str) -> JID | None:
    try:
        return JID.parse(text)
    except RemoteProtocolError:
        return None
