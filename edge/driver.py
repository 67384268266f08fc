"""The loop between the pure core and the shells: events in, effects performed; the only logger, the only recorder.

`edge.net` and the timer call it, it calls `edge.gateway.core` and hands the effects to the pools. It decides nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from time import time
from typing import Protocol, assert_never, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from edge.codes import Code
from edge.domains import Domain
from edge.events import Facts, sentence
from edge.gateway.core import Gateway
from edge.gateway.effects import (
    Effect,
    Forget,
    Hold,
    Path,
    Reach,
    Release,
    Remember,
    Report,
    RespondSip,
    SendSip,
    SendStanza,
    SipLink,
    XmppLink,
)
from edge.gateway.node import bug
from edge.partners import Changes, System
from edge.sip.message import Request, Response
from edge.store import Record, Store, StoreError
from edge.timers import TICK
from edge.xmpp.stanzas import Stanza

REPEATS = 5  # equal events logged in one period; an attacker must not fill the disk
PERIOD = 10.0  # seconds

GRAVE = frozenset({"internal.error", "store.failed", "audit.failed"})
FAILURES = frozenset({
    "sip.refused", "sip.garbled", "stanza.refused", "message.failed", "policy.denied", "limit.hit", "link.refused",
    "auth.failed", "link.down", "presence.withdrawn", "presence.unreadable", "subscription.failed", "config.rejected",
    "cert.kept", "cert.expiring", "clock.unsure", "revocation.failed",
})
PLENTY = frozenset({"message.ok"})  # nobody wants to read these unless he looks for one
LEAVE_SECONDS = 4.0  # for the last words of a gateway that stops; many who stop a process kill it after ten
COMMIT_PAUSE = 1.0  # seconds between two tries of a store that fails: each try costs, and a disk does not heal at once


class SipPool(Protocol):
    """The SIP links, as `edge.net.sip_pool` keeps them."""

    def send(self, system: System, domain: Domain, data: bytes, token: object) -> None: ...
    def respond(self, link: SipLink, data: bytes) -> None: ...
    def reach(self, system: System, domain: Domain) -> None: ...


class XmppPool(Protocol):
    """The XMPP links, as `edge.net.xmpp_pool` keeps them."""

    def send(self, sender: Domain, recipient: Domain, data: bytes, token: object | None) -> None: ...
    def reach(self, local: Domain, remote: Domain) -> None: ...


class Ticket(Protocol):
    """One message that came in on a stream with stream management; `edge.net.xmpp_answers` makes it."""

    def hold(self) -> None: ...
    def release(self) -> None: ...


class Turn(Protocol):
    """The links with bytes to write."""

    def begin(self) -> None: ...
    def flush(self) -> None: ...


class Recorder(Protocol):
    """Sees all that passes between the gateway and its peers; `edge.admin.ladder` is one."""

    def sip_in(self, link: SipLink, message: Request | Response) -> None: ...
    def sip_out(self, peer: str, data: bytes) -> None: ...
    def xmpp_in(self, link: XmppLink, stanza: Stanza) -> None: ...
    def xmpp_out(self, sender: Domain, recipient: Domain, data: bytes) -> None: ...


class Driver:
    """Implements `edge.net.sink.Sink`. `attach` gives it the pools, which need it first."""

    log = Logger(namespace="edge")

    def __init__(
        self, reactor: IReactorTime, gateway: Gateway, wall: Callable[[], float] = time, facts: Facts | None = None
    ) -> None:
        self._reactor = reactor
        self._facts = facts or Facts()
        self._gateway = gateway
        self._performing: list[Effect] | None = None
        self._unsaved = False  # whether the store has been told something since its last commit
        self._commit_after = 0.0  # the moment before which a store that has failed is not tried again
        self._wheel = gateway.node.wheel
        self._journal = gateway.submissions.journal
        self._wall = wall
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor
        self._logged: dict[tuple[str, str, str], int] = {}
        self._period_ends = 0.0
        self.recorder: Recorder | None = None  # whoever puts one here pays for each message
        self._watchers: list[Callable[[Report], None]] = []
        self._left: Deferred[None] | None = None  # while we are leaving
        self._leave_until = 0.0

    def attach(self, sip: SipPool, xmpp: XmppPool, turn: Turn, recorder: Recorder | None = None) -> None:
        """Give the shells that perform what the gateway wants."""
        self._sip = sip
        self._xmpp = xmpp
        self._turn = turn
        self.recorder = recorder

    def watch(self, watcher: Callable[[Report], None]) -> None:
        """Have ``watcher`` told of every event, also of those that are too many for the log."""
        self._watchers.append(watcher)

    def start(self, store: Store, takes: Callable[[Record], bool] = lambda record: False) -> None:
        """Take up what ``store`` has kept, keep there what is to come, and let time flow. `StoreError` if it cannot.

        What ``takes`` takes is somebody else's, see `keep`.
        """
        self._store = store
        self._begin()
        self._gateway.node.wall = self._wall()
        self._perform(self._gateway.restored(record for record in self._store.load() if not takes(record)))
        self._ticker.start(TICK)

    def keep(self, kind: int, records: Mapping[str, bytes | None]) -> None:
        """Keep what does not come from the gateway, by key; None is to be kept no longer. Committed with the rest."""
        for key, data in records.items():
            if data is None:
                self._store.forget(kind, key)
            else:
                self._store.remember(Record(kind, key, 0.0, data))
            self._unsaved = True

    def reloaded(self, changes: Changes) -> None:
        """The partner list has become another one."""
        self._begin()
        self._perform(self._gateway.reloaded(changes))

    def ordered(self, act: Callable[[], list[Effect]]) -> None:
        """An administrator wants ``act`` done (`edge.gateway.core.Gateway.ordered`)."""
        self._begin()
        self._perform(self._gateway.ordered(act))

    def leave(self) -> "Deferred[None]":
        """The gateway is going to stop: fires when nobody need be told so any more, or after `LEAVE_SECONDS`."""
        if not self._ticker.running or not self._gateway.sessions:
            return succeed(None)
        self._leave_until = self._reactor.seconds() + LEAVE_SECONDS
        self._left = Deferred()
        self._begin()
        self._perform(self._gateway.leave())
        return self._left

    def stop(self) -> None:
        """Stop the clock."""
        if self._ticker.running:
            self._ticker.stop()

    # --- edge.net.sink.Sink -------------------------------------------------------------------------

    def sip_received(self, link: SipLink, messages: Sequence[Request | Response]) -> None:
        self._begin()
        if self.recorder is not None:
            for message in messages:
                self.recorder.sip_in(link, message)
        self._perform(self._gateway.sip_received(link, messages))

    def stanzas_received(self, link: XmppLink, stanzas: Sequence[Stanza]) -> None:
        self._begin()
        if self.recorder is not None:
            for stanza in stanzas:
                self.recorder.xmpp_in(link, stanza)
        self._perform(self._gateway.stanzas_received(link, stanzas))

    def taken(self, tokens: Sequence[object]) -> None:
        self._begin()
        self._perform(self._gateway.taken(tokens))

    def unsent(self, token: object, code: Code, text: str) -> None:
        self._begin()
        self._perform(self._gateway.unsent(token, code, text))

    def sip_sent(self, token: object, link: SipLink) -> None:
        self._gateway.sip_sent(token, link)

    def sip_lost(self, link: SipLink) -> None:
        self._begin()
        self._perform(self._gateway.sip_lost(link))

    def path_lost(self, system: System, local: Domain | None, remote: Domain | None, orderly: bool) -> None:
        self._begin()
        self._perform(self._gateway.path_lost(Path(system, local, remote), orderly))

    def path_failed(self, system: System, local: Domain | None, remote: Domain | None, code: Code, text: str) -> None:
        self._begin()
        self._perform(self._gateway.path_failed(Path(system, local, remote)))

    def path_up(self, system: System, local: Domain | None, remote: Domain | None) -> None:
        self._begin()
        self._perform(self._gateway.path_up(Path(system, local, remote)))

    def link_event(self, name: str, **fields: object) -> None:
        code = fields.pop("code", None)
        self._report(Report(name, code if isinstance(code, Code) else None, fields))

    def store_failed(self, error: StoreError) -> None:
        """The store could not do what it should: at a commit, or when `edge.service` asked it for something."""
        self._report(Report("store.failed", error.code, {"reason": str(error)}))

    # --- private --------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """An input begins: it ends in `_perform`, which lets each link write once."""
        self._wheel.now = self._reactor.seconds()
        self._turn.begin()

    def _tick(self) -> None:
        self._turn.begin()
        now = self._reactor.seconds()
        self._perform(self._gateway.advance(now, self._wall()))
        if self._logged and now >= self._period_ends:
            self._end_period(now)
        if self._left is not None and (now >= self._leave_until or not self._gateway.sessions):
            left, self._left = self._left, None
            left.callback(None)

    def _perform(self, effects: list[Effect]) -> None:
        """Do everything an input wants, let the store commit, and only then let the links write.

        What this causes at once (a link that cannot take what it is given says so) is an input too: its effects come
        at the end of the same turn, or nothing would be certain to be stored before it is said.
        """
        if self._performing is not None:
            self._performing += effects
            return
        while True:  # once in any case, because what the links have to say themselves waits for the flush
            self._performing = effects
            try:
                self._perform_all(effects)
                if self._journal.gone:
                    self._perform_all(self._journal.unwritten())
                if self._unsaved and self._reactor.seconds() >= self._commit_after:
                    self._commit()
                self._performing = effects = []
                self._turn.flush()
            finally:
                self._performing = None
            if not effects:
                return

    def _perform_all(self, effects: list[Effect]) -> None:
        recorder = self.recorder
        for effect in effects:  # it may grow meanwhile
            try:
                if isinstance(effect, RespondSip):
                    if recorder is not None:
                        recorder.sip_out(",".join(sorted(effect.link.peer.systems)), effect.data)
                    self._sip.respond(effect.link, effect.data)
                elif type(effect) is SendStanza:
                    if recorder is not None:
                        recorder.xmpp_out(effect.sender, effect.recipient, effect.data)
                    self._xmpp.send(effect.sender, effect.recipient, effect.data, effect.token)
                elif type(effect) is SendSip:
                    if recorder is not None:
                        recorder.sip_out(effect.system.name, effect.data)
                    self._sip.send(effect.system, effect.domain, effect.data, effect.token)
                elif type(effect) is Hold:
                    cast(Ticket, effect.ticket).hold()
                elif type(effect) is Release:
                    cast(Ticket, effect.ticket).release()
                elif type(effect) is Remember:
                    self._store.remember(Record(effect.kind, effect.key, effect.due, effect.data))
                    self._unsaved = True
                elif type(effect) is Forget:
                    self._store.forget(effect.kind, effect.key)
                    self._unsaved = True
                elif type(effect) is Reach:
                    self._reach(effect.path)
                elif type(effect) is Report:
                    self._report(effect)
                else:
                    assert_never(effect)
            except Exception as error:  # a bug below costs one effect, not those behind it, and not the clock
                self._report(bug(error, type(effect).__name__))

    def _commit(self) -> None:
        """What was said must not be sent before it would survive us.

        A store that fails keeps what it was told, and is asked again soon: to say nothing to anybody until somebody
        mends it would lose more than a crash before that.
        """
        self._commit_after = self._reactor.seconds() + COMMIT_PAUSE
        try:
            self._store.commit()
            self._unsaved = False
            self._commit_after = 0.0
        except StoreError as error:
            self.store_failed(error)
        except Exception as error:  # a bug there is as grave, and costs no more
            self._report(bug(error, "commit"))

    def _reach(self, path: Path) -> None:
        system, local, remote = path
        if local is None:
            for domain in system.reached:
                self._sip.reach(system, domain)
        else:
            self._xmpp.reach(local, remote or system.domains[0])

    def _report(self, report: Report) -> None:
        """Everybody who watches hears of it, and the log, unless it has heard too much of the kind."""
        for watcher in self._watchers:
            try:
                watcher(report)
            except Exception as error:  # who only looks on must not stop anything
                self._log(bug(error, report.event))
        self._log(report)

    def _log(self, report: Report) -> None:
        """One line for each event, and no more than `REPEATS` of a kind in a `PERIOD`."""
        now = self._reactor.seconds()
        if now >= self._period_ends:
            self._end_period(now)
        event, code = report.event, report.code
        kind = (event, str(code) if code is not None else "-", str(report.fields.get("partner", "")))
        seen = self._logged[kind] = self._logged.get(kind, 0) + 1
        if seen > REPEATS:
            return
        facts = self._facts.of(report)
        details = " ".join(f"{name}={value!s}" for name, value in facts.items())
        write = self.log.info
        if event in GRAVE:
            write = self.log.error
        elif event in PLENTY:
            write = self.log.debug
        elif event in FAILURES and code is not None:  # a link that was closed in good order has none
            write = self.log.warn
        write(
            "{event} {code}{sentence} {details}", event=event, code=kind[1], sentence=sentence(code), details=details,
            facts=facts,
        )

    def _end_period(self, now: float) -> None:
        """Tell how many events there were no lines for."""
        for (event, code, partner), seen in self._logged.items():
            if seen > REPEATS:
                text = "{event} {code} {partner}: {more} more of these in {seconds:.0f} s"
                more = seen - REPEATS
                facts = {"partner": partner, "suppressed": more, "seconds": PERIOD}
                write = self.log.debug if event in PLENTY else self.log.warn
                write(text, event=event, code=code, partner=partner, more=more, seconds=PERIOD, facts=facts)
        self._logged.clear()
        self._period_ends = now + PERIOD
