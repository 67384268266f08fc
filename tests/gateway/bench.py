"""A gateway on a bench: no driver, no sockets, time by hand; and ways to read what it wants done."""

from collections.abc import Iterable
from itertools import count

from edge.domains import domain
from edge.gateway.core import Gateway
from edge.gateway.effects import Effect, Report, RespondSip, SendSip, SendStanza
from edge.gateway.node import Node
from edge.gateway.settings import PresenceSettings
from edge.identifiers import Identifiers
from edge.partners import Directory, Peer, System
from edge.sip.layer import TransactionLayer
from edge.sip.message import Request, Response, response_bytes
from edge.sip.transaction import ClientTransaction
from edge.timers import TICK, Wheel
from edge.xmpp.jid import JID
from edge.xmpp.service import Service
from edge.xmpp.stanzas import Iq, Message, Presence, Stanza, parse_stanza
from edge.xmpp.stream import StreamParser
from tests.sip.samples import JULIET, ROMEO, Rows, as_request, parsed, request

EDGE = domain("edge.example.net")
ROMEO_JID, JULIET_JID = JID.parse("romeo@sip.example"), JID.parse("juliet@xmpp.example/balcony")
PLAIN = (("Content-Type", "text/plain"),)
CONTACT = ("Contact", "<sip:edge.sip.example:5061;transport=tls>")
STREAM = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


class Link:
    """A link whose far end proved to be ``peer``."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.address = "192.0.2.1"
        self.paused = False


class Bench:
    """Two SIP partners, of sip.example and other.example, and an XMPP server of ours, of xmpp.example.

    A second XMPP server is there for what one of them must not do in the other's place.
    """

    def __init__(
        self, pending_messages: int = 500, presence: PresenceSettings | None = None, im_mode: str = "auto"
    ) -> None:
        sip = System(
            "sip", False, "sip", (domain("sip.example"),), "tls", pending_messages=pending_messages, im_mode=im_mode
        )
        other = System("other", False, "sip", (domain("other.example"),), "tls")
        xmpp = System("xmpp", True, "xmpp", (domain("xmpp.example"),), "component")
        second = System("second", True, "xmpp", (domain("second.example"),), "component")
        directory = Directory([sip, other, xmpp, second])
        numbers = count(1)
        ids = Identifiers(lambda: f"token{next(numbers)}", EDGE)
        self.wheel: Wheel[object] = Wheel(1000.0)
        self.layer = TransactionLayer(self.wheel, ids)
        settings = presence or PresenceSettings()
        self.node = Node(EDGE, 5061, directory, ids, self.wheel, self.layer, 1_700_000_000.0, settings)
        self.gateway = Gateway(self.node, Service(EDGE, "0"))
        self.link, self.other, self.stream, self.second = (
            Link(directory.identify(system.protocol, frozenset(system.domains))) for system in directory.systems
        )
        self._numbers = count(1)

    # --- what happens

    def sip(self, *messages: Request | Response, link: Link | None = None) -> list[Effect]:
        return self.gateway.sip_received(link or self.link, messages)

    def stanzas(self, *stanzas: Stanza) -> list[Effect]:
        return self.gateway.stanzas_received(self.stream, stanzas)

    def passes(self, seconds: float) -> list[Effect]:
        """Time passes, a tick at a time."""
        effects: list[Effect] = []
        for _ in range(round(seconds / TICK)):
            effects += self.gateway.advance(self.wheel.now + TICK, self.node.wall + TICK)
        return effects

    def answer(self, sent: SendSip, status: int = 200, headers: Rows = (), tag: str = "romeo1") -> list[Effect]:
        """The SIP side answers a request of ours."""
        return self.sip(answer_to(sent, status, headers, tag))

    # --- what Romeo and Juliet say

    def page(self, text: str = "Art thou not Romeo?", **changes: str) -> Request:
        """A MESSAGE from Romeo to Juliet, each with identifiers of its own."""
        return self._request("MESSAGE", PLAIN, text.encode(), **changes)

    def subscribe(self, expires: int = 3600, accept: str = "application/pidf+xml", **changes: str) -> Request:
        """A SUBSCRIBE from Romeo to Juliet, each from a device of its own."""
        rows = (("Event", "presence"), ("Accept", accept), ("Expires", str(expires)), CONTACT)
        return self._request("SUBSCRIBE", rows, b"", **changes)

    def notify(
        self, subscribe: Request, state: str = "active;expires=3600", body: bytes = b"", number: int = 1,
        tag: str = "romeo1",
    ) -> Request:
        """A NOTIFY in the dialog that ``subscribe`` of ours opened."""
        rows = [("Event", "presence"), ("Subscription-State", state), CONTACT]
        rows += [("Content-Type", "application/pidf+xml")] if body else []
        return self._request(
            "NOTIFY", rows, body, uri="sip:edge.example.net:5061", from_=f"<{subscribe.to.uri}>;tag={tag}",
            to=str(subscribe.from_), call_id=subscribe.call_id, cseq=f"{number} NOTIFY",
        )

    def _request(self, method: str, rows: Rows, body: bytes, **changes: str) -> Request:
        number = next(self._numbers)
        given = {
            "via": f"SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK{number}", "call_id": f"call{number}",
            "from_": f"<{ROMEO}>;tag=romeo1", "to": f"<{JULIET}>", **changes,
        }
        return request(method, headers=rows, body=body, **given)

    @property
    def open(self) -> int:
        """Transactions and timers that are still there."""
        return self.layer.clients + self.layer.servers + len(self.wheel)


def message(body: str = "Neither, fair saint.", *, to: str = "romeo@sip.example", **fields: str) -> Message:
    """What Juliet says."""
    id = fields.pop("id", "m1")
    return Message(from_=JULIET_JID, to=JID.parse(to), id=id, type=fields.pop("type", "chat"), body=body, **fields)


def presence(type: str = "", *, to: str = "romeo@sip.example", from_: str = "", **fields: str) -> Presence:
    """What Juliet's server says; from her bare address if it is about a subscription."""
    sender = JID.parse(from_) if from_ else JULIET_JID if type in ("", "unavailable") else JULIET_JID.bare()
    return Presence(from_=sender, to=JID.parse(to), type=type, **fields)


