"""Instant messages as a Microsoft client has them: a window for each contact, and an INVITE session under it.

A text is written into the window. Where there is no session an INVITE brings it along, and unless the 200 claims it
there, it goes again as the first MESSAGE; then one MESSAGE at a time.
"""

import base64
import email
import random
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from tests.interop.lync_dialog import Dialog, Sent, Wires
from tests.interop.lync_link import Link
from tests.interop.lync_wire import Message, token
from tests.sip import microsoft_samples as ms

GONE = (408, 480, 481)  # answers that say that a session is no longer there
CROSSED_FOR = (0.1, 0.6)  # seconds until an INVITE that has crossed another is tried again
REPEATED_AFTER = (0.5, 1.0, 2.0, 4.0)  # seconds: when a 200 without ACK is sent again
TEXT = ("Content-Type", f"text/plain; charset=UTF-8;msgr={ms.decoration()}")
TAKEN = ("text/plain", "text/html", "text/rtf", "multipart/alternative")


@dataclass
class Habits:
    """How the client of a user behaves."""

    answers_after: float = 0.0  # seconds until an INVITE gets its 200
    takes_after: float = 0.0  # seconds until a text is shown, and answered
    invites_after: float = 0.0  # seconds that an INVITE takes on its way within the house
    acks_after: float = 0.0  # seconds until a 200 gets its ACK; the first MESSAGE does not wait for it
    shows_progress: bool = True  # sends 101 and 180
    claims_first: bool = True  # says that it has shown the text that came with the INVITE
    refuses_crossing: bool = True  # answers 488 while an INVITE of its own to the same contact is unanswered
    declines: int = 0  # answer every INVITE with this
    refuses: int = 0  # answer the next MESSAGE with this, and know nothing of the session any more if it means that
    media: str = "m=message 5060 sip null"  # what it offers
    answers_bye: bool = True
    expires: str = ""  # what it says of the time of a session that it is invited to
    rich: bool = False  # writes multipart/alternative where the other side takes it


class Person(Protocol):
    """What a window needs of the user before it."""

    uri: str
    contact: str
    epid: str
    habits: Habits
    wires: Wires

    def begin(self, method: str, to: str) -> list[tuple[str, str]]: ...


class Window:
    """What the user sees and writes. ``contact`` is "sip:juliet@capulet.example"."""

    def __init__(self, person: Person, contact: str) -> None:
        self.person, self.contact = person, contact
        self.lines: list[str] = []  # texts shown
        self.typing = ""  # "type" or "idle", as the other side said last
        self.told: list[tuple[float, str]] = []  # when the other side said so
        self.delivered: list[str] = []  # texts that were answered with 200
        self.undelivered: list[tuple[str, int]] = []  # texts that were not, and what came instead
        self.outbox: deque[str] = deque()
        self.session: Session | None = None
        self.invited = 0  # INVITEs that came
        self.refreshed = 0  # requests that keep a session going
        self.left = 0  # sessions that the other side has ended
        self.busy = False  # the first text of the outbox is under way
        self._tried = 0  # sessions that were lost with it

    def write(self, text: str) -> None:
        self.outbox.append(text)
        self.go()

    def go(self) -> None:
        if self.session is not None:
            self.session.pump()
        elif self.outbox and not self.busy:
            self.session = Session(self)
            self.session.invite(self.outbox[0])

    def type(self, status: str) -> None:
        if self.session is not None and self.session.up:
            self.session.dialog.request("INFO", [("Content-Type", "application/xml")], ms.typing(status), self._typed)

    def close(self) -> None:
        if self.session is not None:
            self.session.end()

    def forget(self) -> None:
        """Know nothing any more of the session, and tell nobody."""
        if self.session is not None:
            self.session.over()

    def restart(self) -> None:
        self.undelivered += [(text, 0) for text in self.outbox]
        self.outbox.clear()
        self.busy = False
        self.forget()

    def ended(self, session: "Session") -> None:
        if self.session is session:
            self.session, self.typing = None, ""

    def done(self, status: int) -> None:
        """The first text of the outbox has got its final answer."""
        text = self.outbox.popleft()
        self._tried = 0
        if status == 200:
            self.delivered.append(text)
        else:
            self.undelivered.append((text, status))

    def try_again(self, status: int) -> None:
        """The session was lost under the first text: once more in a new one."""
        self._tried += 1
        if self._tried > 1:
            self.done(status)
        self.go()

    def invitation(self, link: Link, request: Message) -> None:
        """Somebody wants to talk."""
        self.invited += 1
        wires, habits, current = self.person.wires, self.person.habits, self.session
        conversation = request.get("Ms-Conversation-ID")
        if not re.search(r"(?m)^m=(x-ms-)?message ", request.body) or "a=accept-types:" not in request.body:
            wires.fault(f"no offer of messages in\n{request}")
        if not conversation:
            wires.fault(f"no Ms-Conversation-ID in\n{request}")
        same = current is not None and current.conversation == conversation
        crossing = current is not None and current.state == "inviting" and habits.refuses_crossing
        if same or crossing:
            wires.respond(link, request, 488, [("Ms-client-diagnostics", ms.SAME_CONVERSATION)])
        elif habits.declines:
            wires.respond(link, request, habits.declines)
        else:
            Session(self).ring(link, request, conversation)

    def _typed(self, answer: Message) -> None:
        if answer.status in GONE:
            self.forget()


