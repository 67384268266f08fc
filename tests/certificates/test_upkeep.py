"""What goes on beside the links, and what is told of it."""

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock

from edge.certificates.contexts import Contexts
from edge.certificates.expiry import LOOK_SECONDS as DATES
from edge.certificates.identity import Files, Identities, parse
from edge.certificates.reload import LOOK_SECONDS, RETIRE_SECONDS, Renewed
from edge.certificates.revocation import Ledger
from edge.certificates.upkeep import KIND, Upkeep
from edge.codes import Code
from edge.domains import Domain
from edge.partners import Peer, System
from tests.certificates.issuing import ROOT, crl, leaf
from tests.certificates.made import CLIENT, DAY, NOW, SERVER, Made, dns, make
from tests.certificates.test_revocation import shown

NAME = Domain("edge.example")
CONTOSO = System(name="contoso", inside=False, protocol="sip", domains=(Domain("b.example"),))
THEM = Peer("sip", frozenset({Domain("b.example")}), frozenset({"contoso"}))


def ours(days: float = 90, number: int = 5) -> Made:
    return make(dns(NAME), issuer=ROOT, eku=(SERVER, CLIENT), number=number, ends=NOW + days * DAY)


class Gateway:
    def __init__(self, folder: Path, made: Made) -> None:
        self.files = Files(folder / "edge.pem", folder / "edge.key")
        self.write(made)
        self.reactor = MemoryReactorClock()
        self.begun = self.reactor.seconds()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.closed: list[str] = []
        self.lapsed = 0
        self.contexts = Contexts(parse(made.pem, made.key_pem), folder / "ca.pem", ())
        self.open = [(self.contexts.identities.default, lambda: self.closed.append("old"))]
        self.upkeep = Upkeep(
            self.reactor, self.contexts, self.resolve, self.wall, self.report, lambda: self.open,
            self.on_lapsed, lambda address: True,
        )
        self.upkeep.configured(NAME, (), [self.files])
        self.upkeep.start()

    def write(self, made: Made) -> None:
        self.files.certificate.write_bytes(made.pem)
        self.files.key.write_bytes(made.key_pem)

    def on_lapsed(self) -> None:
        self.lapsed += 1

    def resolve(self, host: Domain) -> "Deferred[list[str]]":
        return succeed([])

    def wall(self) -> float:
        return NOW.timestamp() + self.reactor.seconds() - self.begun

    def report(self, name: str, **facts: Any) -> None:
        self.told.append((name, facts))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.told]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    return tmp_path


