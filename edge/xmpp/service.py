"""What the gateway itself answers: service discovery (XEP-0030), ping (XEP-0199), version (XEP-0092).

Asked by the gateway for every IQ that reaches it, to its own domains and to the SIP users behind them, for
whom it is the server (RFC 6121 §8.5). No IQ ever goes to SIP. Who asks what something is gets his answer from wokkel
(`edge.xmpp.entities`), which is imported by then and not before.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from edge.xmpp.element import Element
from edge.xmpp.stanzas import IQ_TYPES, Iq, error_bytes

if TYPE_CHECKING:
    from edge.xmpp.entities import Entities

NS_DISCO_INFO = "http://jabber.org/protocol/disco#info"
NS_DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
NS_PING = "urn:xmpp:ping"
NS_VERSION = "jabber:iq:version"

# What is answered; the rest is service-unavailable (RFC 6121 §8.5.2.1.3).
_OF_RESOURCE = frozenset((NS_DISCO_INFO, NS_DISCO_ITEMS, NS_PING))
_OF_DOMAIN = _OF_RESOURCE | {NS_VERSION}
# Who a user is, only those may know who are subscribed to its presence (XEP-0030 §8): so nobody is told.
_OF_USER = _OF_RESOURCE - {NS_DISCO_INFO}

if find_spec("wokkel") is None:  # better now than when somebody asks
    raise ModuleNotFoundError("wokkel is not installed")


class Service:
    """The answers to IQs, by what the address asked is: a domain, a user, a user's resource."""

    def __init__(self, name: str, version: str) -> None:
        self._name, self._version = name, version
        self._entities: Entities | None = None

    def answer(self, iq: Iq) -> bytes | None:
        """The answer to a get or set; None for a result or an error, which must not be answered."""
        if iq.type in ("result", "error"):
            return None
        if iq.type not in IQ_TYPES or not iq.id or iq.payload is None:
            return error_bytes(iq, "bad-request", "a request needs an id, a type and exactly one element in it")
        answer = self._ask(iq, iq.payload)
        if isinstance(answer, str):
            return error_bytes(iq, answer, _why(answer, iq.payload.namespace))
        return Iq(iq.to, iq.from_, iq.id, "result", payload=answer).to_bytes()

    def _ask(self, iq: Iq, payload: Element) -> Element | str | None:
        """The payload of the result, if any, or the condition of the error."""
        to = iq.to
        of = _OF_DOMAIN if to is None or not to.local else _OF_RESOURCE if to.resource else _OF_USER
        if payload.namespace not in of:
            return "service-unavailable"
        if payload.namespace == NS_PING:
            return None if iq.type == "get" and payload.name == "ping" else "service-unavailable"
        if self._entities is None:
            from edge.xmpp.entities import Entities

            self._entities = Entities(self._name, self._version)
        entities = self._entities
        entity = entities.domain if of is _OF_DOMAIN else entities.resource if of is _OF_RESOURCE else entities.user
        return entity.ask(iq.type, payload)


def _why(condition: str, namespace: str) -> str:
    """A sentence for who has asked."""
    if condition == "item-not-found":
        return "there is nothing of that name here"
    return _NOT_CARRIED.get(namespace, "this address does not answer requests of that kind")


_NO_CALLS = "calls and files do not reach SIP users, only text does"
_NO_ROOMS = "there are no group chats at this address"
_NOT_CARRIED = {
    "urn:xmpp:jingle:1": _NO_CALLS,
    "http://jabber.org/protocol/si": _NO_CALLS,
    "http://jabber.org/protocol/bytestreams": _NO_CALLS,
    "http://jabber.org/protocol/muc#owner": _NO_ROOMS,
    "http://jabber.org/protocol/muc#admin": _NO_ROOMS,
    "jabber:iq:register": "nobody has to register here",
}
"""What people try who do not know that the other one is not on XMPP (XEP-0166, XEP-0045)."""
