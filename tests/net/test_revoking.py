"""Links of peers whose certificate has ended or was revoked are closed, and no others."""

import dataclasses
from pathlib import Path

import pytest

from edge.certificates.handshake import Handshake
from edge.certificates.trust import Trust
from edge.codes import Code
from edge.net.links import Cause
from edge.net.revoking import close_lapsed
from edge.partners import Peer
from tests.net.cable import SIP, THEM, US, World, s2s


class Contexts:
    """In the place of the real ones: who is revoked, where anybody wants to know."""

    def __init__(self) -> None:
        self.known: Code | None = Code.C10

    def revoked(self, handshake: Handshake, policy: str) -> Code | None:
        return None if policy == "off" else self.known


class Link:
    def __init__(self, *systems: str, handshake: Handshake | None = None) -> None:
        self.peer = Peer("sip", frozenset(), frozenset(systems))
        self.handshake = handshake or Handshake(None, (), (), (), True)
        self.closed: list[Cause] = []

    def close(self, cause: Cause) -> None:
        self.closed.append(cause)


@pytest.mark.parametrize(("policy", "closed"), [("off", 0), ("soft", 1)])
def test_stream_of_who_is_revoked_is_closed_with_the_reason(tmp_path: Path, policy: str, closed: int) -> None:
    world = World(tmp_path, SIP, s2s(trust=Trust(revocation=policy)))
    far = world.come_in()
    assert close_lapsed([], world.pool.links, world.directory, Contexts(), 0.0) == closed  # type: ignore[arg-type]
    heard = far.hears()
    assert (b"<reset " in heard and b"EDGE-C10" in heard) == bool(closed)


def test_link_of_who_is_revoked_is_closed_and_those_of_nobody_are_not(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s(), dataclasses.replace(SIP, name="contoso", inside=False, domains=()))
    link, nobody, shaking, contexts = Link("contoso", "gone"), Link(), Link("contoso"), Contexts()
    shaking.handshake = None  # type: ignore[assignment]
    every = [link, nobody, shaking]
    assert close_lapsed(every, [], world.directory, contexts, 0.0) == 1  # type: ignore[arg-type]
    assert [cause.code for cause in link.closed] == [Code.C10] and not nobody.closed and not shaking.closed
    contexts.known = Code.C08
    assert close_lapsed(every, [], world.directory, contexts, 0.0) == 0, "not to know is no reason to end what goes on"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "how", "proof", "closed"),
    [(1, "external", "", 1), (-1, "external", "", 0), (1, "dialback", "", 0), (1, "external", "dane", 0)],
)
def test_link_of_whom_the_certificate_has_ended_is_closed_if_it_rests_on_that(
    tmp_path: Path, after: float, how: str, proof: str, closed: int
) -> None:
    world = World(tmp_path, SIP, s2s())
    far = world.come_in()
    (stream,) = world.pool.links
    stream.security.proofs, stream.security.proof = {(THEM, US): how}, proof
    assert stream.handshake is not None and stream.handshake.leaf is not None
    link, contexts = Link("montague", handshake=stream.handshake), Contexts()
    contexts.known = None
    now = stream.handshake.leaf.not_valid_after_utc.timestamp() + after
    assert close_lapsed([link], [stream], world.directory, contexts, now) == closed + (after > 0)  # type: ignore[arg-type, list-item]
    heard = far.hears()
    assert (b"<reset " in heard and b"EDGE-C02" in heard) == bool(closed)
    assert [cause.code for cause in link.closed] == [Code.C02] * (after > 0)
