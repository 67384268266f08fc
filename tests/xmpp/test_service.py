"""What the gateway itself answers to IQs."""

import gc
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.words.protocols.jabber import jid as twisted_jid

from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.service import Service
from edge.xmpp.stanzas import Iq, StanzaError, parse_stanza
from edge.xmpp.stream import StreamParser

INFO, ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"
PING, VERSION = "urn:xmpp:ping", "jabber:iq:version"

DOMAIN, USER, RESOURCE = "sip.example", "juliet@sip.example", "juliet@sip.example/phone"
ROMEO = JID.parse("romeo@montague.example/orchard")


@pytest.fixture(scope="module")
def service() -> Service:
    return Service("edge", "1.2.3")


def asked(service: Service, to: str, payload: Element | None, type: str = "get", id: str = "i1") -> Iq:
    """The answer, as the one who asks reads it."""
    data = service.answer(Iq(ROMEO, JID.parse(to), id, type, payload=payload))
    assert data is not None
    header = b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"
    _, element = StreamParser().feed(header + data)
    assert isinstance(element, Element)
    answer = parse_stanza(element)
    assert isinstance(answer, Iq)
    assert (answer.from_, answer.to, answer.id) == (JID.parse(to), ROMEO, id)
    return answer


def refused(condition: str, type: str = "cancel") -> tuple[str, StanzaError, None]:
    return "error", StanzaError(condition, type), None


def outcome(answer: Iq) -> tuple[str, StanzaError | None, Element | None]:
    """An error has a sentence for people too, which is left out here."""
    error = answer.error
    assert error is None or len(error.text) > 10
    return answer.type, error and replace(error, text=""), answer.payload


def features(answer: Iq) -> set[str]:
    assert answer.payload is not None
    return {child.attributes["var"] for child in answer.payload.elements() if child.name == "feature"}


def identities(answer: Iq) -> list[dict[str, str]]:
    assert answer.payload is not None
    return [child.attributes for child in answer.payload.elements() if child.name == "identity"]


def test_domain_is_a_gateway_with_the_features_that_work(service: Service) -> None:
    answer = asked(service, DOMAIN, Element("query", INFO))
    assert answer.type == "result"
    assert identities(answer) == [{"category": "gateway", "type": "simple", "name": "edge"}]
    assert features(answer) == {INFO, ITEMS, PING, VERSION, "jid\\20escaping"}


@pytest.mark.parametrize("to", [DOMAIN, USER, RESOURCE])
def test_every_feature_of_an_address_is_answered_there(service: Service, to: str) -> None:
    info = asked(service, to, Element("query", INFO))
    for feature in features(info) if info.type == "result" else ():
        if feature != "jid\\20escaping":
            answer = asked(service, to, Element("ping" if feature == PING else "query", feature))
            assert answer.type == "result"


def test_user_is_not_described_to_anybody(service: Service) -> None:
    assert outcome(asked(service, USER, Element("query", INFO))) == refused("service-unavailable")


def test_resource_is_a_client(service: Service) -> None:
    answer = asked(service, RESOURCE, Element("query", INFO))
    assert identities(answer) == [{"category": "client", "type": "pc", "name": "edge"}]
    assert features(answer) == {INFO, ITEMS, PING}


@pytest.mark.parametrize("to", [DOMAIN, RESOURCE])
def test_unknown_node_is_not_found(service: Service, to: str) -> None:
    assert outcome(asked(service, to, Element("query", INFO, {"node": "x"}))) == refused("item-not-found")


@pytest.mark.parametrize("to", [DOMAIN, USER, RESOURCE])
def test_items_are_none_and_no_error(service: Service, to: str) -> None:
    assert outcome(asked(service, to, Element("query", ITEMS))) == ("result", None, Element("query", ITEMS))


@pytest.mark.parametrize("to", [DOMAIN, USER, RESOURCE])
def test_ping_has_an_empty_result(service: Service, to: str) -> None:
    assert outcome(asked(service, to, Element("ping", PING))) == ("result", None, None)


def test_version_is_that_of_the_gateway(service: Service) -> None:
    answer = asked(service, DOMAIN, Element("query", VERSION))
    assert answer.payload is not None
    assert [(child.name, child.text) for child in answer.payload.elements()] == [("name", "edge"), ("version", "1.2.3")]
    for to in (USER, RESOURCE):
        assert outcome(asked(service, to, Element("query", VERSION))) == refused("service-unavailable")


