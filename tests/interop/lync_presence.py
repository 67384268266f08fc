"""Presence as Microsoft clients and servers have it: a SUBSCRIBE for one contact, and documents of one tuple.

Of a document only what their parsers read is read: the first tuple, its basic status, and an activity inside the
status in the namespace of the drafts, of which they know busy and away.
"""

from typing import Protocol
from xml.etree import ElementTree

from tests.interop.lync_dialog import NO_DIALOG, Dialog, Wires
from tests.interop.lync_link import Link
from tests.interop.lync_wire import Message
from tests.sip import microsoft_samples as ms

GRANTED = 28367  # seconds, where a SUBSCRIBE says nothing
DRAFT = "{urn:ietf:params:xml:ns:pidf:status:rpid-status}"
PIDF = "{urn:ietf:params:xml:ns:pidf}"
CIPID = "{urn:ietf:params:xml:ns:pidf:cipid}"
NOTIFICATIONS = ("NOTIFY", "BENOTIFY")


class Person(Protocol):
    """What presence needs of a user."""

    uri: str
    contact: str
    epid: str
    name: str
    activity: str
    wires: Wires
    watchers: list["Watcher"]

    def begin(self, method: str, to: str) -> list[tuple[str, str]]: ...


class Watch:
    """A subscription of the user's. `activity` is online, busy, away, offline, or "" while nothing is known."""

    def __init__(self, person: Person, contact: str, *, old: bool = False) -> None:
        self.person, self.contact = person, contact
        self._old = old  # as in the days of Live Communications Server
        self.activity = ""
        self.name = ""
        self.documents: list[str] = []
        self.status = 0  # of the last answer to a SUBSCRIBE
        self.granted = 0  # seconds
        self.ended = ""  # the Subscription-State that ended it
        self.dialog: Dialog

    def start(self) -> None:
        rows = self.person.begin("SUBSCRIBE", self.contact)
        named = dict(rows)
        self.dialog = Dialog(
            self.person.wires,
            self,
            contact=self.person.contact,
            call_id=named["Call-ID"],
            local=named["From"],
            remote=named["To"],
            ours=[value for name, value in rows if name == "Record-Route"],
        )
        self.dialog.cseq = 1
        rows += self._offers()
        self.person.wires.request("SUBSCRIBE", self.contact, rows, self._body(), self._answered)

    def refresh(self) -> None:
        self.status = 0
        self.dialog.request("SUBSCRIBE", self._offers(), self._body(), self._refreshed)

    def stop(self) -> None:
        self.status = 0
        self.dialog.request("SUBSCRIBE", [("Event", "presence"), ("Expires", "0")], "", self._refreshed)

    def asked(self, link: Link, request: Message) -> None:
        wires = self.person.wires
        if request.method not in NOTIFICATIONS:
            wires.respond(link, request, 405, [("Allow", ms.ALLOW)])
            return
        if not self.dialog.accepts(link, request):
            return
        if request.get("Event") != "presence":
            wires.fault(f"a notification of nothing that is known:\n{request}")
        if request.method == "NOTIFY":
            wires.respond(link, request, 200)
        self._read(request)

    def _body(self) -> str:
        return "" if self._old else ms.one_contact(self.contact)

    def _offers(self) -> list[tuple[str, str]]:
        return [
            ("Event", "presence"),
            ("Accept", ms.ACCEPT_OF_LCS if self._old else ms.ACCEPT_OF_SUBSCRIBE),
            *([] if self._old else [("Supported", "com.microsoft.autoextend"), ("Content-Type", ms.LIST_TYPE)]),
            ("Supported", "ms-benotify"),
            ("Proxy-Require", "ms-benotify"),
            ("Supported", "ms-piggyback-first-notify"),
        ]

    def _answered(self, answer: Message) -> None:
        if answer.status == 200:
            self.dialog.learn(answer)
        self._refreshed(answer)

    def _refreshed(self, answer: Message) -> None:
        if answer.status < 200:
            return
        self.status = answer.status
        if answer.status < 300 and not answer.get("Expires"):
            self.person.wires.fault(f"no Expires in\n{answer}")
        if answer.status != 200:
            self.person.wires.drop(self.dialog)
            return
        self.granted = int(answer.get("Expires") or 0)
        if answer.get("ms-piggyback-cseq"):
            self._read(answer)

    def _read(self, message: Message) -> None:
        state = message.get("Subscription-State")
        if state.startswith("terminated"):
            self.ended = state
            self.person.wires.drop(self.dialog)
        if message.body:
            self.documents.append(message.body)
            self._understand(ElementTree.fromstring(message.body.encode()))

    def _understand(self, presence: ElementTree.Element) -> None:
        status = presence.find(f"{PIDF}tuple/{PIDF}status")
        if status is None:
            self.activity = "offline"
            return
        basic = status.findtext(f"{PIDF}basic", "").strip().lower()
        doing = status.findtext(f"{DRAFT}activities/{DRAFT}activity", "").strip().lower()
        self.activity = "offline" if basic != "open" else doing if doing in ("busy", "away") else "online"
        self.name = presence.findtext(f"{CIPID}display-name", self.name)


class Watcher:
    """Somebody's subscription to a user. Every change of the user's goes there in a NOTIFY."""

    def __init__(self, person: Person, link: Link, request: Message) -> None:
        self.person = person
        self.told: list[str] = []  # activities that were answered with 200
        self.refreshed = 0
        if request.get("Event").partition(";")[0] != "presence":
            person.wires.respond(link, request, 489, [("Allow-Events", "presence")])
            return
        if ms.PIDF_TYPE not in request.values("Accept"):
            person.wires.respond(link, request, 406)
            return
        self.dialog = Dialog.asked_by(person.wires, self, request, contact=person.contact, epid=person.epid)
        person.watchers.append(self)
        self._grant(link, request)

    def asked(self, link: Link, request: Message) -> None:
        if request.method != "SUBSCRIBE":
            self.person.wires.respond(link, request, 405, [("Allow", ms.ALLOW)])
        elif self.dialog.accepts(link, request):
            self.refreshed += 1
            self._grant(link, request)

    def tell(self, left: int = 0) -> None:
        state = f"active;expires={left or self._expires}" if self in self.person.watchers else "terminated;expires=0"
        rows = [("Event", "presence"), ("Subscription-State", state), ("Content-Type", ms.PIDF_TYPE)]
        activity = self.person.activity

        def answered(answer: Message) -> None:
            if answer.status == 200:
                self.told.append(activity)
            elif answer.status > 200:
                self._gone()

        document = ms.document(self.person.uri, activity, self.person.name)
        self.dialog.request("NOTIFY", rows, document, answered)

    def _grant(self, link: Link, request: Message) -> None:
        self._expires = int(request.get("Expires") or GRANTED)
        state = f"active;expires={self._expires}"
        rows = [("Expires", str(self._expires)), ("Event", "presence"), ("subscription-state", state)]
        if not self._expires:
            self._gone(keep=True)
        self.person.wires.respond(link, request, 200, [*self.dialog.answer_rows, *rows], to=self.dialog.local)
        self.tell()

    def _gone(self, *, keep: bool = False) -> None:
        if self in self.person.watchers:
            self.person.watchers.remove(self)
        if not keep:
            self.person.wires.drop(self.dialog)

    @staticmethod
    def refuse(wires: Wires, link: Link, request: Message) -> None:
        """Say that there is no such subscription."""
        wires.respond(link, request, 481, [("ms-diagnostics-public", NO_DIALOG)])
