"""What `edge.certificates.contexts` lets through, and what it writes down: handshakes in memory, without sockets."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from OpenSSL import SSL

from demo.authority import Authority, Issued, self_signed
from edge.certificates.contexts import Contexts, Handshake, Recorded
from edge.certificates.identity import parse
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
}  # fmt: skip


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
    assert Handshake(None, (), (), (), verified=True, readable=False).fault is Code.T02


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