@pytest.mark.parametrize("to", [DOMAIN, USER, RESOURCE])
@pytest.mark.parametrize(
    "payload",
    [
        Element("vCard", "vcard-temp"),
        Element("query", "jabber:iq:register"),
        Element("query", "jabber:iq:last"),
        Element("query", "jabber:iq:roster"),
        Element("query", ""),
        Element("pong", PING),
        Element("info", INFO),
    ],
)
def test_everything_else_is_unavailable(service: Service, to: str, payload: Element) -> None:
    assert outcome(asked(service, to, payload)) == refused("service-unavailable")


@pytest.mark.parametrize(
    ("name", "namespace", "word"),
    [
        ("jingle", "urn:xmpp:jingle:1", "calls"),
        ("si", "http://jabber.org/protocol/si", "files"),
        ("query", "http://jabber.org/protocol/muc#owner", "group chats"),
        ("query", "urn:example", "requests of that kind"),
    ],
)
def test_refusal_says_what_does_not_go(service: Service, name: str, namespace: str, word: str) -> None:
    for to in (USER, RESOURCE):
        answer = asked(service, to, Element(name, namespace), "set")
        assert answer.error is not None and word in answer.error.text


@pytest.mark.parametrize("namespace", [INFO, ITEMS, PING, VERSION])
def test_nothing_can_be_set(service: Service, namespace: str) -> None:
    payload = Element("ping" if namespace == PING else "query", namespace)
    assert outcome(asked(service, DOMAIN, payload, "set")) == refused("service-unavailable")


def test_request_is_bad_when_it_has_no_payload_no_id_or_no_known_type(service: Service) -> None:
    ping = Element("ping", PING)
    assert outcome(asked(service, DOMAIN, None)) == refused("bad-request", "modify")
    assert outcome(asked(service, DOMAIN, ping, id="")) == refused("bad-request", "modify")
    assert outcome(asked(service, DOMAIN, ping, "fetch")) == refused("bad-request", "modify")


@pytest.mark.parametrize("type", ["result", "error"])
def test_answer_is_never_answered(service: Service, type: str) -> None:
    assert service.answer(Iq(ROMEO, JID.parse(DOMAIN), "1", type, payload=Element("ping", PING))) is None


def test_request_without_addresses_is_answered(service: Service) -> None:
    assert service.answer(Iq(None, None, "1", "get", payload=Element("ping", PING))) == b"<iq id='1' type='result'/>"


def test_peers_addresses_are_never_interned(service: Service) -> None:
    """twisted.words keeps every JID it has interned, and wokkel interns those of each stanza."""
    service.answer(Iq(ROMEO, JID.parse(DOMAIN), "1", "get", payload=Element("query", INFO)))
    interned = twisted_jid.__dict__["__internJIDs"]
    before = set(interned)
    assert len(before) <= 10
    for number in range(2000):
        asker = JID.parse(f"user{number}@montague.example/{number}")
        for to in (f"{number}.sip.example", f"{number}@sip.example", f"{number}@sip.example/{number}"):
            service.answer(Iq(asker, JID.parse(to), str(number), "get", payload=Element("query", ITEMS)))
    assert set(interned) == before


def test_memory_does_not_grow_with_requests(service: Service) -> None:
    def ask(number: int) -> None:
        node = {"node": f"node{number}"}
        for namespace in (INFO, ITEMS, PING, VERSION, f"urn:{number}"):
            service.answer(Iq(ROMEO, JID.parse(DOMAIN), str(number), "get", payload=Element("query", namespace, node)))

    tracemalloc.start()
    try:
        for number in range(50):
            ask(number)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(50, 550):
            ask(number)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()


NAMES = st.one_of(st.sampled_from(["query", "ping", "iq", "*", "@xmlns"]), st.text(min_size=1))
NAMESPACES = st.one_of(st.sampled_from([INFO, ITEMS, PING, VERSION]), st.text())
KEYS = st.one_of(st.sampled_from(["node", "xmlns", "type", "{urn:x}node"]), st.text(min_size=1))
TYPES = st.sampled_from(["get", "set", "result", "error", "", "x'"])
TARGETS = st.sampled_from([DOMAIN, USER, RESOURCE, "sip.example/x"])


@given(NAMES, NAMESPACES, st.dictionaries(KEYS, st.text()), TYPES, TARGETS)
@settings(max_examples=200)
def test_no_request_raises_anything(
    name: str, namespace: str, attributes: dict[str, str], type: str, to: str
) -> None:
    iq = Iq(ROMEO, JID.parse(to), "1", type, payload=Element(name, namespace, attributes))
    assert (Service("edge", "1").answer(iq) is None) == (type in ("result", "error"))
