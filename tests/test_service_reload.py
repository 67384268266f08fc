"""The service reads its configuration again: on SIGHUP, when it is asked, and when the time of a partner is over."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

import edge.certificates.reload
import edge.service
from edge.admin.reloading import Outcome
from edge.codes import Code
from edge.config import load
from edge.gateway.effects import Report
from edge.net.tcp import Reactor
from edge.service import EdgeService
from edge.store import Store
from tests.config.written import PARTNERS, Written, changed
from tests.test_service import FREE, until, with_listeners

WINGTIP = PARTNERS + '[[partner]]\nname = "wingtip"\ndomains = ["wingtip.example"]\nvia = "sip"\n'


class Reloads(TestCase):
    """With real sockets and threads; nobody but us is there."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.written = Written(Path(folder.name))
        self.events: list[Report] = []

    def service(self) -> EdgeService:
        service = EdgeService(reactor, load(self.written.write(with_listeners(FREE)).edge))
        service._driver.watch(self.events.append)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        return service

    def event(self, name: str) -> Report | None:
        return next((report for report in self.events if report.event == name), None)

    async def test_hang_up_puts_new_files_into_force(self) -> None:
        service = self.service()
        self.written.write(partners=WINGTIP)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: self.event("config.loaded") is not None)
        loaded = self.event("config.loaded")
        assert loaded is not None and loaded.fields["changes"] == "+ partner wingtip"
        assert service._node.directory.named("wingtip") is not None
        assert service._audit.since(0.0, 10)[0][-1]["by"] == "SIGHUP"

    async def test_hang_up_while_the_state_is_still_read_is_done_afterwards(self) -> None:
        opened = edge.service.open_store

        def slow(*said: Any) -> Store:
            self.written.write(partners=WINGTIP)
            os.kill(os.getpid(), signal.SIGHUP)
            return opened(*said)

        self.patch(edge.service, "open_store", slow)
        def early(number: int, frame: object) -> None:
            self.fail("it would have ended the process")

        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, early))
        service = self.service()
        await until(lambda: self.event("config.loaded") is not None)
        assert service._node.directory.named("wingtip") is not None

    async def test_hang_up_is_what_it_was_when_the_service_has_stopped(self) -> None:
        before = signal.getsignal(signal.SIGHUP)
        service = self.service()
        assert signal.getsignal(signal.SIGHUP) != before
        await service.stopService()
        assert signal.getsignal(signal.SIGHUP) == before

    async def test_bad_files_change_nothing_and_say_why(self) -> None:
        service = self.service()
        self.written.write(partners=changed(WINGTIP, '"wingtip.example"', '"contoso.com"'))
        outcome = await service.reload()
        assert not outcome.accepted
        rejected = self.event("config.rejected")
        assert rejected is not None and rejected.code is not None
        assert "partners.toml line" in str(rejected.fields["text"]) and "contoso" in str(rejected.fields["text"])
        assert service._node.directory.named("wingtip") is None

    async def test_dry_run_says_what_would_change_and_changes_nothing(self) -> None:
        service = self.service()
        self.written.write(partners=WINGTIP)
        outcome = await service.reload(dry_run=True)
        assert outcome.lines == ("+ partner wingtip",)
        assert service._node.directory.named("wingtip") is None
        assert not [report for report in self.events if report.event.startswith("config.")]

    async def test_reloads_come_one_after_the_other(self) -> None:
        """Read in threads, an earlier state of the files could else be put into force over a later one."""
        service = self.service()
        first = service.reload()
        self.written.write(partners=WINGTIP)
        outcomes: list[Outcome] = await gatherResults([first, service.reload(), service.reload()])
        assert [outcome.generation for outcome in outcomes] in ([1, 2, 2], [2, 2, 2])
        assert service._node.directory.named("wingtip") is not None

    async def test_certificate_that_is_new_in_a_reload_is_shown_and_told(self) -> None:
        service = self.service()
        self.written.renew()
        outcome = await service.reload()
        assert outcome.lines == ("~ certificates",) and outcome.applied.links_closed == 0
        assert self.event("cert.renewed") is not None
        assert service._contexts.identities.default.chain == load(self.written.edge).identity.chain

    async def test_certificate_that_is_new_by_itself_is_shown_and_no_difference_later(self) -> None:
        self.patch(edge.certificates.reload, "LOOK_SECONDS", 0.02)
        service = self.service()
        self.written.renew()
        await until(lambda: self.event("cert.renewed") is not None)
        assert service._contexts.identities.default.chain == load(self.written.edge).identity.chain
        assert (await service.reload()).lines == ()

    async def test_certificate_whose_key_is_another_one_is_not_shown(self) -> None:
        self.patch(edge.certificates.reload, "LOOK_SECONDS", 0.02)
        service = self.service()
        shown = service._contexts.identities
        key = self.written.folder / "certs" / "edge.key"
        before = key.read_bytes()
        self.written.renew()
        key.write_bytes(before)
        await until(lambda: self.event("cert.kept") is not None)
        kept = self.event("cert.kept")
        assert kept is not None and kept.code is Code.K06
        assert service._contexts.identities is shown
        assert not (await service.reload()).accepted


class Passing:
    """A service whose clock is ours, with one partner whose time is over at the end of January 2040."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.written = Written(folder)
        passing = changed(PARTNERS, 'via = "sip"\nhosts', 'via = "sip"\nexpires = 2040-01-31\nhosts')
        self.written.write(with_listeners(FREE), passing)
        self.clock = Clock()
        self.now = datetime(2040, 1, 31, 23, 59, 0, tzinfo=UTC).timestamp()
        monkeypatch.setattr(edge.service, "time", lambda: self.now + self.clock.seconds())
        self.service = EdgeService(as_reactor(self.clock), load(self.written.edge))
        self.events: list[Report] = []
        self.service._driver.watch(self.events.append)
        self.service._expect_expiry()

    def names(self) -> list[str]:
        return [system.name for system in self.service._node.directory.systems]


def as_reactor(clock: Clock) -> Reactor:
    return clock  # type: ignore[return-value]  # nothing else is asked of it here


def test_partner_goes_when_its_time_is_over_though_the_files_are_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = Passing(tmp_path, monkeypatch)
    passing.written.write(partners="[[partner]]\nhalf of it")
    passing.clock.advance(59)
    assert "contoso" in passing.names()
    passing.clock.pump([1.0] * 5)
    assert passing.names() == ["office", "fabrikam"]
    changes = [(report.event, report.fields["changes"]) for report in passing.events]
    assert changes == [("config.loaded", "- partner contoso"), ("admin.change", "- partner contoso")]
    assert not passing.clock.getDelayedCalls(), "nobody else's time is limited"


def test_day_that_is_far_away_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passing = Passing(tmp_path, monkeypatch)
    passing.now -= 40 * 86_400
    passing.service._expect_expiry()
    for _ in range(41):
        (call,) = passing.clock.getDelayedCalls()
        assert call.getTime() - passing.clock.seconds() <= edge.service.LONGEST_WAIT
        passing.clock.advance(86_400)
        if "contoso" not in passing.names():
            return
    raise AssertionError("it is still there")


def test_clock_that_is_set_forward_ends_a_partner_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the machine comes up with a wrong one, and finds a time server only then."""
    passing = Passing(tmp_path, monkeypatch)
    passing.now -= 40 * 86_400
    passing.service._expect_expiry()
    passing.now += 41 * 86_400
    passing.clock.advance(600)
    assert "contoso" not in passing.names()
