"""The service: wired together from a configuration, and gone without a trace when it is stopped."""

import gc
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing, redirect_stderr
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from urllib.request import urlopen

import pytest
from twisted.application.service import IService
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

import edge.service
from edge.codes import Code
from edge.config import load
from edge.gateway.effects import Report
from edge.gateway.records import Kind, PairRecord, encode
from edge.service import TOKEN_BYTES, TOKENS_AT_ONCE, EdgeService, Options, makeService, tokens
from edge.store import Record, StoreError, open_store
from edge.store.memory import MemoryStore
from edge.xmpp.authorization import State
from tests.config.written import EDGE, PARTNERS, Written, changed

LISTENING = "[sip]\nlisten = [{}]\n\n[[inside]]"
FREE = '"127.0.0.1:0"'


def options(path: Path, *more: str) -> Options:
    parsed = Options()
    parsed.parseOptions(["--config", str(path), *more])
    return parsed


def with_listeners(*places: str) -> str:
    return changed(EDGE, "[[inside]]", LISTENING.format(", ".join(places)))


def ports(service: EdgeService) -> list[IListeningPort]:
    return service.sip._ports + service.xmpp._ports


class TestOptions:
    def test_configuration_has_a_usual_place_and_the_ladder_is_off(self) -> None:
        parsed = Options()
        parsed.parseOptions([])
        assert (parsed["config"], parsed["ladder"]) == ("/etc/edge/edge.toml", 0)

    def test_both_can_be_given(self) -> None:
        parsed = options(Path("x.toml"), "--ladder")
        assert (parsed["config"], bool(parsed["ladder"])) == ("x.toml", True)


