"""``twistd edge``: the only place where objects are wired together.

`makeService` reads the configuration, builds the core and its shells, and returns a Twisted service that owns them all:
whatever it starts, it stops.
"""

import random
import secrets
import signal
import sys
from collections.abc import Iterator
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.application.service import Service as TwistedService
from twisted.internet.defer import Deferred, DeferredList, DeferredLock, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IReactorThreads
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from edge import __version__
from edge.admin.arrivals import Arrivals
from edge.admin.audit import FILE, Audit
from edge.admin.clock import is_synchronised
from edge.admin.gauges import Gauges, gauges, is_listed
from edge.admin.journal import Journal, journal_of
from edge.admin.local import Local, verbs
from edge.admin.rates import Rates
from edge.admin.readiness import Readiness, readiness
from edge.admin.reloading import Applied, Outcome, Reloading, reported
from edge.admin.running import Running
from edge.admin.seen import Seen
from edge.admin.systemd import READY, STOPPING, WATCHDOG, Systemd
from edge.admin.tally import Tally
from edge.certificates.contexts import Contexts
from edge.certificates.upkeep import KIND, Shown, Upkeep
from edge.codes import Code
from edge.config import Config, ConfigurationError, Reading, load
from edge.config.difference import renewed_bundles
from edge.driver import Driver, Recorder
from edge.events import Facts
from edge.gateway.core import Gateway
from edge.gateway.counters import Counts
from edge.gateway.node import Node
from edge.identifiers import Identifiers
from edge.net.locate import Locator
from edge.net.memory import loading, settle, unsettle
from edge.net.proofs import proofs
from edge.net.retiring import Retiring, showing
from edge.net.revoking import close_lapsed
from edge.net.sip_pool import SipPool
from edge.net.tcp import Reactor
from edge.net.turn import Turn
from edge.net.xmpp_pool import XmppPool
from edge.sip.layer import TransactionLayer
from edge.store import CHECKPOINT_SECONDS, Store, StoreError, open_store
from edge.timers import Wheel
from edge.xmpp.dialback import SECRET_BYTES, Keys
from edge.xmpp.service import Service

if TYPE_CHECKING:
    from edge.admin.http import Listener

SIP_TLS_PORT = 5061  # where peers reach us when the listener is on an ephemeral port (RFC 3261 §19.1.2)
SIGNAL, CLOCK = "SIGHUP", "the clock"  # who has asked for a reload, if nobody did on the local socket
LONGEST_WAIT = 600.0  # seconds until the clock is looked at once more, which may have been set meanwhile
TOKENS_AT_ONCE = 100  # drawn from the kernel together
T = TypeVar("T")

TOKEN_BYTES = 10  # 80 bits: unpredictable enough for tags and Call-IDs (RFC 3261 §19.3 asks for 32)


class Options(usage.Options):
    """Options of ``twistd edge``."""

    synopsis = "[options]"
    longdesc = "A SIP/SIMPLE to XMPP federation gateway."
    optParameters = [["config", "c", "/etc/edge/edge.toml", "The configuration file."]]
    optFlags = [["ladder", None, "Print one line for each message that passes (no bodies)."]]


def makeService(options: Options) -> TwistedService:
    """Called by twistd. A faulty configuration is printed whole, and ends the process with status 1."""
    from twisted.internet import reactor

    try:
        config = load(options["config"])
    except ConfigurationError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        raise SystemExit(1) from None
    service = EdgeService(cast(Reactor, reactor), config, ladder=bool(options["ladder"]))
    if options.parent is not None:  # it is twistd that runs us
        service.journal = journal_of(config.log, service.facts, options.parent)
    return service