def answer_to(
    sent: SendSip, status: int = 200, headers: Rows = (), tag: str = "romeo1", body: bytes = b""
) -> Response:
    response = parsed(response_bytes(as_request(sent.data), status, to_tag=tag, headers=headers, body=body))
    assert isinstance(response, Response)
    return response


# --- what comes out


def responses(effects: Iterable[Effect]) -> list[Response]:
    """The SIP responses among the effects."""
    found = [parsed(effect.data) for effect in effects if isinstance(effect, RespondSip)]
    assert all(isinstance(each, Response) for each in found)
    return found


def statuses(effects: Iterable[Effect]) -> list[int]:
    return [response.status for response in responses(effects)]


def sends(effects: Iterable[Effect], method: str = "") -> list[SendSip]:
    """The SIP requests of ours among the effects."""
    found = [effect for effect in effects if isinstance(effect, SendSip)]
    assert all(isinstance(effect.token, ClientTransaction) for effect in found)
    return [effect for effect in found if not method or effect.data.startswith(method.encode())]


def requested(effects: Iterable[Effect], method: str = "") -> list[Request]:
    return [as_request(effect.data) for effect in sends(effects, method)]


def sent_stanzas(effects: Iterable[Effect]) -> list[SendStanza]:
    return [effect for effect in effects if isinstance(effect, SendStanza)]


def spoken(effects: Iterable[Effect]) -> list[Message | Presence | Iq]:
    """The stanzas of ours among the effects."""
    data = b"".join(effect.data for effect in sent_stanzas(effects))
    return [parse_stanza(element) for element in list(StreamParser().feed(STREAM.encode() + data))[1:]]


def kinds(effects: Iterable[Effect]) -> list[str]:
    """The types of the stanzas of ours among the effects."""
    return [stanza.type for stanza in spoken(effects)]


def conditions(effects: Iterable[Effect]) -> list[str]:
    return [stanza.error.condition for stanza in spoken(effects) if stanza.error is not None]


def reports(effects: Iterable[Effect]) -> list[Report]:
    return [effect for effect in effects if isinstance(effect, Report)]


def events(effects: Iterable[Effect]) -> list[str]:
    return [report.event for report in reports(effects)]
