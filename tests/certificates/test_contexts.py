"""What `edge.certificates.contexts` lets through, and what it writes down: handshakes in memory, without sockets."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from OpenSSL import SSL

from demo.authority import Authority, Issued, self_signed
from edge.certificates.contexts import Contexts, Handshake, Recorded
from edge.certificates.identity import Identities, parse
from edge.certificates.peers import sip_names
from edge.codes import Code
from edge.domains import Domain
from edge.partners import Directory, System
from tests.certificates.shaking import accepted, carry, client_of, dialled, server_of, shake

OURS = Authority("CA of everybody")
PRIVATE = Authority("CA of wonderland alone")
EDGE = OURS.issue(dns=["edge.example"])
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(OURS.pem)
    return path


@pytest.fixture
def private(tmp_path: Path) -> Path:
    path = tmp_path / "private.pem"
    path.write_bytes(PRIVATE.pem)
    return path


def system(name: str, *domains: str, ca: Path | None = None, min_version: str = "1.2") -> System:
    return System(
        name=name, inside=False, protocol="sip", domains=tuple(map(Domain, domains)), ca=ca, min_version=min_version
    )


def contexts(bundle: Path, *systems: System) -> Contexts:
    return Contexts(parse(EDGE.chain, EDGE.key), bundle, systems)


def peer(issued: Issued | None = None, version: int | None = None, ciphers: bytes | None = None) -> SSL.Context:
    """A context of somebody else, who trusts everybody."""
    context = SSL.Context(SSL.TLS_METHOD)
    if version is not None:
        context.set_max_proto_version(version)
    if ciphers is not None:
        context.set_cipher_list(ciphers)
    if issued is not None:
        identity = parse(issued.chain, issued.key)
        context.use_certificate(identity.leaf)
        for other in identity.chain[1:]:
            context.add_extra_chain_cert(other)
        context.use_privatekey(identity.key)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return context


Shake = Callable[[Contexts, SSL.Context], Handshake]
PARTNER = "wonderland", "wonderland.example"


@pytest.fixture(params=["accepted", "dialled"])
def handshake(request: pytest.FixtureRequest, bundle: Path) -> Shake:
    """Both directions are held to the same rules."""
    if request.param == "accepted":
        return accepted
    return lambda ours, theirs: dialled(ours, theirs, system(*PARTNER, ca=bundle))


@pytest.mark.parametrize(
    ("version", "name"), [(SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")]
)
def test_handshake_proves_the_peer_under_each_version(
    handshake: Shake, bundle: Path, version: int, name: str
) -> None:
    issued = OURS.issue(dns=["wonderland.example"])
    seen = handshake(contexts(bundle, system(*PARTNER, ca=bundle)), peer(issued, version))
    assert (seen.tls_version, seen.fault, seen.errors, seen.verified) == (name, None, (), True)
    assert seen.leaf is not None and sip_names(seen.leaf) == {"wonderland.example"}
    assert seen.cipher


CERTIFICATES = {
    "server purpose only": (OURS.issue(dns=["wonderland.example"], eku=["server"]), None),
    "no purpose": (OURS.issue(dns=["wonderland.example"], eku=None), None),
    "rsa": (OURS.issue(dns=["wonderland.example"], key="rsa"), None),
    "behind an intermediate": (OURS.intermediate("Below").issue(dns=["wonderland.example"]), None),
    "client purpose only": (OURS.issue(dns=["wonderland.example"], eku=["client"]), Code.C05),
    "expired": (OURS.issue(dns=["wonderland.example"], not_after=LONG_AGO), Code.C02),
    "not yet valid": (
        OURS.issue(dns=["wonderland.example"], not_before=datetime.now(UTC) + timedelta(days=30)), Code.C09
    ),
    "unknown issuer": (Authority("Nobody").issue(dns=["wonderland.example"]), Code.C01),
    "self-signed": (self_signed("wonderland.example", dns=["wonderland.example"]), Code.C01),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_handshake_is_completed_and_the_fault_named_when_the_certificate_is(
    handshake: Shake, bundle: Path, kind: str
) -> None:
    issued, code = CERTIFICATES[kind]
    seen = handshake(contexts(bundle, system(*PARTNER, ca=bundle)), peer(issued))
    assert seen.fault is code
    assert seen.verified


def test_handshake_says_that_there_was_no_certificate(bundle: Path) -> None:
    seen = accepted(contexts(bundle), peer())
    assert (seen.fault, seen.verified, seen.leaf) == (Code.T04, False, None)


def test_handshake_in_which_nothing_was_verified_is_not_trusted() -> None:
    leaf = parse(EDGE.chain, EDGE.key).leaf
    assert Handshake(leaf, (leaf,), (leaf,), (), verified=False).fault is Code.C01


def test_handshake_with_an_unreadable_certificate_is_not_trusted() -> None:
    assert Handshake(None, (), (), (), verified=True, readable=False).fault is Code.T07


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_session_is_never_resumed(bundle: Path, version: int) -> None:
    """A resumed session shows the certificate of the first one, and nobody verifies anything."""
    ours = contexts(bundle)
    theirs = peer(Authority("Nobody").issue(dns=["wonderland.example"]), version)
    theirs.set_session_cache_mode(SSL.SESS_CACHE_BOTH)
    first = SSL.Connection(theirs, None)
    shake(first, server_of(ours))
    session = first.get_session()
    assert session is not None
    again = SSL.Connection(theirs, None)
    again.set_session(session)
    server = server_of(ours)
    shake(again, server)
    seen = Handshake.of(server)
    assert seen.verified
    assert seen.fault is Code.C01


def test_old_version_is_refused(bundle: Path) -> None:
    with pytest.raises(SSL.Error):
        accepted(contexts(bundle), peer(EDGE, SSL.TLS1_1_VERSION))


@pytest.mark.parametrize("cipher", [b"AES128-GCM-SHA256", b"ECDHE-RSA-AES128-SHA256"])
def test_cipher_without_forward_secrecy_or_without_authentication_is_refused(bundle: Path, cipher: bytes) -> None:
    edge = OURS.issue(dns=["edge.example"], key="rsa")
    ours = Contexts(parse(edge.chain, edge.key), bundle, ())
    with pytest.raises(SSL.Error, match="no shared cipher"):
        accepted(ours, peer(EDGE, SSL.TLS1_2_VERSION, cipher))
    assert accepted(ours, peer(EDGE, SSL.TLS1_2_VERSION, b"ECDHE-RSA-AES128-GCM-SHA256")).verified


def test_renegotiation_is_refused(bundle: Path) -> None:
    client = SSL.Connection(peer(EDGE, SSL.TLS1_2_VERSION), None)
    server = server_of(contexts(bundle))
    shake(client, server)
    client.renegotiate()
    with pytest.raises(SSL.Error):
        for _ in range(4):
            with suppress(SSL.WantReadError):
                client.do_handshake()
            carry(client, server)
            with suppress(SSL.WantReadError):
                server.recv(1)
            carry(server, client)
    assert server.total_renegotiations() == 0


@pytest.mark.parametrize(
    ("dialled_name", "announced"),
    [("wonderland.example", b"wonderland.example"), ("192.0.2.1", None), ("[2001:db8::1]", None)],
)
def test_server_name_is_announced_when_it_is_a_name(bundle: Path, dialled_name: str, announced: bytes | None) -> None:
    to = system(*PARTNER, ca=bundle)
    server = SSL.Connection(peer(OURS.issue(dns=["wonderland.example"])), None)
    client = client_of(contexts(bundle, to), dialled_name, to)
    shake(client, server)
    assert server.get_servername() == announced


def test_lowest_version_of_a_partner_holds_when_we_dial(bundle: Path) -> None:
    to = system(*PARTNER, ca=bundle, min_version="1.3")
    issued = OURS.issue(dns=["wonderland.example"])
    with pytest.raises(SSL.Error):
        dialled(contexts(bundle, to), peer(issued, SSL.TLS1_2_VERSION), to)
    assert dialled(contexts(bundle, to), peer(issued), to).tls_version == "TLSv1.3"


def identified(ours: Contexts, directory: Directory, seen: Handshake) -> tuple[frozenset[str], Code | None]:
    found = ours.sip_peer(directory, seen)
    return found.systems, found.fault


def test_lowest_version_of_a_partner_holds_when_it_dials(bundle: Path) -> None:
    strict = system(*PARTNER, ca=bundle, min_version="1.3")
    lenient = system("other", "other.example", ca=bundle)
    ours, directory = contexts(bundle, strict, lenient), Directory([strict, lenient])
    issued = OURS.issue(dns=["wonderland.example"])
    old = accepted(ours, peer(issued, SSL.TLS1_2_VERSION))
    assert identified(ours, directory, old) == (frozenset(), Code.T02)
    assert identified(ours, directory, accepted(ours, peer(issued))) == ({"wonderland"}, None)


def test_private_authority_vouches_for_its_own_partner_only(bundle: Path, private: Path) -> None:
    theirs = system(*PARTNER, ca=private)
    other = system("other", "other.example", ca=bundle)
    ours, directory = contexts(bundle, theirs, other), Directory([theirs, other])

    both = accepted(ours, peer(PRIVATE.issue(dns=["wonderland.example", "other.example"])))
    assert both.fault is None
    assert identified(ours, directory, both) == ({"wonderland"}, None)

    forged = accepted(ours, peer(PRIVATE.issue(dns=["other.example"])))
    assert forged.fault is None
    assert identified(ours, directory, forged) == (frozenset(), Code.C01)

    public = accepted(ours, peer(OURS.issue(dns=["wonderland.example"])))
    assert identified(ours, directory, public) == (frozenset(), Code.C01)


def test_private_authority_counts_alone_when_we_dial(bundle: Path, private: Path) -> None:
    theirs = system(*PARTNER, ca=private)
    ours = contexts(bundle, theirs)
    assert dialled(ours, peer(PRIVATE.issue(dns=["wonderland.example"])), theirs).fault is None
    assert dialled(ours, peer(OURS.issue(dns=["wonderland.example"])), theirs).fault is Code.C01


def test_chain_through_an_intermediate_is_borne_by_its_root(bundle: Path, private: Path) -> None:
    theirs = system(*PARTNER, ca=private)
    ours = contexts(bundle, theirs)
    seen = accepted(ours, peer(PRIVATE.intermediate("Below").issue(dns=["wonderland.example"])))
    assert len(seen.chain) == 2
    assert ours.authorities(seen) == {private}


def test_trust_bundle_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SSL.Error):
        contexts(tmp_path / "none.pem")


def test_connection_of_ours_is_told_apart(bundle: Path) -> None:
    ours = contexts(bundle)
    assert isinstance(server_of(ours), Recorded)
    assert Handshake.of(SSL.Connection(peer(EDGE), None)).verified is False


# several identities, and their exchange

VERONA = OURS.issue(dns=["verona.example", "im.verona.example"])
PISA = OURS.issue(dns=["*.pisa.example"])
FRESH = OURS.issue(dns=["edge.example"])


def leaf_of(issued: Issued) -> x509.Certificate:
    return parse(issued.chain, issued.key).leaf


def several() -> Identities:
    default, *others = [parse(issued.chain, issued.key) for issued in (EDGE, VERONA, PISA)]
    return Identities(default, others)


def shown_by(server: SSL.Connection, announced: str = "") -> x509.Certificate | None:
    """What a client sees that asks for ``announced``."""
    client = SSL.Connection(peer(EDGE), None)
    if announced:
        client.set_tlsext_host_name(announced.encode())
    shake(client, server)
    return client.get_peer_certificate(as_cryptography=True)


@pytest.mark.parametrize(
    ("announced", "expected"),
    [
        ("", EDGE), ("edge.example", EDGE), ("verona.example", VERONA), ("IM.Verona.Example", VERONA),
        ("a.pisa.example", PISA), ("pisa.example", EDGE), ("nobody.example", EDGE), ("x" * 200, EDGE),
    ],
)
def test_client_is_shown_the_identity_that_it_asks_for(bundle: Path, announced: str, expected: Issued) -> None:
    ours = Contexts(several(), bundle, ())
    server = server_of(ours)
    assert shown_by(server, announced) == leaf_of(expected)
    assert (noted := Handshake.of(server).ours) is not None and noted.leaf == leaf_of(expected)


def test_client_that_announces_no_name_is_shown_what_the_caller_knows(bundle: Path) -> None:
    ours = Contexts(several(), bundle, ())
    assert shown_by(server_of(ours, "im.verona.example")) == leaf_of(VERONA)
    assert shown_by(server_of(ours, "im.verona.example"), "a.pisa.example") == leaf_of(PISA)
    assert shown_by(server_of(ours, "no name at all")) == leaf_of(EDGE)


def test_peer_is_judged_alike_behind_every_identity(bundle: Path) -> None:
    to = system(*PARTNER, ca=bundle)
    ours = Contexts(several(), bundle, [to])
    for issued, code in ((OURS.issue(dns=["wonderland.example"]), None), CERTIFICATES["self-signed"]):
        client, server = SSL.Connection(peer(issued), None), server_of(ours)
        client.set_tlsext_host_name(b"verona.example")
        shake(client, server)
        found = ours.sip_peer(Directory([to]), Handshake.of(server))
        assert (found.systems, found.fault) == (frozenset() if code else {"wonderland"}, code)


def test_we_show_the_identity_of_the_domain_that_we_speak_for(bundle: Path) -> None:
    to = system(*PARTNER, ca=bundle)
    ours = Contexts(several(), bundle, [to])
    for domain, issued in ((None, EDGE), ("verona.example", VERONA), ("x.pisa.example", PISA), ("b.example", EDGE)):
        client = ours.dialling("wonderland.example", to, Domain(domain) if domain else None)
        server = SSL.Connection(peer(EDGE), None)
        shake(client.clientConnectionForTLS(None), server)
        assert server.get_peer_certificate(as_cryptography=True) == leaf_of(issued)


def test_exchanged_identity_is_for_connections_that_begin_afterwards(bundle: Path) -> None:
    to = system(*PARTNER, ca=bundle)
    ours = contexts(bundle, to)
    accepting, dialling = ours.accepting(), ours.dialling("wonderland.example", to)
    begun = accepting.serverConnectionForTLS(None)
    ours.renew(parse(FRESH.chain, FRESH.key))
    assert shown_by(begun) == leaf_of(EDGE)
    assert shown_by(accepting.serverConnectionForTLS(None)) == leaf_of(FRESH)
    server = SSL.Connection(peer(EDGE), None)
    shake(dialling.clientConnectionForTLS(None), server)
    assert server.get_peer_certificate(as_cryptography=True) == leaf_of(FRESH)
    assert ours.identities.default.leaf == leaf_of(FRESH)


def test_exchange_that_fails_changes_nothing(bundle: Path) -> None:
    to = system(*PARTNER, ca=bundle)
    ours = contexts(bundle, to)
    good = bundle.read_bytes()
    bundle.write_bytes(b"")
    with pytest.raises(SSL.Error):
        ours.renew(parse(FRESH.chain, FRESH.key))
    assert shown_by(server_of(ours)) == ours.identities.default.leaf == leaf_of(EDGE)
    bundle.write_bytes(good)
    with pytest.raises(SSL.Error):
        ours.configure(ours.identities, bundle, [system("new", "new.example", ca=bundle.parent / "none.pem")])
    assert dialled(ours, peer(OURS.issue(dns=["wonderland.example"])), to).fault is None


def test_another_configuration_brings_its_own_trust(bundle: Path, private: Path) -> None:
    ours = contexts(bundle)
    theirs = system(*PARTNER, ca=private)
    issued = PRIVATE.issue(dns=["wonderland.example"])
    assert accepted(ours, peer(issued)).fault is Code.C01
    ours.configure(ours.identities, bundle, [theirs])
    assert accepted(ours, peer(issued)).fault is None
    assert dialled(ours, peer(issued), theirs).fault is None


def test_protocol_is_agreed_on_if_both_name_it(bundle: Path) -> None:
    to = system(*PARTNER, ca=bundle)
    ours = contexts(bundle, to)
    taking = ours.accepting(alpn=[b"xmpp-server"])
    for creator, offered, agreed in (
        (taking, [b"h2", b"xmpp-server"], b"xmpp-server"), (taking, [b"h2"], b""), (taking, [], b""),
        (ours.accepting(), [b"xmpp-server"], b""),
    ):
        client = ours.dialling("wonderland.example", to, alpn=offered).clientConnectionForTLS(None)
        shake(client, creator.serverConnectionForTLS(None))
        assert client.get_alpn_proto_negotiated() == agreed


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_session_of_one_partner_is_of_no_use_to_another(bundle: Path, version: int) -> None:
    """Whoever resumes somebody else's session would otherwise be taken for him, with a certificate of its own."""
    one, other = system(*PARTNER, ca=bundle), system("other", "other.example", ca=bundle)
    ours, directory = contexts(bundle, one, other), Directory([one, other])
    theirs = peer(OURS.issue(dns=["wonderland.example"]), version)
    theirs.set_session_cache_mode(SSL.SESS_CACHE_BOTH)
    first = SSL.Connection(theirs, None)
    shake(first, server_of(ours))
    session = first.get_session()
    assert session is not None
    mine, server = OURS.issue(dns=["other.example"]), server_of(ours)
    again = SSL.Connection(theirs, None)
    again.use_certificate(leaf_of(mine))
    again.use_privatekey(parse(mine.chain, mine.key).key)
    again.set_session(session)
    shake(again, server)
    assert identified(ours, directory, Handshake.of(server)) == ({"other"}, None)
