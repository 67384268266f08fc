"""Dialogs: what two user agents remember to talk on (RFC 3261 §12).

Used by `edge.sip.subscriber`, `edge.sip.notifier` and `edge.sip.session_party`. A million dialogs live at once, so a
`Dialog` is few strings and numbers, shared where many dialogs have the same, and keeps no message. Its
public attributes are all there is to it: a store that keeps them can build the dialog again.

Route elements, remote targets and the parameters of the remote URI come back byte for byte.
COMPAT(lync): contacts are GRUUs without a host, Record-Route is long and signed, From and To carry
``epid``; a peer refuses a changed route set, since Live Communications Server 2005.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from sys import intern
from typing import NamedTuple

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip.headers import NameAddr
from edge.sip.message import Request, Response
from edge.sip.serialise import head_bytes

MAX_FORWARDS = "70"  # RFC 3261 §8.1.1.6
MAX_ROUTE_SET = 8192  # characters; it is kept with the dialog. Three proxies of a Microsoft edge need 2,000
OWN_LINES = 10  # of every request in a dialog, the start line and the empty one included
ROUTES = 4096  # first hops whose kind (strict or loose) is remembered; there are few, but peers choose them

TARGET_REFRESH = frozenset(("INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"))  # RFC 6665 §3.2 and others

DialogId = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag (RFC 3261 §12)."""


class Names(NamedTuple):
    """What two ends call a dialog and each other."""

    call_id: str
    remote_tag: str
    local_uri: str
    remote_uri: str