class Session:
    """One INVITE dialog: inviting or ringing, then up, then over."""

    def __init__(self, window: Window) -> None:
        self.window, self.person, self.wires = window, window.person, window.person.wires
        self.state = ""
        self.conversation = ""
        self.accepted = ""  # the accept-types of the other side
        self.dialog: Dialog
        self._sent: Sent
        self._invitation: tuple[Link, Message]
        self._asked = self._unwanted = False

    @property
    def up(self) -> bool:
        return self.state == "up"

    # as caller

    def invite(self, text: str) -> None:
        self.state, self.window.busy = "inviting", True
        self.conversation = base64.b64encode(bytes.fromhex(token(12))).decode() + "=="
        rows = self.person.begin("INVITE", self.window.contact)
        person, named = self.person, dict(rows)
        routes = [value for name, value in rows if name == "Record-Route"]
        call_id, local, remote = named["Call-ID"], named["From"], named["To"]
        self.dialog = Dialog(
            self.wires, self, contact=person.contact, call_id=call_id, local=local, remote=remote, ours=routes
        )
        self.dialog.cseq = 1
        rows += [("Supported", tag) for tag in (*ms.OPTIONS_OF_INVITE, "ms-text-format")]
        rows += [
            ("ms-text-format", ms.format_of("text/plain", text)),
            ("ms-im-format", ms.format_of("text/html", f"<DIV>{text}</DIV>")),
            ("ms-im-format", ms.format_of("text/rtf", ms.RTF)),
            ("Ms-Conversation-ID", self.conversation),
            ("Roster-Manager", person.uri),
            ("EndPoints", f"<{person.uri}>, <{self.window.contact}>"),
            ("ms-keep-alive", "UAC;hop-hop=yes"),
            ("Allow", ms.ALLOW),
            ("Content-Type", "application/sdp;call-type=im"),
        ]
        self.wires.later(person.habits.invites_after, lambda: self._invite(rows))

    def _invite(self, rows: list[tuple[str, str]]) -> None:
        body = ms.offer(media=self.person.habits.media)
        self._sent = self.wires.request("INVITE", self.window.contact, rows, body, self._answered)

    def _answered(self, answer: Message) -> None:
        if answer.status < 200:
            return
        self.window.busy = False
        if answer.status >= 300:
            self._failed(answer)
            return
        self.dialog.learn(answer)
        self.wires.later(self.person.habits.acks_after, self._acknowledge)
        medium = self.person.habits.media.partition(" null")[0].partition(" sip:")[0]
        if f"{medium} sip:" not in answer.body or answer.get("Content-Type") != "application/sdp":
            self.wires.fault(f"no answer to the offer in\n{answer}")
        self._opened(answer.body)
        if "ms-text-format" in answer.values("Supported"):
            self.window.done(200)
        if self._unwanted:  # another session has taken its place, or the window is closed
            self.end()
        self.window.go()

    def _acknowledge(self) -> None:
        self._sent.again = self.dialog.ack
        self.dialog.ack()

    def _failed(self, answer: Message) -> None:
        self.over()
        if self._unwanted:
            self.window.go()
        elif "52035" in answer.get("Ms-client-diagnostics"):
            self.wires.later(random.uniform(*CROSSED_FOR), self.window.go)
        else:
            self.window.done(answer.status)
            self.window.go()

    # as callee

    def ring(self, link: Link, request: Message, conversation: str) -> None:
        self.state, self.conversation = "ringing", conversation
        self._invitation = link, request
        self.dialog = Dialog.asked_by(
            self.wires, self, request, contact=self.person.contact, epid=self.person.epid
        )
        progress = "ms-diagnostics", ms.PROXIED.format(self.wires.name)
        self.wires.respond(link, request, 100)
        if self.person.habits.shows_progress:
            self.wires.respond(link, request, 101, [progress], to=self.dialog.local)
            self.wires.respond(link, request, 180, self.dialog.answer_rows, to=self.dialog.local)
        self.wires.later(self.person.habits.answers_after, lambda: self._accept(link, request))

    def cancelled(self) -> None:
        if self.state == "ringing":
            self.over()
            self.wires.respond(*self._invitation, 487, to=self.dialog.local)

    def _accept(self, link: Link, request: Message) -> None:
        if self.state != "ringing":
            return
        self.state = "answered"
        before, self.window.session = self.window.session, self
        rows = [*self.dialog.answer_rows, ("Allow", ms.ALLOW), ("Supported", "ms-sender")]
        first = re.search(r"ms-body\s*=\s*([\w+/=]+)", request.get("ms-text-format"))
        if first and self.person.habits.claims_first:
            self.window.lines.append(base64.b64decode(first[1]).decode())
            rows.append(("Supported", "ms-text-format"))
        rows += self._timer()
        rows.append(("Content-Type", "application/sdp"))
        media = f"m=message 5060 sip {self.person.uri}"
        self._say_yes(link, request, [*rows], ms.offer(media=media), 0)
        self.accepted = request.body
        if before is not None:
            before.end()

    def _say_yes(self, link: Link, request: Message, rows: list[tuple[str, str]], body: str, times: int) -> None:
        """Again and again until the ACK comes."""
        if self.state != "answered":
            return
        if times == len(REPEATED_AFTER):
            self.wires.fault(f"no ACK for the 200 to\n{request}")
            self.over()
            self.window.go()
            return
        self.wires.respond(link, request, 200, rows, body, to=self.dialog.local)
        self.wires.later(REPEATED_AFTER[times], lambda: self._say_yes(link, request, rows, body, times + 1))

    # both

    def pump(self) -> None:
        """Send the first text of the outbox, unless another is under way."""
        if not self.up or self.window.busy or not self.window.outbox:
            return
        text = self.window.outbox[0].replace("\n", "\r\n")
        self.window.busy = True
        rows, body = [TEXT], text
        if self.person.habits.rich and "multipart/alternative" in self.accepted:
            kind, body = ms.alternative(text)
            rows = [("Content-Type", kind)]
        self.dialog.request("MESSAGE", [*rows, ("Supported", "timer")], body, self._written)

    def end(self) -> None:
        if self.state == "inviting":
            self._unwanted = True
            self.window.ended(self)
        elif self.state in ("up", "answered"):
            rows = [("Ms-client-diagnostics", ms.USER_ENDED), ("ms-diagnostics", ms.USER_ENDED)]
            self.dialog.request("BYE", rows, "", lambda _: None)
            self.over()

    def over(self) -> None:
        self.state = "over"
        self.wires.drop(self.dialog)
        self.window.ended(self)

    def asked(self, link: Link, request: Message) -> None:
        if not self.dialog.accepts(link, request):
            return
        if request.method == "ACK":
            self._opened(self.accepted)
            self.pump()
        elif request.method == "MESSAGE":
            self._message(link, request)
        elif request.method == "INFO":
            status = re.search(r'<status\s+status="(\w+)"', request.body)
            if status is None:
                self.wires.fault(f"an INFO without status:\n{request}")
            else:
                self.window.typing = status[1]
                self.window.told.append((time.monotonic(), status[1]))
            self.wires.respond(link, request, 200)
        elif request.method == "UPDATE":
            if "timer" not in request.values("Supported") or not request.get("Session-Expires"):
                self.wires.fault(f"an UPDATE that refreshes nothing:\n{request}")
            self.window.refreshed += 1
            self.wires.respond(link, request, 200, [*self.dialog.answer_rows, *self._timer()])
        elif request.method == "BYE":
            self.window.left += 1
            if self.person.habits.answers_bye:
                self.wires.respond(link, request, 200)
            self.over()
            self.window.go()
        else:
            self.wires.respond(link, request, 405, [("Allow", ms.ALLOW)])

    def _timer(self) -> list[tuple[str, str]]:
        expires = self.person.habits.expires
        return [("Session-Expires", expires), ("Require", "timer")] if expires else []

    def _opened(self, description: str) -> None:
        if self.state in ("inviting", "answered"):
            self.state = "up"
            self.accepted = description

    def _written(self, answer: Message) -> None:
        if answer.status < 200:
            return
        self.window.busy = False
        if self.state == "over" and answer.status != 200:  # its end has come between
            self.window.try_again(answer.status)
        elif answer.status in GONE:
            self.over()
            self.window.try_again(answer.status)
        else:
            self.window.done(answer.status)
            self.window.go()

    def _message(self, link: Link, request: Message) -> None:
        kind = request.get("Content-Type").partition(";")[0].strip().lower()
        if self._asked:
            self.wires.fault(f"a MESSAGE before the last was answered:\n{request}")
        if kind not in TAKEN or not request.body:
            self.wires.fault(f"a MESSAGE that no client takes:\n{request}")
            self.wires.respond(link, request, 415 if request.body else 400)
            return
        if kind.startswith("text/") and "utf-8" not in request.get("Content-Type").lower():
            self.wires.fault(f"a MESSAGE without charset=UTF-8:\n{request}")
        self._asked = True
        self.wires.later(self.person.habits.takes_after, lambda: self._show(link, request))

    def _show(self, link: Link, request: Message) -> None:
        self._asked = False
        if self.state == "over":
            self.wires.respond(link, request, 481)
            return
        if refusal := self.person.habits.refuses:
            self.person.habits.refuses = 0
            self.wires.respond(link, request, refusal)
            if refusal in GONE:
                self.over()
            return
        self.window.lines.append(text_of(request))
        self.window.typing = ""
        self.wires.respond(link, request, 200)


def text_of(request: Message) -> str:
    """The plain part of it, with its lines as the user sees them."""
    head = f"Content-Type: {request.get('Content-Type')}\r\n\r\n"
    parts = email.message_from_string(head + request.body).walk()
    plain = next((str(part.get_payload()) for part in parts if part.get_content_type() == "text/plain"), request.body)
    return plain.replace("\r\n", "\n")
