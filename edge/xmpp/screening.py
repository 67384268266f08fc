"""Which stanzas may come in on a stream (RFC 6120 §8.1.1.2, §8.1.2.2).

A stream speaks for the domains it was authenticated for and for no other; an offence of the far end ends it. But a
stream belongs to all users behind it: an impossible address that one of them wrote is answered, and costs nobody else
anything. Called by `edge.net.xmpp_link` for every stanza.
"""

from dataclasses import dataclass

from edge.domains import Domain
from edge.xmpp.conditions import NS_STANZA_ERRORS, StreamError
from edge.xmpp.element import LANG, Element
from edge.xmpp.negotiation import CONDITIONS, Negotiation, stream_domain
from edge.xmpp.stanzas import Stanza, parse_stanza

IMPOSSIBLE = "this cannot be anybody's address"


@dataclass(frozen=True, slots=True)
class Misaddressed:
    """A stanza with an address that cannot be. ``answer`` goes back to its sender, if there is one to give."""

    sender: Domain
    recipient: Domain
    answer: bytes


def screen(stream: Negotiation, element: Element) -> Stanza | Misaddressed:
    """Return the stanza that ``element`` is; `StreamError` if ``stream`` may not carry it."""
    try:
        stanza = parse_stanza(element)
    except StreamError as error:
        if error.condition != "improper-addressing":
            raise
        return _misaddressed(stream, element, error)
    sender, recipient = stanza.from_, stanza.to
    assert sender is not None and recipient is not None, "parse_stanza refuses stanzas without addresses"
    code = stream.offence(sender.host, recipient.host)
    if code is not None:
        raise StreamError(CONDITIONS[code], code.sentence, code)
    return stanza


def _misaddressed(stream: Negotiation, element: Element, error: StreamError) -> Misaddressed:
    """Raise ``error`` after all when an address is missing or its domain is none, which no user can cause."""
    attributes = element.attributes
    sender, recipient = _host(attributes.get("from", "")), _host(attributes.get("to", ""))
    if sender is None or recipient is None:
        raise error
    code = stream.offence(sender, recipient)
    if code is not None:
        raise StreamError(CONDITIONS[code], code.sentence, code)
    kind = attributes.get("type", "")
    return Misaddressed(sender, recipient, b"" if kind in ("error", "result") else _answer(element))


def _host(address: str) -> Domain | None:
    """The domain of an address whose other parts may be anything (RFC 7622 §3.2)."""
    return stream_domain(address.partition("/")[0].rpartition("@")[2])


def _answer(element: Element) -> bytes:
    """RFC 6120 §8.3.3.8, to the addresses as they were written."""
    old = element.attributes
    attributes = {"from": old["to"], "to": old["from"], "type": "error"}
    if old.get("id"):
        attributes["id"] = old["id"]
    text = Element("text", NS_STANZA_ERRORS, {LANG: "en"}, [IMPOSSIBLE])
    error = Element("error", "", {"type": "modify"}, [Element("jid-malformed", NS_STANZA_ERRORS), text])
    return Element(element.name, "", attributes, [error]).to_bytes()
