"""A dialog as a Microsoft edge keeps it: strict about what comes, one request at a time in what goes.

A request must bring the Route set and the Request-URI byte for byte as they were given out, and a CSeq above the last;
on which connection it comes does not matter.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.interop.lync_link import Link
from tests.interop.lync_wire import Message, Rows, parameter, token, uri_in

Answered = Callable[[Message], None]

INVITED = 1  # the CSeq of every INVITE of ours
ROUTE_SET = '1004;reason="Route set is no longer valid";source="{}"'
NO_DIALOG = '2014;reason="The dialog does not exist"'


@dataclass(eq=False)
class Sent:
    """A request of ours and what is to be done with its answers. ``vias`` are those it was sent with."""

    method: str
    uri: str
    rows: list[tuple[str, str]]
    body: str
    answered: Answered
    vias: list[str]
    link: Link | None = None
    done: bool = False
    again: Callable[[], None] | None = None  # what a repeated 2xx to an INVITE calls for
    progress: list[int] = field(default_factory=list)

    @property
    def branch(self) -> str:
        return parameter(self.vias[0], "branch")

    def get(self, name: str) -> str:
        return next(value for key, value in self.rows if key == name)

    def lines(self, name: str) -> list[str]:
        return [value for key, value in self.rows if key == name]


class Wires(Protocol):
    """What dialogs and those who use them need of the edge."""

    name: str

    def request(
        self, method: str, uri: str, rows: Rows, body: str, answered: Answered, link: Link | None = None
    ) -> Sent: ...
    def respond(
        self, link: Link, request: Message, status: int, rows: Rows = (), body: str = "", to: str = ""
    ) -> None: ...
    def keep(self, dialog: "Dialog") -> None: ...
    def drop(self, dialog: "Dialog") -> None: ...
    def routes(self) -> list[str]: ...
    def later(self, seconds: float, call: Callable[[], None]) -> None: ...
    def fault(self, text: str) -> None: ...


class Asked(Protocol):
    """Who a dialog belongs to."""

    def asked(self, link: Link, request: Message) -> None: ...


class Dialog:
    """``local`` and ``remote`` are the whole values of From and To; ``ours`` are the routes that we gave out."""

    def __init__(
        self, wires: Wires, owner: Asked, *, contact: str, call_id: str, local: str, remote: str, ours: list[str]
    ) -> None:
        self.wires, self.owner = wires, owner
        self.contact, self.call_id = contact, call_id
        self.local, self.remote = local, remote
        self.target = ""
        self.theirs: list[str] = []  # the routes that the other side gave out
        self.ours = ours
        self.cseq = 0
        self.heard = 0  # the last CSeq of the other side
        self.link: Link | None = None  # only for what must not overtake an ACK
        self._queue: deque[tuple[str, Rows, str, Answered]] = deque()
        self._busy = False
        wires.keep(self)

    @classmethod
    def asked_by(cls, wires: Wires, owner: Asked, request: Message, *, contact: str, epid: str) -> "Dialog":
        """The dialog that a request without a tag in To asks for."""
        local = f"{request.get('To')};tag={token(5)};epid={epid}"
        dialog = cls(
            wires,
            owner,
            contact=contact,
            call_id=request.get("Call-ID"),
            local=local,
            remote=request.get("From"),
            ours=wires.routes(),
        )
        dialog.target = uri_in(request.get("Contact"))
        dialog.theirs = request.values("Record-Route")
        dialog.heard = request.cseq[0]
        return dialog

    @property
    def tag(self) -> str:
        return parameter(self.local, "tag")

    @property
    def answer_rows(self) -> list[tuple[str, str]]:
        """What an answer that makes or refreshes the dialog needs; routes from the inner hop to the outer."""
        routes = [*reversed(self.ours), *self.theirs]
        return [("Record-Route", each) for each in routes] + [("Contact", f"<{self.contact}>")]

    def learn(self, answer: Message) -> None:
        """Take what the answer to the request that opened the dialog says."""
        given = answer.values("Record-Route")
        if given[len(given) - len(self.ours) :] != self.ours:
            self.wires.fault(f"Record-Route changed in\n{answer}\nshould end with {self.ours}")
        if not answer.get("Contact"):
            self.wires.fault(f"no Contact in\n{answer}")
        self.remote = answer.get("To")
        self.target = uri_in(answer.get("Contact"))
        self.theirs = given[: len(given) - len(self.ours)][::-1]

    def rows(self, method: str, *, cseq: int = 0) -> list[tuple[str, str]]:
        rows = [("From", self.local), ("To", self.remote), ("Call-ID", self.call_id)]
        rows += [("CSeq", f"{cseq or self.cseq} {method}"), ("Contact", f"<{self.contact}>")]
        return rows + [("Route", each) for each in self.theirs]

    def request(self, method: str, rows: Rows, body: str, answered: Answered) -> None:
        """Send it when everything before it has been answered."""
        self._queue.append((method, rows, body, answered))
        self._next()

    def ack(self, link: Link | None = None) -> None:
        """What is sent next takes the same connection, so that it cannot come before the ACK."""
        rows = self.rows("ACK", cseq=INVITED)
        sent = self.wires.request("ACK", self.target, rows, "", lambda _: None, link)
        self.link = sent.link

    def accepts(self, link: Link, request: Message) -> bool:
        """False if the request was refused, which is the fault of who sent it."""
        number, method = request.cseq
        if request.uri != self.contact or request.values("Route") != self.ours:
            self._refuse(link, request, 481, ROUTE_SET.format(self.wires.name))
        elif number <= self.heard and method != "ACK":
            self._refuse(link, request, 500, '0;reason="Stale CSeq Value"')
        elif "epid" in self.local and not parameter(request.get("To"), "epid"):
            self._refuse(link, request, 481, NO_DIALOG)
        else:
            self.heard = max(number, self.heard)
            return True
        return False

    def _refuse(self, link: Link, request: Message, status: int, why: str) -> None:
        expected = f"{self.contact=} {self.ours=} {self.heard=} {self.local=}"
        self.wires.fault(f"refused with {status}, {why}; {expected}\n{request}")
        if request.method != "ACK":
            self.wires.respond(link, request, status, [("ms-diagnostics", why)])

    def _next(self) -> None:
        if self._busy or not self._queue:
            return
        self._busy = True
        method, rows, body, answered = self._queue.popleft()
        self.cseq += 1

        def free(answer: Message) -> None:
            if answer.status >= 200:
                self._busy = False
            answered(answer)
            self._next()

        link, self.link = self.link, None
        self.wires.request(method, self.target, [*self.rows(method), *rows], body, free, link)