class EdgeService(TwistedService):
    """One gateway: its core, its links, its clock."""

    name = "edge"

    def __init__(self, reactor: Reactor, config: Config, ladder: bool = False) -> None:
        self._reactor = reactor
        self._config = config
        wheel: Wheel[object] = Wheel(reactor.seconds())
        ids = Identifiers(tokens().__next__, str(config.name))
        layer = TransactionLayer(wheel, ids)
        port = config.sip_listen[0].port if config.sip_listen else SIP_TLS_PORT
        node = Node(
            config.name, port, config.directory, ids, wheel, layer, wall=time(), presence=config.presence,
            session_idle=config.session_idle, verbose=config.log.level == "debug",
        )
        gateway = Gateway(node, Service(str(config.name), __version__))
        self._node, self._gateway = node, gateway
        self._store: Store | None = None
        self._admin: Listener | None = None
        self._local: Local | None = None
        self._expiry: IDelayedCall | None = None
        self._started = time()
        self._systemd = Systemd()
        self._alive = LoopingCall(self._systemd.say, WATCHDOG)
        self._alive.clock = reactor
        self._hang_up: Any = None  # what SIGHUP did before us
        self.reloading = Reloading(config, self._apply)
        self._reloads = DeferredLock()
        turn = Turn(reactor)
        rng = random.SystemRandom()
        contexts = self._contexts = Contexts(config.identities, config.ca, config.directory.trusting)
        self._locator = Locator(reactor, config.dns_servers, rng)
        self.facts = Facts(config.log.key, config.log.addresses, config.directory)
        self.journal: Journal | None = None
        self._driver = Driver(reactor, gateway, facts=self.facts)
        self._seen = Seen(time)
        self._arrivals = Arrivals(config.directory, time)
        self._driver.watch(self._seen.watch)
        self._tally = Tally(partial(is_listed, node.directory), time)
        self._driver.watch(self._tally.watch)
        self._driver.watch(self._arrivals.watch)
        file = None if config.state is None else config.state.parent / FILE
        self._audit = Audit(file, time, self._driver.link_event)
        driver, directory, locator, name = self._driver, config.directory, self._locator, config.name
        contexts.further = self._proofs = proofs(reactor, locator.addresses, config.validators, driver.link_event)
        self._retiring = Retiring(reactor)
        self._upkeep = Upkeep(reactor, contexts, locator.addresses, time, driver.link_event, self._showing,
                              lapsed=self._close_lapsed)
        self._upkeep.configured(name, config.systems, config.identity_files, config.crls)
        self.sip = SipPool(reactor, driver, turn, directory, contexts, locator, str(name), rng, config.sip_keep_alive)
        keys = self._keys = Keys(secrets.token_bytes(SECRET_BYTES))
        self.xmpp = XmppPool(reactor, driver, turn, directory, contexts, locator, name, ids, rng, keys)
        self._rates = Rates(reactor, lambda: (*self.sip.links, *self.xmpp.links))
        directory.discovered.holders += [gateway.policy, self.sip, self.xmpp.strangers]
        recorder: Recorder | None = None
        if ladder:
            from edge.admin.ladder import Ladder  # only who looks at it pays for it

            recorder = Ladder(_print, config.systems)
        self._checkpoints = LoopingCall(self._checkpoint)
        self._checkpoints.clock = reactor
        self._checkpointed: Deferred[LoopingCall] = Deferred()
        self._driver.attach(self.sip, self.xmpp, turn, recorder)

    def setServiceParent(self, parent: object) -> None:
        """Whoever runs us asks the application for what observes the log."""
        if self.journal is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.journal)  # type: ignore[no-untyped-call]  # Twisted's own
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def privilegedStartService(self) -> None:
        """Bind every address before anything else begins; one that is taken ends the process (EDGE-K08)."""
        where = ""
        try:
            for host, port in self._config.sip_listen:
                where = f"{host}:{port}"
                self.sip.listen(host, port)
            for host, port in self._config.xmpp_listen:
                where = f"{host}:{port}"
                self.xmpp.listen(host, port)
            if self._config.admin_socket is not None:
                where = str(self._config.admin_socket)
                self._local = Local(self._reactor, self._config.admin_socket, lambda: verbs(self._running()))
            if self._config.admin_listen is not None:
                from edge.admin.http import listen  # only who wants to see the metrics pays for the web server
                from edge.admin.metrics import registry_of

                running, is_known = self._running(), partial(is_listed, self._node.directory)
                now = partial(self._gauges, running)
                registry = registry_of(self._counts, now, self._tally, is_known)

                host, port = self._config.admin_listen
                where = f"{host}:{port}"
                ready = partial(self._readiness, running)
                self._admin = listen(self._reactor, host, port, registry, ready)
        except (CannotListenError, OSError) as error:
            print(f"error {Code.K08} {where}: {Code.K08.sentence}: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        self._hang_up = signal.signal(signal.SIGHUP, self._hung_up)  # before the state is read, which may take a while
        super().privilegedStartService()  # type: ignore[no-untyped-call]  # Twisted's own

    def startService(self) -> None:
        """Open the state, let time flow and links be made. A state that cannot be used ends the process (K11, K12)."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's own
        try:  # here and not before, because now we are the process and the user that will write it
            self._store = open_store(self._config.state, "full" if self._config.state_sync == "full" else "normal")
            with loading():
                self._driver.start(self._store, lambda record: self._upkeep.restore(record.kind, record.data))
        except StoreError as error:
            print(f"error {error.code} {error}", file=sys.stderr)
            raise SystemExit(1) from None
        self._checkpointed = self._checkpoints.start(CHECKPOINT_SECONDS, now=False)
        self.xmpp.start()
        self._upkeep.start()
        self._rates.start()
        self._expect_expiry()
        if is_synchronised() is False:
            self._driver.link_event("clock.unsure", code=Code.K10)
        self._systemd.say(READY)
        if self._systemd.period:
            self._alive.start(self._systemd.period)  # from the reactor: one that stands still says nothing
        settle()

    def stopService(self) -> "Deferred[None]":
        """End the sessions, then close everything politely; links that do not close in time are cut by their pools."""
        self._systemd.say(STOPPING)
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's own
        return self._driver.leave().addCallback(lambda _: self._stop())

    def _stop(self) -> "Deferred[None]":
        self._driver.stop()
        self._upkeep.stop()
        self._rates.stop()
        self._retiring.stop()
        # XMPP first: what it has not taken goes back to the SIP senders while they are still linked
        stopping: list[Deferred[object]] = [maybeDeferred(self.xmpp.stop), maybeDeferred(self.sip.stop)]
        if self._checkpoints.running:
            self._checkpoints.stop()
            stopping.append(maybeDeferred(lambda: self._checkpointed))  # one that is under way comes to its end
        if self._admin is not None:
            stopping.append(maybeDeferred(self._admin.stop))
        if self._alive.running:
            self._alive.stop()
        if self._hang_up is not None:
            signal.signal(signal.SIGHUP, self._hang_up)
            self._hang_up = None
        if self._local is not None:
            stopping.append(maybeDeferred(self._local.stop))
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._proofs.stop()
        self._locator.stop()
        stopped = DeferredList(stopping, consumeErrors=True)
        return stopped.addBoth(self._closed_soon)

    def _closed_soon(self, results: object) -> "Deferred[None]":
        """The last link says that it is gone before the gateway has heard of it, which may have to be stored."""
        return deferLater(self._reactor, 0, self._closed)

    def _checkpoint(self) -> "Deferred[None]":
        """In a thread, because it waits for the disk. One that fails is followed by the next."""
        assert self._store is not None
        self._driver.keep(KIND, self._upkeep.book.unsaved())
        threads = cast(IReactorThreads, self._reactor)
        done = deferToThreadPool(threads, threads.getThreadPool(), self._store.checkpoint)
        return done.addErrback(self._store_failed)

    def _closed(self) -> None:
        unsettle()
        if self._store is not None:
            try:
                self._store.close()
            except StoreError as error:  # we are going in any case
                self._driver.store_failed(error)

    def _store_failed(self, failure: Failure) -> None:
        error = failure.value
        self._driver.store_failed(error if isinstance(error, StoreError) else StoreError(Code.K12, str(error)))

    # --- another configuration ----------------------------------------------------------------------------

    def reload(self, dry_run: bool = False) -> "Deferred[Outcome]":
        """Read the files in a thread, and put them into force as a whole or not at all. The log tells which.

        One after the other, so that the files win that were read last.
        """
        return self._reloads.run(self._reload, dry_run)

    def _reload(self, dry_run: bool) -> "Deferred[Outcome]":
        self._systemd.reloading()
        threads = cast(IReactorThreads, self._reactor)
        reading = deferToThreadPool(threads, threads.getThreadPool(), self.reloading.read)
        reading.addBoth(self._read)
        return reading.addCallback(self._put, dry_run)

    def _read(self, result: T) -> T:
        self._systemd.say(READY)
        return result

    def _hung_up(self, number: int, frame: object) -> None:
        """SIGHUP, between any two instructions of ours: the reactor is to see to it."""
        self._reactor.callFromThread(self._reload_for, SIGNAL)  # type: ignore[attr-defined]  # every reactor has threads

    def _reload_for(self, by: str) -> "Deferred[Outcome]":
        """Nobody has asked on the local socket."""
        return self.reload().addCallback(self._noted, by)

    def _noted(self, outcome: Outcome, by: str) -> Outcome:
        refused = "" if outcome.accepted else str(outcome.errors[0])
        self._audit.note(by, "reload", outcome.lines, refused=refused)
        return outcome

    def _put(self, reading: Reading, dry_run: bool) -> Outcome:
        self.reloading.renewed(self._contexts.identities)
        outcome = self.reloading.attempt(reading, dry_run)
        return outcome if dry_run else self._reported(outcome)

    def _reported(self, outcome: Outcome) -> Outcome:
        name, fields = reported(outcome)
        self._driver.link_event(name, **fields)
        self._expect_expiry()
        return outcome

    def _showing(self) -> Iterator[Shown]:
        return showing(self.sip.links, self.xmpp.links, self._retiring)

    def _close_lapsed(self) -> int:
        return close_lapsed(self.sip.links, self.xmpp.links, self._node.directory, self._contexts, time())

    def _apply(self, config: Config) -> Applied:
        """What can fail comes first; the rest happens between two inputs of the gateway: nobody sees it half done."""
        self._contexts.configure(config.identities, config.ca, config.directory.trusting)
        self._upkeep.configured(config.name, config.systems, config.identity_files, config.crls)
        before = sum(self._gateway.subscriptions().values())
        changes = self._node.directory.become(config.directory)
        renewed = renewed_bundles(self.reloading.config, config)
        directory = self._node.directory
        judged = (*directory.systems, *directory.discovered)
        changes = changes.with_proofs(system for system in judged if system.ca in renewed)
        self._driver.reloaded(changes)
        for system in changes.removed:
            self._upkeep.book.forget(system.name)
        links = len(self.sip.links) + len(self.xmpp.links)
        closed = self.sip.relisted(changes) + self.xmpp.relisted(changes) + self._close_lapsed()
        ended = max(0, before - sum(self._gateway.subscriptions().values()))
        return Applied(closed, links - closed, ended)

    def _expect_expiry(self) -> None:
        """When the time of a partner is over it is not on the list any more."""
        if self._expiry is not None and self._expiry.active():
            self._expiry.cancel()
        self._expiry = None
        when = self.reloading.config.expiry
        if when:
            seconds = min(max(when - time(), 0.0) + 1.0, LONGEST_WAIT)
            self._expiry = self._reactor.callLater(seconds, self._expire)

    def _expire(self) -> None:
        outcome = self.reloading.expire(time())
        if outcome.lines:
            self._noted(self._reported(outcome), CLOCK)
        else:
            self._expect_expiry()

    def _running(self) -> Running:
        return Running(
            self._started, time, self._reactor, self.reloading, self._gateway, self._driver, self.sip, self.xmpp,
            self._contexts, self._locator, self.reload, self._seen, self._audit,
            self._arrivals, self._keys, self._upkeep, self._rates,
        )

    def _gauges(self, running: Running) -> Gauges:
        return gauges(running, self._upkeep.endings(), self._upkeep.crl_ages())

    def _readiness(self, running: Running) -> Readiness:
        return readiness(running, bool(self.running))

    def _counts(self) -> Counts:
        return self._node.counters.counts(self._gateway.subscriptions())


def tokens() -> Iterator[str]:
    """Unpredictable tokens, from the kernel's randomness but with one system call for many."""
    while True:
        drawn = secrets.token_hex(TOKEN_BYTES * TOKENS_AT_ONCE)
        for start in range(0, len(drawn), 2 * TOKEN_BYTES):
            yield drawn[start : start + 2 * TOKEN_BYTES]


def _print(line: str) -> None:
    print(line, flush=True)
