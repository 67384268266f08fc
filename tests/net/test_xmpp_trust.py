"""What the partner list and a certificate together allow a server to do."""

from dataclasses import replace

import pytest
from cryptography import x509

from edge.certificates.contexts import Handshake
from edge.certificates.trust import Trust as TrustOf
from edge.certificates.trust import pin_of
from edge.codes import Code
from edge.domains import Domain
from edge.net.xmpp_trust import NOTHING, Trust
from edge.partners import Directory, Peer, Streams
from edge.xmpp.negotiation import Allowed, Proved
from tests.net.cable import SIP, THEIRS, THEM, US, component, s2s

ALSO = Domain("also.example")
NOBODY = Peer("xmpp", frozenset(), frozenset(), Code.X04)
LEAF = x509.load_pem_x509_certificate(THEIRS.chain)
HANDSHAKE = Handshake(LEAF, (), (), (), True, "TLSv1.3")


class Verdicts:
    """In the place of `Contexts`: says of each certificate what it is told."""

    further = None

    def __init__(self, fault: Code | None) -> None:
        self.fault = fault

    def bears(self, handshake: Handshake, bundle: object) -> bool:
        return self.fault is None

    def revoked(self, handshake: Handshake, policy: str) -> Code | None:
        return self.fault if self.fault is Code.C10 else None

    def xmpp_peer(self, directory: Directory, handshake: Handshake, remote: Domain, proof: str = "") -> Peer:
        found = directory.identify("xmpp", frozenset((remote,)))
        return Peer("xmpp", found.names, frozenset() if self.fault else found.systems, self.fault)


NEVER_MADE_GOOD = (Code.T02, Code.T07, Code.C08, Code.C10, Code.C12)  # not by dialback: we have asked for it ourselves


def trust(streams: Streams, fault: Code | None = None) -> Trust:
    return Trust(Directory([SIP, s2s(streams=streams, domains=(THEM, ALSO))]), Verdicts(fault))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("streams", "fault", "allowed"),
    [
        (Streams(), None, Allowed(True, False, True)),
        (Streams(), Code.C01, Allowed(True, False, True)),
        (Streams(dialback=True, bidi=False), Code.C01, Allowed(True, True, False)),
        (Streams(external=False, dialback=True), None, Allowed(False, True, True)),
        *((Streams(dialback=True), fault, Allowed(True, False, True)) for fault in NEVER_MADE_GOOD),
    ],
)
def test_judge_allows_what_is_listed(streams: Streams, fault: Code | None, allowed: Allowed) -> None:
    verdict = trust(streams, fault).judge(THEM, US, HANDSHAKE)
    assert verdict.peer.fault is fault and verdict.allowed == allowed


PINNED = TrustOf(pins=frozenset(("sha256/" + "A" * 43 + "=",)))


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        ({"trust": PINNED}, False),
        ({"trust": TrustOf(pins=frozenset((pin_of(LEAF),)))}, True),
        ({"min_version": "1.3"}, False),
        ({"min_version": "1.2"}, True),
    ],
)
def test_worse_certificate_gets_around_nothing_that_we_ask_for_ourselves(asked: dict[str, object], met: bool) -> None:
    """The first thing that is wrong hides the others: a pin must not be lost by showing what nobody has issued."""
    weak = s2s(streams=Streams(dialback=True), **asked)
    listed = Trust(Directory([SIP, weak]), Verdicts(Code.C01))  # type: ignore[arg-type]
    old = replace(HANDSHAKE, tls_version="TLSv1.2", errors=((0, 18),))
    verdict = listed.judge(THEM, US, old)
    assert (verdict.peer.fault, verdict.allowed.dialback) == (Code.C01, met)
    assert listed.refuses(THEM, US, old) == ("" if met else "not-authorized")


@pytest.mark.parametrize(
    ("remote", "local", "code"),
    [
        ("stranger.example", US, Code.A01),
        (US, THEM, Code.A01),
        (THEM, "stranger.example", Code.A06),
        (THEM, ALSO, Code.A08),
    ],
)
def test_judge_allows_nothing_to_whom_policy_refuses(remote: str, local: str, code: Code) -> None:
    anything = trust(Streams(dialback=True))
    verdict = anything.judge(Domain(remote), Domain(local), HANDSHAKE)
    assert verdict.peer.fault is code and verdict.allowed == NOTHING and verdict.peer.systems == frozenset()
    assert anything.refuses(Domain(remote), Domain(local), HANDSHAKE) == "policy-violation"


def test_judge_lets_no_server_in_whose_component_we_are() -> None:
    listed = Trust(Directory([SIP, component()]), Verdicts(None))  # type: ignore[arg-type]
    assert listed.judge(THEM, US, HANDSHAKE).peer.fault is Code.A05


def test_dialback_is_made_for_those_alone_for_whom_it_counts() -> None:
    weak = trust(Streams(dialback=True))
    assert weak.refuses(THEM, US, HANDSHAKE) == "" and weak.refuses(THEM, US, None) == "not-authorized"
    assert trust(Streams()).refuses(THEM, US, HANDSHAKE) == "not-authorized"


@pytest.mark.parametrize(("fault", "condition"), [(Code.C10, "not-authorized"), (Code.C03, "")])
def test_dialback_makes_nothing_good_that_we_ask_for_ourselves(fault: Code, condition: str) -> None:
    """Of the second domain of a stream as little as of the first."""
    assert trust(Streams(dialback=True), fault).refuses(ALSO, US, HANDSHAKE) == condition


def test_proved_is_what_was_proved_and_nothing_else() -> None:
    listed = trust(Streams(dialback=True))
    bad = Peer("xmpp", frozenset((THEM,)), frozenset(), Code.C01)
    first = listed.proved(bad, bad, Proved(ALSO, US, "dialback"))
    assert (first.names, first.systems, first.fault) == (frozenset((ALSO,)), frozenset(("montague",)), None)
    both = listed.proved(first, bad, Proved(THEM, US, "dialback"))
    assert both.names == frozenset((ALSO, THEM)) and both.systems == frozenset(("montague",))


def test_proved_by_certificate_is_what_the_certificate_proves() -> None:
    listed = trust(Streams())
    verdict = listed.judge(THEM, US, HANDSHAKE).peer
    assert listed.proved(NOBODY, verdict, Proved(THEM, US, "external")) is verdict


