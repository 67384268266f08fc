"""What the gateway itself answers: service discovery (XEP-0030), ping (XEP-0199), version (XEP-0092).

Asked by the gateway for every IQ that reaches it, to its own domains and to the SIP users behind them, for
whom it is the server (RFC 6121 §8.5). No IQ ever goes to SIP. wokkel answers; it is given the payload alone,
with made-up addresses, because it prepares addresses by other rules than ours and never forgets one.
"""

from collections.abc import Iterator
from typing import Protocol

from zope.interface import implementer

from edge.xmpp.element import Element
from edge.xmpp.stanzas import IQ_TYPES, Iq, error_bytes
from edge.xmpp.wokkel import (
    NS_DISCO_INFO,
    NS_DISCO_ITEMS,
    NS_PING,
    NS_VERSION,
    DiscoFeature,
    DiscoHandler,
    DiscoIdentity,
    IDisco,
    PingHandler,
    VersionHandler,
    domish,
    utility,
)

NS_ESCAPING = "jid\\20escaping"  # under this odd name XEP-0106 §5 has its support announced


class Service:
    """The answers to IQs, by what the address asked is: a domain, a user, a user's resource."""

    def __init__(self, name: str, version: str) -> None:
        disco = (NS_DISCO_INFO, NS_DISCO_ITEMS)
        self._domain = _Entity(
            frozenset((*disco, NS_PING, NS_VERSION)),
            _Description("gateway", "simple", name, (*disco, NS_ESCAPING)),
            DiscoHandler(),
            PingHandler(),
            VersionHandler(name, version),
        )
        # Who a user is, only those may know who are subscribed to its presence (XEP-0030 §8): so nobody is told.
        self._user = _Entity(frozenset((NS_DISCO_ITEMS, NS_PING)), None, DiscoHandler(), PingHandler())
        self._resource = _Entity(
            frozenset((*disco, NS_PING)), _Description("client", "pc", name, disco), DiscoHandler(), PingHandler()
        )

    def answer(self, iq: Iq) -> bytes | None:
        """The answer to a get or set; None for a result or an error, which must not be answered."""
        if iq.type in ("result", "error"):
            return None
        if iq.type not in IQ_TYPES or not iq.id or iq.payload is None:
            return error_bytes(iq, "bad-request", "a request needs an id, a type and exactly one element in it")
        to = iq.to
        entity = self._domain if to is None or not to.local else self._resource if to.resource else self._user
        answer = entity.ask(iq.type, iq.payload)
        if isinstance(answer, str):
            return error_bytes(iq, answer, _why(answer, iq.payload.namespace))
        return Iq(iq.to, iq.from_, iq.id, "result", payload=answer).to_bytes()


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


class _Subprotocol(Protocol):
    """What wokkel's classes have in common."""

    parent: object

    def makeConnection(self, stream: object) -> None: ...

    def connectionInitialized(self) -> None: ...


class _Entity:
    """A set of wokkel's subprotocols which believe that they share a stream.

    ``namespaces`` are those that are answered at all; the rest is service-unavailable (RFC 6121 §8.5.2.1.3).
    """

    def __init__(
        self, namespaces: frozenset[str], description: "_Description | None", *subprotocols: _Subprotocol
    ) -> None:
        self._namespaces = namespaces
        self._discoverable = (*((description,) if description else ()), *subprotocols)
        self._responses: list[domish.Element] = []
        self._stream = utility.EventDispatcher()
        self._stream.send = self.send
        for subprotocol in subprotocols:
            subprotocol.parent = self
            subprotocol.makeConnection(self._stream)
            subprotocol.connectionInitialized()

    def __iter__(self) -> Iterator[object]:
        """Whom wokkel asks, each for its part of an answer to a discovery."""
        return iter(self._discoverable)

    def send(self, response: domish.Element) -> None:
        """Called by the subprotocols, before `ask` returns: none of them waits for anything."""
        self._responses.append(response)

    def ask(self, type: str, payload: Element) -> Element | str | None:
        """The payload of the result, if any, or the condition of the error."""
        if payload.namespace not in self._namespaces:
            return "service-unavailable"
        request = domish.Element((None, "iq"), attribs={"type": type, "from": _ASKER, "to": _ASKED, "id": "1"})
        child = request.addElement((payload.namespace, payload.name))
        node = payload.attributes.get("node")
        if node:
            child["node"] = node
        self._stream.dispatch(request)
        responses, self._responses = self._responses, []
        if not responses:  # a set, or an element that the namespace does not have
            return "service-unavailable"
        response = _element(responses[0])
        if response.attributes["type"] == "error":
            return _condition(response)
        return next(response.elements(), None)


@implementer(IDisco)
class _Description:
    """What an entity is, for discovery."""

    def __init__(self, category: str, type: str, name: str, features: tuple[str, ...]) -> None:
        self._items = [DiscoIdentity(category, type, name), *map(DiscoFeature, features)]

    def getDiscoInfo(self, requestor: object, target: object, nodeIdentifier: str = "") -> list[object]:
        """Nothing for a node: wokkel then answers item-not-found."""
        return [] if nodeIdentifier else self._items

    def getDiscoItems(self, requestor: object, target: object, nodeIdentifier: str = "") -> list[object]:
        """No entity here has items."""
        return []


# Names that can be no one's (RFC 2606 §2). They are the only ones that wokkel ever keeps.
_ASKER = "asker.invalid"
_ASKED = "asked.invalid"


def _element(element: domish.Element) -> Element:
    """Our copy of an element that wokkel has made; it never makes attributes with a namespace."""
    children = [_element(child) if isinstance(child, domish.Element) else str(child) for child in element.children]
    return Element(element.name, element.uri or "", dict(element.attributes), children)


def _condition(response: Element) -> str:
    errors = (error for error in response.elements() if error.name == "error")
    return next(condition.name for error in errors for condition in error.elements())
