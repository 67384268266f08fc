"""What wokkel answers for the gateway: service discovery (XEP-0030) and version (XEP-0092).

Imported by `edge.xmpp.service` when somebody asks for the first time, because wokkel and what it needs of Twisted take
as much memory as five hundred subscriptions. It is given the payload alone, with made-up addresses, because it prepares
addresses by other rules than ours and never forgets one.
"""

from collections.abc import Iterator
from typing import Protocol

from zope.interface import implementer

from edge.xmpp.element import Element
from edge.xmpp.wokkel import (
    NS_DISCO_INFO,
    NS_DISCO_ITEMS,
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


class Entities:
    """Those that can be asked: the gateway's domains, users, and resources of users."""

    def __init__(self, name: str, version: str) -> None:
        disco = (NS_DISCO_INFO, NS_DISCO_ITEMS)
        self.domain = Entity(
            _Description("gateway", "simple", name, (*disco, NS_ESCAPING)),
            DiscoHandler(),
            PingHandler(),
            VersionHandler(name, version),
        )
        self.user = Entity(None, DiscoHandler(), PingHandler())
        self.resource = Entity(_Description("client", "pc", name, disco), DiscoHandler(), PingHandler())


class Entity:
    """A set of wokkel's subprotocols which believe that they share a stream."""

    def __init__(self, description: "_Description | None", *subprotocols: "_Subprotocol") -> None:
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


class _Subprotocol(Protocol):
    """What wokkel's classes have in common."""

    parent: object

    def makeConnection(self, stream: object) -> None: ...

    def connectionInitialized(self) -> None: ...


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
