"""Streams with servers whose certificate is good by DANE or POSH (RFC 7712), in memory with real TLS."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from demo.authority import self_signed
from edge.certificates.contexts import Contexts, Handshake
from edge.certificates.trust import Trust
from edge.codes import Code
from edge.domains import Domain
from edge.net import xmpp_link
from edge.partners import Streams, System
from tests.net.cable import AUTH, HEADER, SIP, STARTTLS, SUCCESS, THEIRS, THEM, US, World, message, refused, s2s
from tests.net.loopback import Creator

ALONE = self_signed("", dns=["pool.example"])
BOTH = Streams(further=("dane", "posh"))
PINNED = Trust(pins=frozenset(("sha256/" + "A" * 43 + "=",)))


class Elsewhere:
    """In the place of `Proofs`: proves what it is told, for everybody, once the test has let it know."""

    def __init__(self, proof: str, *, slow: bool = False) -> None:
        self.coming: Deferred[None] | None = Deferred() if slow else None
        self.asked: list[tuple[Sequence[str], Domain]] = []
        self._proof = proof

    def waiting(self, kinds: Sequence[str], remote: Domain) -> "Deferred[None] | None":
        self.asked.append((kinds, remote))
        return self.coming

    def proof(self, kinds: Sequence[str], remote: Domain, handshake: Handshake, fault: Code | None) -> str:
        known = self.coming is None or self.coming.called
        return self._proof if known and remote == THEM and self._proof in kinds else ""


def world(folder: Path, elsewhere: Elsewhere, partner: System | None = None) -> World:
    made = World(folder, SIP, partner or s2s(streams=BOTH))
    contexts: Contexts = made.pool._contexts
    contexts.further = elsewhere
    return made


@pytest.mark.parametrize("proof", ["dane", "posh"])
def test_server_whose_certificate_is_proved_elsewhere_gets_in(tmp_path: Path, proof: str) -> None:
    elsewhere = Elsewhere(proof)
    here = world(tmp_path, elsewhere)
    here.come_in(ALONE).says(message("m1"))
    (link,) = here.pool.links
    assert [stanza.id for stanza in here.sink.stanzas] == ["m1"] and link.peer.systems == {"montague"}
    assert link.security.proofs == {(THEM, US): "external"} and link.security.authenticated == proof
    assert here.sink.events[0][1]["auth"] == proof and here.sink.events[0][1]["cert_fault"] == ""
    assert elsewhere.asked == [(("dane", "posh"), THEM)]


def test_server_that_we_dial_is_trusted_alike(tmp_path: Path) -> None:
    here = world(tmp_path, Elsewhere("posh"))
    here.send("token")
    assert b"<message/>" in here.go_out(ALONE).all
    assert here.sink.events[0][1]["auth"] == "posh"


def test_stream_waits_for_the_proof_and_nothing_is_read_meanwhile(tmp_path: Path) -> None:
    elsewhere = Elsewhere("posh", slow=True)
    here = world(tmp_path, elsewhere)
    far = here.accept()
    far.says(HEADER)
    far.says(STARTTLS)
    far.secure(Creator(ALONE), client=True)
    assert far.says(HEADER) == b"" and far.cable.near.paused
    assert elsewhere.coming is not None
    elsewhere.coming.callback(None)
    far.cable.pump()
    assert b"<mechanism>EXTERNAL</mechanism>" in far.all and not far.cable.near.paused
    assert far.says(AUTH).endswith(SUCCESS.encode())


def test_dial_waits_for_the_proof_too(tmp_path: Path) -> None:
    elsewhere = Elsewhere("dane", slow=True)
    here = world(tmp_path, elsewhere)
    here.send("token")
    far = here.go_out(ALONE)
    assert b"<message" not in far.all and elsewhere.coming is not None
    elsewhere.coming.callback(None)
    far.cable.pump()
    assert b"to='xmpp.example'" in far.all and far.reason is None


@pytest.mark.parametrize("end", ["cut", "late"])
def test_stream_that_is_over_before_the_proof_comes_stays_so(tmp_path: Path, end: str) -> None:
    elsewhere = Elsewhere("posh", slow=True)
    here = world(tmp_path, elsewhere)
    here.pool.start()
    far = here.accept()
    far.says(HEADER)
    far.says(STARTTLS)
    far.secure(Creator(ALONE), client=True)
    far.says(HEADER)
    if end == "cut":
        far.cable.cut()
    else:
        here.wait(xmpp_link.NEGOTIATION + xmpp_link.CLOSING + 2, far.cable)
    assert elsewhere.coming is not None
    elsewhere.coming.callback(None)
    assert not here.pool.links and not here.sink.codes("link.up")


@pytest.mark.parametrize(
    ("partner", "code"),
    [
        (s2s(streams=BOTH, trust=PINNED), Code.C12),
        (s2s(streams=BOTH, trust=Trust(revocation="hard")), Code.C08),
        (s2s(streams=Streams()), Code.C01),
    ],
)
def test_proof_makes_nothing_good_that_we_ask_ourselves(tmp_path: Path, partner: System, code: Code) -> None:
    here = world(tmp_path, Elsewhere("posh"), partner)
    here.come_in(ALONE)
    assert refused(here) is code


def test_proof_makes_no_old_tls_good(tmp_path: Path) -> None:
    from OpenSSL import SSL

    later = s2s(name="later", domains=(Domain("later.example"),))  # so that TLS 1.2 is taken at all
    here = World(tmp_path, SIP, s2s(streams=BOTH, min_version="1.3"), later)
    here.pool._contexts.further = Elsewhere("posh")
    here.come_in(ALONE, version=SSL.TLS1_2_VERSION)
    assert refused(here) is Code.T02


def test_good_certificate_is_enough_where_it_counts_and_nothing_where_not(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    elsewhere = Elsewhere("")
    here = world(tmp_path, elsewhere)
    here.come_in(THEIRS)
    assert here.sink.events[0][1]["auth"] == "external" and elsewhere.asked == []
    here = world(tmp_path / "b", elsewhere, s2s(streams=Streams(external=False, further=("posh",))))
    here.come_in(THEIRS)
    assert refused(here) is Code.C01 and elsewhere.asked == [(("posh",), THEM)]


def test_reload_leaves_a_stream_alone_whose_proof_still_counts(tmp_path: Path) -> None:
    elsewhere = Elsewhere("posh")
    here = world(tmp_path, elsewhere)
    here.come_in(ALONE)
    (link,) = here.pool.links
    elsewhere._proof = ""  # what was fetched is forgotten by now
    trust = here.pool._trust
    assert trust.judge_again(link)
    system = here.directory.system_of(THEM)
    assert system is not None
    object.__setattr__(system, "streams", Streams())
    assert not trust.judge_again(link)