class Dialog:
    """One dialog, from our side; also the request that is going to make one (`initiate`)."""

    __slots__ = ("_names", "_tag_length", "local_tag", "remote_target", "route_set", "local_cseq", "remote_cseq")

    def __init__(
        self, call_id: str, local_tag: str, remote_tag: str, local_uri: str, remote_uri: str, remote_target: str,
        route_set: tuple[str, ...] = (), local_cseq: int = 0, remote_cseq: int | None = None,
    ) -> None:
        self.local_tag = local_tag
        self._name(call_id, remote_tag, local_uri, remote_uri)
        self.remote_target = intern(remote_target)
        """The URI of the peer's Contact."""
        self.route_set = route_set
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq

    def _name(self, call_id: str, remote_tag: str, local_uri: str, remote_uri: str) -> None:
        """Put together what each request of ours says: one text takes half the room of its five parts."""
        to = f"{remote_uri};tag={remote_tag}" if remote_tag else remote_uri
        self._names = f"From: {local_uri};tag={self.local_tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
        self._tag_length = len(remote_tag)

    @property
    def names(self) -> Names:
        """What requests of both sides name the dialog by."""
        first, to, last, _ = self._names.split("\r\n")
        length = self._tag_length
        tag, uri = (to[-length:], to[len("To: ") : -length - len(";tag=")]) if length else ("", to[len("To: ") :])
        return Names(last[len("Call-ID: ") :], tag, first[len("From: ") : -len(self.local_tag) - len(";tag=")], uri)

    @property
    def call_id(self) -> str:
        return self._names[self._names.rindex(" ") + 1 : -2]

    @property
    def local_uri(self) -> str:
        """Our From in requests, without the tag: a name-addr."""
        return self.names.local_uri

    @property
    def remote_uri(self) -> str:
        """Our To in requests, without the tag but with every other parameter that the peer gave."""
        return self.names.remote_uri

    @property
    def remote_tag(self) -> str:
        return self.names.remote_tag

    @remote_tag.setter
    def remote_tag(self, tag: str) -> None:
        call_id, _, local_uri, remote_uri = self.names
        self._name(call_id, tag, local_uri, remote_uri)

    @classmethod
    def initiate(cls, call_id: str, local_tag: str, local: str, target: str) -> "Dialog":
        """Begin as UAC (RFC 3261 §8.1.1): from the URI ``local`` to the URI ``target``; `confirm` makes it a dialog."""
        return cls(call_id, local_tag, "", f"<{local}>", f"<{target}>", target)

    @classmethod
    def as_uas(cls, request: Request, local_tag: str) -> "Dialog":
        """The dialog that accepting ``request`` makes (RFC 3261 §12.1.1)."""
        target = _target(request)
        if target is None:
            raise RemoteProtocolError("a request that makes a dialog has no usable Contact")
        remote = request.from_
        return cls(
            request.call_id, local_tag, remote.tag, _without_tag(request.to), _without_tag(remote), target,
            _route_set(request, reverse=False), 0, request.cseq.number,
        )

    def confirm(self, message: Request | Response) -> None:
        """Complete what `initiate` began, by a response (RFC 3261 §12.1.2) or a NOTIFY (RFC 6665 §4.4.1)."""
        target = _target(message)
        if target is None:
            raise RemoteProtocolError("a message that makes a dialog has no usable Contact")
        is_response = isinstance(message, Response)
        remote = message.to if is_response else message.from_
        tag, uri = remote.tag, _without_tag(remote)
        self.route_set = _route_set(message, reverse=is_response)
        self._name(self.call_id, tag, self.local_uri, uri)
        self.remote_target = intern(target)
        if not is_response:
            self.remote_cseq = message.cseq.number

    @property
    def id(self) -> DialogId:
        return self.call_id, self.local_tag, self.remote_tag

    def covers(self, request: Request) -> bool:
        """Whether ``request`` is sent within this dialog (RFC 3261 §12.2.2)."""
        theirs = request.from_.tag
        return (
            request.to.tag == self.local_tag
            and len(theirs) == self._tag_length
            and self._names.endswith(f"{theirs}\r\nCall-ID: {request.call_id}\r\n")
        )

    def accepts(self, request: Request) -> bool:
        """Take note of the CSeq, and of the target if the method refreshes it (RFC 3261 §12.2.2).

        False: the CSeq is not higher than the last, and the answer is 500. Raises `RemoteProtocolError`, having
        changed nothing, for a malformed Contact.
        """
        number = request.cseq.number
        target = _target(request) if request.method in TARGET_REFRESH else None
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        if target is not None:
            self.remote_target = intern(target)
        return True

    def retarget(self, response: Response) -> None:
        """Refresh the remote target from a 2xx to a request that may do so (RFC 3261 §12.2.1.2)."""
        with suppress(RemoteProtocolError):  # a malformed Contact is as good as none: responses are not refused
            target = _target(response)
            if target is not None:
                self.remote_target = intern(target)

    def request(
        self, method: str, via: str, contact: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"",
        number: int = 0,
    ) -> bytes:
        """The next request of ours (RFC 3261 §12.2.1.1). ``via`` and ``contact`` are complete header values.

        ``number``: the CSeq of an ACK, which is that of its INVITE (RFC 3261 §13.2.2.4).
        """
        behind = "".join([f"{name}: {value}\r\n" for name, value in headers])
        return self.written(method, via, contact, behind, len(headers), body, number)

    def written(
        self, method: str, via: str, contact: str, behind: str, lines: int, body: bytes = b"", number: int = 0
    ) -> bytes:
        """The same, with its other headers written already, in so many lines."""
        if not number:
            number = self.local_cseq = self.local_cseq + 1
        uri = self.remote_target
        routes = self.route_set
        if routes and not _is_loose(routes[0]):
            # "If the first URI in the route set does not contain the lr parameter": strict routing.
            uri, routes = _strict_uri(routes[0]), (*routes[1:], f"<{uri}>")
        between = "".join([f"Route: {route}\r\n" for route in routes]) if routes else ""
        # RFC 3428 §4: no Contact in a MESSAGE. It means something where it refreshes the target, and nowhere else.
        ours = f"Contact: {contact}\r\n" if method in TARGET_REFRESH else ""
        text = (
            f"{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: {MAX_FORWARDS}\r\n{between}"
            f"{self._names}CSeq: {number} {method}\r\n{ours}{behind}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head_bytes(text, OWN_LINES - (not ours) + len(routes) + lines) + body


def dialog_id(request: Request) -> DialogId:
    """The dialog that a peer's request names; there is none if our tag is ""."""
    return request.call_id, request.to.tag, request.from_.tag


def _target(message: Request | Response) -> str | None:
    """The URI of the Contact, if it is a SIP or SIPS URI (RFC 3261 §12.1.1), exactly as written."""
    contact = message.contact
    if contact is None:
        return None
    uri = contact.uri
    return uri if uri[:4].lower() == "sip:" or uri[:5].lower() == "sips:" else None


def _route_set(message: Request | Response, reverse: bool) -> tuple[str, ...]:
    if b"record-route" not in message.headers:
        return ()
    routes = message.record_route
    if sum(map(len, routes)) > MAX_ROUTE_SET:
        raise RemoteProtocolError("the Record-Route is too long", Code.S09)
    if reverse:
        routes.reverse()
    if routes:
        _is_loose(routes[0])  # so that a malformed one is found now, and not when a request is written
    return tuple(map(intern, routes))


def _without_tag(address: NameAddr) -> str:
    if not address.display and len(address.parameters) <= 1 and (not address.parameters or address.tag):
        return f"<{address.uri}>"
    kept = tuple(each for each in address.parameters if each[0] != "tag")
    return str(NameAddr(address.display, address.uri, kept))


@lru_cache(ROUTES)
def _is_loose(route: str) -> bool:
    return NameAddr.parse(route).sip_uri.has_parameter("lr")


@lru_cache(ROUTES)
def _strict_uri(route: str) -> str:
    """The URI of a route element, without what a Request-URI may not have (RFC 3261 §12.2.1.1)."""
    uri = NameAddr.parse(route).uri.partition("?")[0]
    head, *parameters = uri.split(";")
    return ";".join([head, *(each for each in parameters if not each.lower().startswith("method="))])
