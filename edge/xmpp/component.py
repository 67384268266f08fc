"""The component's end of an external component connection (XEP-0114 §3), to an XMPP server of our own.

The server gives us one domain of the other side on each connection; ``local`` is that domain, ``remote`` the first of
the domains the server serves, ``ours`` are the domains of all our connections to it. There is no TLS here: the
connection stays inside, and the secret itself never travels.
Driven like the ends of `edge.xmpp.negotiation`; opened and kept by `edge.net.xmpp_pool`.
"""

from collections.abc import Set
from enum import IntEnum
from hashlib import sha1

from edge.codes import Code
from edge.domains import Domain, unicode
from edge.errors import LocalProtocolError
from edge.machine import Table
from edge.xmpp.element import NS_COMPONENT, NS_STREAMS, escape_attribute
from edge.xmpp.negotiation import BY_CERTIFICATE, XML, Allowed, Event, Negotiation, Output, Ready, Write
from edge.xmpp.stream import StreamClosed, StreamOpened


class State(IntEnum):
    """What we wait for."""

    HEADER = 0
    HANDSHAKE = 1
    READY = 2
    ENDED = 3


class Input(IntEnum):
    OPENED = 0
    HANDSHAKE = 1
    OTHER = 2
    ERROR = 3
    CLOSED = 4


class Action(IntEnum):
    NOTHING = 0
    PROVE = 1
    BE_READY = 2
    UNEXPECTED = 3
    STREAM_ERROR = 4
    STREAM_CLOSED = 5


S, I, A = State, Input, Action  # noqa: E741 - the letter the literature uses

COMPONENT = Table(
    "component",
    State,
    Input,
    (S.HEADER, I.OPENED, S.HANDSHAKE, A.PROVE),
    (S.HEADER, I.HANDSHAKE, S.ENDED, A.UNEXPECTED),
    (S.HEADER, I.OTHER, S.ENDED, A.UNEXPECTED),
    (S.HEADER, I.ERROR, S.ENDED, A.STREAM_ERROR),
    (S.HEADER, I.CLOSED, S.ENDED, A.STREAM_CLOSED),
    (S.HANDSHAKE, I.OPENED, S.ENDED, A.UNEXPECTED),
    (S.HANDSHAKE, I.HANDSHAKE, S.READY, A.BE_READY),
    (S.HANDSHAKE, I.OTHER, S.ENDED, A.UNEXPECTED),
    (S.HANDSHAKE, I.ERROR, S.ENDED, A.STREAM_ERROR),
    (S.HANDSHAKE, I.CLOSED, S.ENDED, A.STREAM_CLOSED),
    (S.READY, I.OPENED, S.ENDED, A.UNEXPECTED),
    (S.READY, I.HANDSHAKE, S.READY, A.NOTHING),
    (S.READY, I.OTHER, S.ENDED, A.UNEXPECTED),
    (S.READY, I.ERROR, S.ENDED, A.STREAM_ERROR),
    (S.READY, I.CLOSED, S.ENDED, A.STREAM_CLOSED),
    (S.ENDED, I.OPENED, S.ENDED, A.NOTHING),
    (S.ENDED, I.HANDSHAKE, S.ENDED, A.NOTHING),
    (S.ENDED, I.OTHER, S.ENDED, A.NOTHING),
    (S.ENDED, I.ERROR, S.ENDED, A.NOTHING),
    (S.ENDED, I.CLOSED, S.ENDED, A.NOTHING),
)

ELEMENTS = {(NS_COMPONENT, "handshake"): I.HANDSHAKE, (NS_STREAMS, "error"): I.ERROR}


def handshake(stream_id: str, secret: str) -> str:
    """The proof that we know the secret (XEP-0114 §3)."""
    return sha1(f"{stream_id}{secret}".encode()).hexdigest()


class Component(Negotiation):
    """Our end of the connection for the domain ``local``."""

    role = "component"
    namespace = NS_COMPONENT

    def __init__(self, local: Domain, remote: Domain, secret: str, ours: Set[Domain]) -> None:
        super().__init__(local, remote)
        self.state = State.HEADER
        self._secret = secret
        self._ours = ours

    def start(self) -> list[Output]:
        return [Write(self._header())]

    def receive(self, event: Event) -> list[Output]:
        if isinstance(event, StreamOpened):
            return self._step(Input.OPENED, event)
        if isinstance(event, StreamClosed):
            return self._step(Input.CLOSED, event)
        return self._step(ELEMENTS.get((event.namespace, event.name), Input.OTHER), event)

    def secured(self) -> list[Output]:
        raise LocalProtocolError("a component connection has no TLS")

    def verified(self, fault: Code | None, allowed: Allowed = BY_CERTIFICATE) -> list[Output]:
        raise LocalProtocolError("a component connection has nothing to verify")

    def offence(self, sender: Domain, recipient: Domain) -> Code | None:
        """The server routes what is for our domain, from anywhere: whose it may be is for admission to say."""
        # COMPAT(ejabberd): a listener with several `hosts` takes each of our connections for all of them, and chooses
        # one by chance for each stanza; so any domain of ours that this server has is right; since 23.01 or before.
        return None if recipient == self.local or recipient in self._ours else Code.A06

    def _header(self) -> bytes:
        self._opened = True
        name = escape_attribute(unicode(self.local))
        return f"{XML}<stream:stream xmlns='{NS_COMPONENT}' xmlns:stream='{NS_STREAMS}' to='{name}'>".encode()

    def _step(self, given: Input, event: Event) -> list[Output]:
        self.state, action = COMPONENT.step(State.ENDED if self.ended else self.state, given)
        match action:
            case Action.PROVE:
                assert isinstance(event, StreamOpened)
                return [Write(f"<handshake>{handshake(event.id, self._secret)}</handshake>".encode())]
            case Action.BE_READY:
                self.ready = True
                return [Ready()]
            case Action.STREAM_ERROR:
                return self._stream_error(event)
            case Action.STREAM_CLOSED:
                return self._stream_closed()
            case Action.UNEXPECTED:
                return self.fail(Code.S01, "this does not belong here in the stream")
        return []