def test_renewal_is_shown_and_told_and_old_links_go(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    renewed = ours(number=6)
    gateway.write(renewed)
    gateway.reactor.pump([LOOK_SECONDS] * 2)
    assert gateway.contexts.identities.default.leaf == renewed.certificate
    ((event, facts),) = gateway.told
    assert (event, facts["identity"], facts["names"]) == ("cert.renewed", 0, NAME)
    assert "EDGE-K07" in facts["findings"]
    gateway.open.append((gateway.contexts.identities.default, lambda: gateway.closed.append("new")))
    gateway.reactor.advance(RETIRE_SECONDS)
    assert gateway.closed == ["old"]


def test_links_of_the_other_identities_stay(folder: Path) -> None:
    first, second, third = ours(), ours(number=6), ours(number=7)
    gateway = Gateway(folder, first)
    gateway.open.append((parse(second.pem, second.key_pem), lambda: gateway.closed.append("second")))
    for every in ((first, second), (first, third), (first,)):
        default, *others = (parse(made.pem, made.key_pem) for made in every)
        gateway.contexts.configure(Identities(default, others), folder / "ca.pem", ())
        gateway.upkeep.configured(NAME, (), [gateway.files] * len(every))
        gateway.reactor.advance(RETIRE_SECONDS)
    assert gateway.closed == ["second", "second"], "when it was renewed, and it was still open when that was removed"


def test_certificate_of_another_configuration_is_told_and_old_links_go(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    renewed = ours(number=6)
    gateway.contexts.configure(parse(renewed.pem, renewed.key_pem), folder / "ca.pem", ())
    gateway.write(renewed)
    gateway.upkeep.configured(NAME, (), [gateway.files])
    assert gateway.events == ["cert.renewed"]
    gateway.upkeep.configured(NAME, (), [gateway.files])
    gateway.reactor.advance(RETIRE_SECONDS)
    assert gateway.events == ["cert.renewed"] and gateway.closed == ["old"]


def test_renewal_that_loses_a_domain_of_ours_is_not_shown_before_the_old_one_ends(folder: Path) -> None:
    """Both have their names on two certificates; the renewal of the first comes before that of the second."""
    xmpp = System(name="house", inside=True, protocol="sip", domains=(Domain("b.example"), Domain("c.example")))
    partner = System(name="jabber", inside=False, protocol="xmpp", domains=(Domain("j.example"),), link="s2s")
    both = make(dns(NAME), dns("b.example"), issuer=ROOT, eku=(SERVER, CLIENT), number=5, ends=NOW + DAY / 24)
    gateway = Gateway(folder, both)
    gateway.upkeep.configured(NAME, (xmpp, partner), [gateway.files])
    gateway.told.clear()
    gateway.write(ours(number=6))
    gateway.reactor.pump([LOOK_SECONDS] * 4)
    ((event, facts),) = gateway.told
    assert (event, facts["code"]) == ("cert.kept", Code.C03)
    assert '"b.example"' in facts["text"] and "c.example" not in facts["text"], "nobody has carried that before"
    gateway.reactor.advance(3600)
    gateway.reactor.pump([LOOK_SECONDS] * 2)
    assert gateway.events[-1] == "cert.renewed"


def test_domain_may_go_from_one_certificate_to_another(folder: Path) -> None:
    house = System(name="house", inside=True, protocol="sip", domains=(Domain("b.example"),))
    partner = System(name="jabber", inside=False, protocol="xmpp", domains=(Domain("j.example"),), link="s2s")
    first = make(dns(NAME), dns("b.example"), issuer=ROOT, eku=(SERVER, CLIENT), number=5)
    gateway, second = Gateway(folder, first), ours(number=6)
    more = Files(folder / "more.pem", folder / "more.key")
    more.certificate.write_bytes(second.pem)
    more.key.write_bytes(second.key_pem)
    every = Identities(gateway.contexts.identities.default, [parse(second.pem, second.key_pem)])
    gateway.contexts.configure(every, folder / "ca.pem", ())
    gateway.upkeep.configured(NAME, (house, partner), [gateway.files, more])
    moved = make(dns(NAME), dns("b.example"), issuer=ROOT, eku=(SERVER, CLIENT), number=6)
    gateway.write(ours(number=7))
    more.certificate.write_bytes(moved.pem)
    gateway.reactor.pump([LOOK_SECONDS] * 4)
    assert [(event, facts["identity"]) for event, facts in gateway.told] == [
        ("cert.kept", 0), ("cert.renewed", 1), ("cert.renewed", 0),
    ]


def test_bad_renewal_is_told_with_its_code(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    gateway.files.key.write_bytes(ours(number=6).key_pem)
    gateway.reactor.pump([LOOK_SECONDS] * 3)
    ((event, facts),) = gateway.told
    assert (event, facts["code"]) == ("cert.kept", Code.K06)
    gateway.write(ours(number=6))
    assert [type(each) for each in gateway.upkeep.look_now()] == [Renewed]


def test_certificate_that_ends_soon_is_told_at_once_and_at_each_threshold(folder: Path) -> None:
    gateway = Gateway(folder, ours(days=7.5))
    assert [(event, facts["role"], facts["days"]) for event, facts in gateway.told] == [("cert.expiring", "own", 7)]
    gateway.reactor.pump([DATES] * 24)
    assert [facts["days"] for _, facts in gateway.told] == [7, 7] and gateway.lapsed == 25, "each hour"
    assert [finding.code for finding in gateway.upkeep.findings()] == [Code.C02]


def test_end_of_a_partners_certificate_is_told_too(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    soon = make(dns("b.example"), issuer=ROOT, number=9, ends=NOW + 3 * DAY)
    gateway.upkeep.saw(THEM, shown(soon, ROOT))
    gateway.reactor.advance(DATES)
    ((event, facts),) = gateway.told
    assert (event, facts["role"], facts["of"], facts["days"]) == ("cert.expiring", "peer", "contoso", 2)
    assert [(each.role, each.name) for each in gateway.upkeep.endings()] == [("own", NAME), ("peer", "contoso")]


def test_changed_certificate_of_a_partner_is_told(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    gateway.upkeep.saw(THEM, shown(leaf(), ROOT))
    gateway.upkeep.saw(THEM, shown(leaf(number=7), ROOT))
    ((event, facts),) = gateway.told
    assert (event, facts["partner"]) == ("cert.changed", "contoso")
    assert (facts["same_key"], facts["same_issuer"]) == (False, True)


def test_what_was_seen_outlives_the_process(folder: Path) -> None:
    gateway, first = Gateway(folder, ours()), leaf()
    gateway.contexts.noted(THEM, shown(first, ROOT))
    records = gateway.upkeep.book.unsaved()
    later = Gateway(folder, ours())
    for data in records.values():
        assert data is not None and later.upkeep.restore(KIND, data)
    assert not later.upkeep.restore(1, b"") and later.upkeep.restore(KIND, b"no record")
    assert later.events == ["cert.forgotten"]
    later.contexts.noted(THEM, shown(first, ROOT))
    assert later.events == ["cert.forgotten"], "it is the same certificate"
    later.contexts.noted(THEM, shown(leaf(number=7), ROOT))
    assert later.events == ["cert.forgotten", "cert.changed"]


def test_certificate_that_proves_nothing_is_kept_with_its_reason(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    gateway.upkeep.saw(Peer("sip", frozenset(), frozenset(), Code.C01), shown(leaf(), ROOT))
    gateway.upkeep.saw(Peer("sip", frozenset(), frozenset()), shown(leaf(), ROOT))
    assert [seen.code for seen in gateway.upkeep.book.rejected()] == ["EDGE-A01", "EDGE-C01"]
    assert gateway.told == []


def test_lists_are_read_from_files(folder: Path) -> None:
    gateway, made = Gateway(folder, ours()), leaf()
    (folder / "list.crl").write_bytes(crl([made]))
    gateway.upkeep.configured(NAME, (), [gateway.files], [folder / "list.crl", folder / "none.crl"])
    assert gateway.upkeep.revocation.fault(shown(made, ROOT), "soft") is Code.C10
    ((event, facts),) = gateway.told
    assert (event, facts["code"], facts["url"]) == ("revocation.failed", Code.K04, str(folder / "none.crl"))
    assert Ledger().fault(shown(made, ROOT), "soft", NOW) is None
    ((_, url, age),) = gateway.upkeep.crl_ages()
    assert (url, age) == (str(folder / "list.crl"), 0.0)


def test_list_that_changes_closes_the_links_of_who_is_on_it(folder: Path) -> None:
    gateway, made = Gateway(folder, ours()), leaf()
    (folder / "list.crl").write_bytes(crl())
    gateway.upkeep.configured(NAME, (), [gateway.files], [folder / "list.crl"])
    gateway.reactor.pump([LOOK_SECONDS] * 3)
    assert gateway.lapsed == 1, "when it began"
    (folder / "list.crl").write_bytes(crl([made]))
    gateway.reactor.pump([LOOK_SECONDS] * 3)
    assert gateway.lapsed == 2 and gateway.upkeep.revocation.fault(shown(made, ROOT), "soft") is Code.C10


def test_contexts_ask_whom_the_upkeep_asks(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    gateway.contexts.configure(gateway.contexts.identities, folder / "ca.pem", [CONTOSO])
    gateway.upkeep.configured(NAME, [CONTOSO], [gateway.files])
    assert gateway.contexts.revoked(shown(leaf(), ROOT), "hard") is Code.C08


def test_stopped_it_leaves_nothing_behind(folder: Path) -> None:
    gateway = Gateway(folder, ours())
    gateway.upkeep.stop()
    assert gateway.reactor.getDelayedCalls() == [] and gateway.events == []
