"""What a domain says of its certificates is fetched within bounds, believed for a while, and not waited for long."""

import json
from base64 import b64encode
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.names import dns

from edge.certificates import http
from edge.certificates.contexts import Handshake
from edge.certificates.posh import MAX_DOCUMENT
from edge.codes import Code
from edge.domains import Domain
from edge.net import proofs
from edge.net.proofs import DANE, DANE_SECONDS, FETCH_SECONDS, POSH, RETRY_SECONDS, WAIT_SECONDS, Proofs
from tests.certificates.made import dns as dns_name
from tests.certificates.made import make

THEM = Domain("xmpp.example")
LEAF, OTHER = make(dns_name("pool.example")).certificate, make(number=1).certificate
OURS = "https://xmpp.example/.well-known/posh/xmpp-server.json"
THEIRS = "https://pool.example/posh.json"


def shown(leaf: x509.Certificate | None = LEAF) -> Handshake:
    chain = () if leaf is None else (leaf,)
    return Handshake(leaf, chain, chain, (), True, "TLSv1.3")


def document(leaf: x509.Certificate = LEAF, seconds: int = 600) -> bytes:
    digest = b64encode(leaf.fingerprint(SHA256())).decode()
    return json.dumps({"fingerprints": [{"sha-256": digest}], "expires": seconds}).encode()


def reference(seconds: int = 600) -> bytes:
    return json.dumps({"url": THEIRS, "expires": seconds}).encode()