class TestMakeService:
    def test_good_configuration_makes_a_service_that_has_not_begun(self, tmp_path: Path) -> None:
        written = Written(tmp_path).write(with_listeners(FREE))
        service = makeService(options(written.edge))
        assert IService.providedBy(service) and isinstance(service, EdgeService)
        assert not service.running
        assert ports(service) == []

    def test_faulty_configuration_is_printed_whole_and_ends_the_process(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        faulty = changed(changed(EDGE, 'name = "edge.example.net"', "nome = 1"), "component.secret", "no.secret")
        written = Written(tmp_path).write(faulty)
        with pytest.raises(SystemExit) as ended:
            makeService(options(written.edge))
        assert ended.value.code == 1
        expected = [str(fault) for fault in written.read().faults]
        printed = capsys.readouterr()
        assert printed.err.splitlines() == expected
        assert printed.out == ""
        assert len(expected) >= 3 and any("EDGE-K01" in line for line in expected)

    def test_missing_configuration_ends_the_process(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            makeService(options(tmp_path / "none.toml"))
        assert ended.value.code == 1
        assert "EDGE-K04" in capsys.readouterr().err

    def test_making_touches_no_reactor(self, tmp_path: Path) -> None:
        memory = MemoryReactorClock()
        EdgeService(memory, load(Written(tmp_path).write(with_listeners(FREE)).edge))
        assert memory.getDelayedCalls() == []
        assert memory.tcpServers == memory.tcpClients == []

    def test_two_services_have_nothing_in_common(self, tmp_path: Path) -> None:
        config = load(Written(tmp_path).edge)
        one, two = EdgeService(MemoryReactorClock(), config), EdgeService(MemoryReactorClock(), config)
        ids = [service._driver._gateway.node.ids for service in (one, two)]
        assert ids[0].branch() != ids[1].branch()
        assert ids[0].call_id().endswith("@edge.example.net")


class TestTokens:
    def test_tokens_are_long_and_never_the_same_across_two_draws(self) -> None:
        drawn = list(islice(tokens(), 3 * TOKENS_AT_ONCE))
        assert len(set(drawn)) == len(drawn)
        assert all(len(token) == 2 * TOKEN_BYTES and int(token, 16) >= 0 for token in drawn)
        assert set(drawn).isdisjoint(islice(tokens(), TOKENS_AT_ONCE))


class Checked(MemoryStore):
    """A store that fails at its second checkpoint, and with a ``fault`` as it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []
        self.closed = False
        self.fault: StoreError | None = None

    def checkpoint(self) -> None:
        self.threads.append(get_ident())
        if len(self.threads) == 2:
            raise StoreError(Code.K12, "the disk is full")

    def close(self) -> None:
        self.closed = True
        if self.fault is not None:
            raise self.fault


class TestRunning(TestCase):
    """With real sockets on loopback. Trial fails a test that leaves a timer, a port or a connection behind."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.written = Written(Path(folder.name))
        self.taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.taken.close)
        self.in_use = f"127.0.0.1:{self.taken.getsockname()[1]}"

    def service(self, edge: str) -> EdgeService:
        return EdgeService(reactor, load(self.written.write(edge).edge))

    def refused(self, service: EdgeService, step: str = "privilegedStartService") -> str:
        """What the service prints as it refuses to start: to listen, or at another ``step``."""
        printed = StringIO()
        with redirect_stderr(printed), pytest.raises(SystemExit) as ended:
            getattr(service, step)()
        assert ended.value.code == 1
        return printed.getvalue()

    async def test_listens_before_it_starts_and_not_after_it_stops(self) -> None:
        service = self.service(with_listeners(FREE, '"127.0.0.1:0"'.replace(".1:", ".2:")))
        service.privilegedStartService()
        (first, second) = (port.getHost() for port in ports(service))
        assert (first.host, second.host) == ("127.0.0.1", "127.0.0.2")
        service.startService()
        assert service.running
        peer = socket.create_connection((first.host, first.port), timeout=5)
        self.addCleanup(peer.close)
        await until(lambda: len(service.sip.links) == 1)
        await service.stopService()
        assert not service.running
        assert service.sip.links == frozenset()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((first.host, first.port), timeout=5)

    async def test_stops_while_it_dials(self) -> None:
        """Its component link finds nobody there: a dial or the pause after one is under way."""
        nowhere = with_listeners(FREE)
        there = changed(nowhere, "127.0.0.1:5347", self.in_use)
        for text in (nowhere, there):
            service = self.service(text)
            service.privilegedStartService()
            service.startService()
            await deferLater(reactor, 0.05)
            await service.stopService()
        self.taken.settimeout(5)
        self.taken.accept()[0].close()  # it did dial

    async def test_stops_though_it_never_started(self) -> None:
        service = self.service(with_listeners(FREE))
        await service.stopService()
        service = self.service(with_listeners(FREE))
        service.privilegedStartService()
        await service.stopService()

    def test_address_in_use_ends_the_process_and_names_it(self) -> None:
        service = self.service(with_listeners(f'"{self.in_use}"'))
        said = self.refused(service)
        assert "EDGE-K08" in said and self.in_use in said
        assert not service.running
        assert ports(service) == []
        assert not service._driver._ticker.running

    async def test_address_of_xmpp_in_use_ends_the_process_and_names_it(self) -> None:
        edge = changed(with_listeners(FREE), 'link = "component"', 'link = "s2s"')
        edge = changed(changed(edge, "5347", "5269"), 'secret_file = "component.secret"\n', "")
        service = self.service(changed(edge, "[sip]", f'[xmpp]\nlisten = ["{self.in_use}"]\n\n[sip]'))
        said = self.refused(service)
        assert "EDGE-K08" in said and self.in_use in said
        assert not service.running and not service._driver._ticker.running
        await service.stopService()  # the process ends; here the first port is all that there is to close

    async def test_state_is_open_only_while_it_runs(self) -> None:
        service = self.service(with_listeners(FREE))
        service.privilegedStartService()
        file = service._config.state
        assert file is not None and not file.exists(), "the user who starts it may be another than the one who runs it"
        service.startService()
        assert file.exists()
        other = self.service(with_listeners(FREE))
        assert "EDGE-K12" in self.refused(other, "startService") and not other._driver._ticker.running
        await service.stopService()
        open_store(file).close()  # nobody holds it any more

    async def test_state_of_an_earlier_life_is_taken_up(self) -> None:
        there = changed(PARTNERS, "accessedge.contoso.com:5061", self.in_use)
        names = f'["{self.in_use}"]\n'
        there = changed(there, names, names + '[partner.tls]\npeer_names = ["contoso.com"]\n')
        self.written.write(partners=there)
        service = self.service(with_listeners(FREE))
        file = service._config.state
        store = open_store(file)
        record = PairRecord("romeo@contoso.com", "juliet@xmpp.example", State.TO, 0.0)
        store.remember(Record(Kind.PAIR, "key", 0.0, encode(record)))
        store.close()
        service.startService()
        assert [str(pair.user) for pair in service._gateway.pairs] == ["romeo@contoso.com"]
        assert gc.isenabled()
        await service.stopService()

    async def test_state_of_a_newer_release_ends_the_process_and_is_left_alone(self) -> None:
        service = self.service(with_listeners(FREE))
        file = service._config.state
        assert file is not None
        open_store(file).close()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA user_version = 99")
        said = self.refused(service, "startService")
        assert "EDGE-K11" in said and str(file) in said
        assert gc.isenabled()
        await service.stopService()

    async def test_state_that_is_none_ends_the_process(self) -> None:
        service = self.service(with_listeners(FREE))
        file = service._config.state
        assert file is not None
        file.parent.mkdir(parents=True)
        file.write_bytes(b"not a database" * 100)
        said = self.refused(service, "startService")
        assert "EDGE-K12" in said and str(file) in said
        await service.stopService()

    async def test_checkpoints_are_made_in_a_thread_and_go_on_after_one_that_fails(self) -> None:
        self.patch(edge.service, "CHECKPOINT_SECONDS", 0.01)
        store = Checked()
        self.patch(edge.service, "open_store", lambda *arguments: store)
        service = self.service(with_listeners(FREE))
        service.startService()
        await until(lambda: len(store.threads) >= 3)
        await service.stopService()
        assert get_ident() not in store.threads
        made = len(store.threads)
        await pause()
        assert len(store.threads) == made and store.closed

    async def test_store_that_does_not_close_does_not_keep_it_from_stopping(self) -> None:
        store = Checked()
        store.fault = StoreError(Code.K12, "the disk is full")
        self.patch(edge.service, "open_store", lambda *arguments: store)
        service = self.service(with_listeners(FREE))
        service.startService()
        await service.stopService()
        assert store.closed

    async def test_metrics_are_served_while_it_runs(self) -> None:
        admin = '[admin]\nlisten = "127.0.0.1:0"\n\n[[inside]]'
        service = self.service(changed(with_listeners(FREE), "[[inside]]", admin))
        service.privilegedStartService()
        service.startService()
        assert service._admin is not None
        where = service._admin.port.getHost()
        text = await deferToThread(lambda: urlopen(f"http://{where.host}:{where.port}/metrics", timeout=5).read())
        assert b"# HELP edge_" in text
        await service.stopService()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((where.host, where.port), timeout=5)

    async def test_clock_that_nobody_keeps_in_step_is_told_at_the_start(self) -> None:
        for known, expected in ((False, [Code.K10]), (True, []), (None, [])):
            self.patch(edge.service, "is_synchronised", lambda known=known: known)
            service = self.service(with_listeners(FREE))
            reports: list[Report] = []
            service._driver.watch(reports.append)
            service.privilegedStartService()
            service.startService()
            assert [each.code for each in reports if each.event == "clock.unsure"] == expected
            await service.stopService()

    async def test_clock_ticks_only_while_it_runs(self) -> None:
        service = self.service(with_listeners(FREE))
        service.privilegedStartService()
        assert not service._driver._ticker.running
        service.startService()
        assert service._driver._ticker.running
        await service.stopService()
        assert not service._driver._ticker.running


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        await pause()
    raise AssertionError("it did not happen")


def pause() -> "Deferred[None]":
    return deferLater(reactor, 0.01)
