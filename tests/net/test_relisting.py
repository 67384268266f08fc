"""What another partner list means for links."""

import dataclasses

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.net.relisting import Relisting
from edge.partners import Block, Directory, HostPort, Peer, System

OFFICE = System("office", True, "xmpp", (domain("office.example"),), "s2s")
HOSTS = (HostPort("edge.contoso.com", 5061),)
CONTOSO = System("contoso", False, "sip", (domain("contoso.com"), domain("contoso.de")), hosts=HOSTS)
FABRIKAM = System("fabrikam", False, "sip", (domain("fabrikam.com"),))


def speaking_for(*systems: str, names: tuple[str, ...] = ("contoso.com",)) -> Peer:
    return Peer("sip", frozenset(map(Domain, names)), frozenset(systems))


def relisted(*systems: System, block: str = "") -> tuple[Directory, Relisting]:
    """Contoso and Fabrikam were listed, and now it is ``systems``."""
    directory = Directory([OFFICE, *map(dataclasses.replace, (CONTOSO, FABRIKAM))])
    blocks = [Block((domain(block),))] if block else []
    return directory, Relisting(directory, directory.become(Directory([OFFICE, *systems], blocks)))


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"hosts": None}, "moved"),
        ({"secret": "x"}, "moved"),
        ({"peer_names": frozenset((domain("a.example"),))}, "judged"),
        ({"domains": (domain("contoso.com"),)}, "judged"),
        ({"burst": 3}, ""),
    ],
)
def test_what_is_said_otherwise_decides_what_becomes_of_links(said: dict[str, object], where: str) -> None:
    _, new = relisted(dataclasses.replace(CONTOSO, **{"peer_names": CONTOSO.peer_names, **said}), FABRIKAM)  # type: ignore[arg-type]
    assert (new.moved, new.judged, new.gone) == (
        {"contoso"} if where == "moved" else set(),
        {"contoso"} if where == "judged" else set(),
        set(),
    )
    assert new.concerns(speaking_for("contoso")) is (where == "judged")
    assert not new.concerns(speaking_for("fabrikam", names=("fabrikam.com",)))


def test_who_is_removed_is_gone() -> None:
    directory, new = relisted(FABRIKAM)
    assert new.gone == {"contoso"} and not new.has(CONTOSO)
    assert new.cause(CONTOSO).code is Code.A01
    kept = directory.named("fabrikam")
    assert kept is not None and new.has(kept) and new.cause(kept).code is Code.N03


def test_who_is_another_one_under_the_same_name_is_gone_too() -> None:
    """The name says inside now: links and queues of the partner are not those of this one."""
    directory, new = relisted(dataclasses.replace(CONTOSO, inside=True), FABRIKAM)
    now = directory.named("contoso")
    assert now is not None and new.has(now) and not new.has(CONTOSO)
    assert new.gone == {"contoso"}


def test_who_is_blocked_whole_is_gone_and_who_is_blocked_in_part_is_not() -> None:
    directory, new = relisted(CONTOSO, FABRIKAM, block="fabrikam.com")
    kept = directory.named("fabrikam")
    assert kept is not None and not new.has(kept) and new.cause(kept).code is Code.A02
    assert new.gone == {"fabrikam"} and new.concerns(speaking_for("fabrikam", names=("fabrikam.com",)))
    _, new = relisted(CONTOSO, FABRIKAM, block="contoso.de")
    assert not new.gone


@pytest.mark.parametrize("known_by", ["peer_names", "wildcards"])
def test_a_link_may_speak_for_a_new_partner_too(known_by: str) -> None:
    """A hosting service has one certificate and many domains: the next one must not wait for the next connection."""
    new_one = System("new", False, "sip", (domain("new.example"),), **{known_by: (domain("hosting.example"),)})  # type: ignore[arg-type]
    _, new = relisted(CONTOSO, FABRIKAM, new_one)
    name = "hosting.example" if known_by == "peer_names" else "edge.hosting.example"
    assert new.concerns(speaking_for("contoso", names=("contoso.com", name)))
    assert not new.concerns(speaking_for("contoso"))
