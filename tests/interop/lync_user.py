"""A user of a Microsoft edge with one client: what a script tells him to do, and what he sees."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.interop.lync_dialog import Sent
from tests.interop.lync_im import Habits, Window
from tests.interop.lync_link import Link
from tests.interop.lync_presence import Watch, Watcher
from tests.interop.lync_wire import Message, Rows, plain, token
from tests.interop.process import wait_until
from tests.sip import microsoft_samples as ms

if TYPE_CHECKING:
    from tests.interop.lync import LyncEdge

WITHIN = 40.0  # seconds for whatever must come


class LyncUser:
    """``uri`` is "sip:alice@contoso.example", ``name`` what others see."""

    def __init__(self, wires: "LyncEdge", uri: str, name: str) -> None:
        self.wires, self.uri, self.name = wires, uri, name
        self.epid = token(5)
        self.contact = ms.gruu(uri, ms.signature(uri, 22) + "AA")
        self.habits = Habits()
        self.activity = "online"
        self.windows: dict[str, Window] = {}
        self.watches: dict[str, Watch] = {}
        self.watchers: list[Watcher] = []
        self._read: dict[str, int] = {}

    # messages

    def write(self, contact: str, *texts: str) -> None:
        for text in texts:
            self.wires.do(lambda text=text: self.window(contact).write(text))

    def reads(self, contact: str, *texts: str, seconds: float = WITHIN) -> None:
        """The next lines in the window are these."""
        start = self._read.get(contact, 0)
        self._read[contact] = end = start + len(texts)
        lines = self.window(contact).lines
        self._wait(lambda: len(lines) >= end, lambda: f"{texts} in the window, but {lines[start:]}", seconds)
        assert lines[start:end] == list(texts), lines

    def reads_no_more(self, contact: str) -> None:
        assert self.window(contact).lines[self._read.get(contact, 0) :] == []

    def has_delivered(self, contact: str, *texts: str, seconds: float = WITHIN) -> None:
        """All these were answered with 200, and no other."""
        window = self.window(contact)
        self._wait(
            lambda: len(window.delivered) + len(window.undelivered) >= len(texts),
            lambda: f"{texts} delivered, only {window.delivered}; lost {window.undelivered}",
            seconds,
        )
        assert (window.delivered, window.undelivered) == (list(texts), [])

    def is_told_of_failure(self, contact: str, text: str, seconds: float = WITHIN) -> int:
        """The status that the text got; it is taken out of what the user was told."""
        lost = self.window(contact).undelivered
        self._wait(lambda: any(each == text for each, _ in lost), lambda: f"failure of {text!r}: {lost}", seconds)
        found = next(each for each in lost if each[0] == text)
        lost.remove(found)
        return found[1]

    def types(self, contact: str, status: str = "type") -> None:
        self.wires.do(lambda: self.window(contact).type(status))

    def sees_typing(self, contact: str, status: str = "type", seconds: float = WITHIN) -> None:
        window = self.window(contact)
        self._wait(lambda: window.typing == status, lambda: f"typing {status!r} but {window.told}", seconds)

    def closes(self, contact: str) -> None:
        self.wires.do(lambda: self.window(contact).close())

    def forgets(self, contact: str) -> None:
        """The client knows nothing any more of the session, as after a crash."""
        self.wires.do(lambda: self.window(contact).forget())

    def has_session(self, contact: str, seconds: float = WITHIN) -> None:
        window = self.window(contact)
        self._wait(lambda: window.session is not None and window.session.up, lambda: "a session", seconds)

    def has_no_session(self, contact: str, seconds: float = WITHIN) -> None:
        window = self.window(contact)
        self._wait(lambda: window.session is None, lambda: "the end of the session", seconds)

    def window(self, contact: str) -> Window:
        return self.windows.setdefault(contact, Window(self, contact))

    # presence

    def subscribes(self, contact: str, *, old: bool = False, seconds: float = WITHIN) -> Watch:
        """Subscribe to a contact and wait for the answer."""
        watch = self.watches[contact] = Watch(self, contact, old=old)
        self.wires.do(watch.start)
        self._wait(lambda: watch.status > 0, lambda: f"an answer to the SUBSCRIBE for {contact}", seconds)
        return watch

    def sees(self, contact: str, activity: str, seconds: float = WITHIN) -> None:
        watch = self.watches[contact]
        self._wait(
            lambda: watch.activity == activity, lambda: f"{contact} {activity}, but {watch.documents}", seconds
        )

    def shows(self, activity: str) -> None:
        def change() -> None:
            self.activity = activity
            for watcher in list(self.watchers):
                watcher.tell()

        self.wires.do(change)

    # anything

    def asks(
        self, method: str, contact: str, rows: Rows = (), body: str = "", *, within: bool = False
    ) -> tuple[Message, Sequence[int]]:
        """Send a request, ``within`` the session with the contact or outside; returns its final answer."""
        final: list[Message] = []
        sent: list[Sent] = []

        def answered(answer: Message) -> None:
            if answer.status >= 200:
                final.append(answer)

        def send() -> None:
            session = self.window(contact).session
            if within:
                assert session is not None, "there is no session"
                session.dialog.request(method, rows, body, answered)
            else:
                sent.append(self.wires.request(method, contact, [*self.begin(method, contact), *rows], body, answered))

        self.wires.do(send)
        self._wait(lambda: bool(final), lambda: f"an answer to {method}", 40.0)
        return final[0], sent[0].progress if sent else ()

    # for the edge, in its thread

    def begin(self, method: str, to: str) -> list[tuple[str, str]]:
        """What a request outside a dialog starts with."""
        return [
            *(("Record-Route", each) for each in self.wires.routes()),
            ("From", f'"{self.name}" <{self.uri}>;tag={token(5)};epid={self.epid}'),
            ("To", f"<{to}>"),
            ("Call-ID", token(16)),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<{self.contact}>"),
        ]

    def asked_first(self, link: Link, request: Message) -> None:
        """A request outside any dialog."""
        if request.method == "INVITE":
            self.window(plain(request.get("From"))).invitation(link, request)
        elif request.method == "SUBSCRIBE":
            Watcher(self, link, request)
        else:
            self.wires.fault(f"nothing that a client takes outside a session:\n{request}")
            self.wires.respond(link, request, 405, [("Allow", ms.ALLOW)])

    def restart(self) -> None:
        for window in self.windows.values():
            window.restart()
        self.watchers.clear()

    def _wait(self, true: Callable[[], bool], what: Callable[[], str], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        try:
            wait_until(true, "", max(deadline - time.monotonic(), 0))
        except AssertionError:
            faults = "\n\n".join(self.wires.faults)
            raise AssertionError(f"{self.uri}: not within {seconds} s: {what()}\n{faults}") from None