class Net:
    """The web and DNS: ``pages`` by address and ``records`` by name; what is not there fails, None never answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.pages: dict[str, bytes | None] = {}
        self.records: dict[str, list[object]] = {}
        self.asked: list[str] = []
        self.private: dict[str, bool] = {}  # by address, whether a private one may be dialled
        monkeypatch.setattr(http, "get", self.get)
        self.told: list[tuple[str, dict[str, object]]] = []
        self.proofs = Proofs(self.clock, lambda host: succeed([]), self, report=self.report)  # type: ignore[arg-type]

    def report(self, name: str, **facts: object) -> None:
        self.told.append((name, facts))

    async def get(self, reactor: object, url: str, body: None, limit: int, *more: object) -> bytes:
        _, is_allowed, scheme = more
        assert (body, limit, scheme) == (None, MAX_DOCUMENT, "https") and callable(is_allowed)
        self.asked.append(url)
        self.private[url] = is_allowed("10.0.0.7")
        page = self.pages[url]
        if page is None:
            await Deferred()
        assert page is not None
        return page

    async def ask(self, name: str, kind: int) -> list[object]:
        self.asked.append(name)
        return self.records.get(name, [])

    def waits(self, *kinds: str) -> "Deferred[None] | None":
        return self.proofs.waiting(kinds or (POSH,), THEM)

    def proof(self, *kinds: str, leaf: x509.Certificate | None = LEAF, fault: Code | None = Code.C01) -> str:
        return self.proofs.proof(kinds or (POSH,), THEM, shown(leaf), fault)


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    return Net(monkeypatch)


# --- POSH ---------------------------------------------------------------------------------------------------


def test_document_names_the_certificate_and_no_other(net: Net) -> None:
    net.pages[OURS] = document()
    assert net.proof() == "" and net.waits() is None and net.proof() == "posh"
    assert net.proof(leaf=OTHER) == "" and net.proof(leaf=None) == ""
    assert net.proofs.proof((POSH,), Domain("other.example"), shown(), Code.C01) == ""


def test_document_is_asked_for_once_until_it_expires(net: Net) -> None:
    net.pages[OURS] = document(seconds=600)
    net.waits()
    net.clock.advance(599)
    net.waits()
    assert net.asked == [OURS] and net.proof() == "posh"
    net.clock.advance(1)
    assert net.proof() == ""
    net.waits()
    assert net.asked == [OURS, OURS]


def test_document_may_lead_to_one_other_but_not_into_our_network(net: Net) -> None:
    net.pages |= {OURS: reference(600), THEIRS: document(seconds=90)}
    net.waits()
    assert net.proof() == "posh" and net.private == {OURS: True, THEIRS: False}
    net.clock.advance(90)
    assert net.proof() == "", "the shorter of the two times counts"


@pytest.mark.parametrize("page", [reference(), b"<html>", document(OTHER)], ids=["reference", "markup", "another"])
def test_document_that_leads_on_or_says_nothing_proves_nothing(net: Net, page: bytes) -> None:
    net.pages |= {OURS: reference(), THEIRS: page}
    net.waits()
    assert net.proof() == "" and net.asked == [OURS, THEIRS]


def test_proof_that_is_not_to_be_had_is_told(net: Net) -> None:
    net.pages |= {OURS: reference(), THEIRS: reference()}
    net.waits(POSH, DANE)
    assert net.told == [
        ("proof.failed", {
            "remote": THEM, "proof": "posh", "text": "the document that is referred to refers to another",
        }),
        ("proof.failed", {
            "remote": THEM, "proof": "dane", "text": "there is no record that the resolver vouches for",
        }),
    ]


def test_domain_without_document_is_left_alone_for_a_while(net: Net) -> None:
    net.waits()
    net.pages[OURS] = document()
    net.clock.advance(RETRY_SECONDS - 1)
    net.waits()
    assert net.asked == [OURS] and net.proof() == ""
    net.clock.advance(1)
    net.waits()
    assert net.asked == [OURS, OURS] and net.proof() == "posh"


def test_silent_web_server_is_waited_for_once_and_not_long(net: Net) -> None:
    net.pages[OURS] = None
    first, second = net.waits(), net.waits()
    assert first is not None and second is not None and net.asked == [OURS]
    net.clock.advance(WAIT_SECONDS)
    assert first.called and second.called and net.proof() == ""
    net.clock.advance(FETCH_SECONDS)
    assert net.waits() is None and not net.clock.getDelayedCalls()


def test_only_so_much_is_fetched_at_a_time_and_remembered(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "MAX_FETCHES", 1)
    monkeypatch.setattr(proofs, "MAX_KEPT", 1)
    net.pages[OURS] = None
    assert net.waits() is not None
    assert net.proofs.waiting((POSH,), Domain("other.example")) is None and net.asked == [OURS]
    net.clock.advance(FETCH_SECONDS)
    net.clock.advance(RETRY_SECONDS)
    net.pages[OURS] = document()
    net.waits()
    assert net.proof() == "posh"
    net.proofs.waiting((POSH,), Domain("other.example"))
    assert net.proof() == ""


def test_stop_lets_go_of_everything(net: Net) -> None:
    net.pages[OURS] = None
    waiting = net.waits()
    net.proofs.stop()
    assert waiting is not None and waiting.called and not net.clock.getDelayedCalls() and net.waits() is None
    assert not net.told


# --- DANE ---------------------------------------------------------------------------------------------------


class Unknown:
    """A record of a type that Twisted does not know."""

    def __init__(self, usage: int, leaf: x509.Certificate = LEAF) -> None:
        self.data = bytes((usage, 0, 1)) + sha256(leaf.public_bytes(Encoding.DER)).digest()


def srv(target: str, port: int = 5269) -> dns.Record_SRV:
    return dns.Record_SRV(0, 0, port, target.encode())  # type: ignore[no-untyped-call]  # so Twisted has it


def test_record_of_a_server_of_the_domain_names_the_certificate(net: Net) -> None:
    net.records["_xmpp-server._tcp.xmpp.example"] = [srv("."), srv("a.example"), srv("pool.example", 5270)]
    net.records["_5270._tcp.pool.example"] = [Unknown(3)]
    net.waits(DANE)
    assert net.proof(DANE) == "dane" and net.proof(DANE, leaf=OTHER) == ""
    assert net.asked == [
        "_xmpps-server._tcp.xmpp.example",
        "_xmpp-server._tcp.xmpp.example",
        "_5269._tcp.a.example",
        "_5270._tcp.pool.example",
    ]
    net.clock.advance(DANE_SECONDS)
    assert net.proof(DANE) == ""


@pytest.mark.parametrize("names", [[], ["_xmpp-server._tcp.xmpp.example"], ["_5269._tcp.pool.example"]])
def test_what_the_resolver_does_not_vouch_for_proves_nothing(net: Net, names: list[str]) -> None:
    known: dict[str, list[object]]
    known = {"_xmpp-server._tcp.xmpp.example": [srv("pool.example")], "_5269._tcp.pool.example": [Unknown(3)]}
    net.records |= {name: known[name] for name in names}
    net.waits(DANE)
    assert net.proof(DANE) == ""


@pytest.mark.parametrize(
    ("target", "usage", "fault", "proof"),
    [
        ("pool.example", 1, Code.C03, "dane"),  # DNS says that this host is a server of the domain
        ("a.example", 1, Code.C03, ""),
        ("a.example", 1, None, "dane"),
        ("pool.example", 1, Code.C01, ""),
    ],
)
def test_pkix_usage_wants_a_good_chain_for_the_domain_or_its_server(
    net: Net, target: str, usage: int, fault: Code | None, proof: str
) -> None:
    net.records["_xmpps-server._tcp.xmpp.example"] = [srv(target)]
    net.records[f"_5269._tcp.{target}"] = [Unknown(usage)]
    net.waits(DANE)
    assert net.proof(DANE, fault=fault) == proof


def test_nothing_is_dane_s_without_a_resolver_that_validates(net: Net) -> None:
    net.proofs.secured = None
    net.records["_xmpp-server._tcp.xmpp.example"] = [srv("pool.example")]
    assert net.waits(DANE) is None and net.asked == []


def test_first_of_several_proofs_counts(net: Net) -> None:
    net.pages[OURS] = document()
    net.records["_xmpp-server._tcp.xmpp.example"] = [srv("pool.example")]
    net.records["_5269._tcp.pool.example"] = [Unknown(3)]
    net.waits(DANE, POSH)
    assert net.proof(DANE, POSH) == "dane" and net.proof(POSH, DANE) == "posh"
