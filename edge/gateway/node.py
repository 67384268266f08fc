"""What every part of the gateway knows about the node it runs on, and the few things all parts say."""

from dataclasses import dataclass, field
from traceback import walk_tb
from typing import Protocol, cast

from edge.codes import Code
from edge.domains import Domain
from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.gateway.counters import Counters
from edge.gateway.effects import Effect, Forget, Remember, Report, RespondSip, SendStanza, SipLink
from edge.gateway.settings import PresenceSettings
from edge.identifiers import Identifiers
from edge.mapping.dates import time_of_date
from edge.partners import Directory
from edge.sip.answers import reasons, refusal_bytes
from edge.sip.layer import Refused, TransactionLayer
from edge.sip.message import Request
from edge.sip.microsoft import DIAGNOSTICS, UNANSWERED, plain_diagnostics
from edge.sip.session import IDLE
from edge.sip.subscription import UserAgent
from edge.sip.transaction import ServerTransaction
from edge.timers import Wheel
from edge.xmpp.stanzas import Stanza, error_bytes

METHODS = frozenset(  # what a UAS behind this edge understands
    {"MESSAGE", "SUBSCRIBE", "NOTIFY", "OPTIONS", "INVITE", "ACK", "CANCEL", "BYE", "INFO", "UPDATE"}
)
ALLOW = ", ".join(sorted(METHODS))
ASIDE = ".aside"  # the end of the id of a stanza that is no message; other ids of ours have no dot behind the hyphen
NAMES = 10  # of a certificate, in the report of a stranger
FRAMES = 8  # innermost calls in the report of a bug: from the fault to the door of the part it happened in


class Saved(Protocol):
    """Something that the store keeps."""

    def saved(self) -> Remember | Forget: ...


@dataclass(slots=True)
class Node:
    """One running gateway: its name, its time, its identifiers, its policy, its SIP transactions.

    ``name`` is the FQDN in its certificate, which Via and Contact carry (RFC 5922 §7.5). ``agent`` is what our SIP
    requests have in common. ``wall`` is the time of day (seconds of the Unix epoch) for documents; protocol timers use
    ``wheel.now``.
    ``unsaved`` is what has changed since the store was told: each once, however often it changed.
    ``standing`` is how many subscriptions there are now, by SIP system and kind (`edge.gateway.pairs`).
    """

    name: Domain
    port: int
    directory: Directory
    ids: Identifiers
    wheel: Wheel[object]
    layer: TransactionLayer
    wall: float = 0.0
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    session_idle: float = IDLE  # seconds without a message after which a session is ended
    verbose: bool = False  # whether a message that has arrived is worth an event, too
    counters: Counters = field(default_factory=Counters)
    unsaved: dict[Saved, None] = field(default_factory=dict)
    standing: dict[str, list[int]] = field(default_factory=dict)
    agent: UserAgent = field(init=False)

    def __post_init__(self) -> None:
        where = f"{self.name}:{self.port}"
        shortest, longest = self.presence.shortest, self.presence.longest
        self.agent = UserAgent(where, f"<sip:{where};transport=tls>", self.ids, shortest, longest)

    def save(self) -> list[Effect]:
        """What the store has to be told at the end of an input."""
        unsaved, self.unsaved = self.unsaved, {}
        effects: list[Effect] = []
        for each in unsaved:
            try:
                effects.append(each.saved())
            except Exception as error:  # a bug in one record must not keep all others out of the store
                effects.append(bug(error))
        return effects

    def aside_id(self) -> str:
        """The ``id`` of a stanza that is no message of anybody: nobody minds if it comes back."""
        return f"{self.ids.stanza_id()}{ASIDE}"

    def wall_of(self, moment: float) -> float:
        """The time of day at which the wheel says ``moment``."""
        return self.wall + moment - self.wheel.now

    def moment_of(self, wall: float) -> float:
        """What the wheel says at a time of day."""
        return self.wheel.now + wall - self.wall

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        headers: list[tuple[str, str]] | tuple[tuple[str, str], ...] = (),
        reason: str | None = None,
        body: bytes = b"",
    ) -> list[Effect]:
        """Answer a request. Every failure says why, also one that needs no reason code."""
        if status >= 300 and all(name != DIAGNOSTICS for name, _ in headers):
            headers = [*headers, plain_diagnostics(status)]
        return [*self.layer.respond(transaction, status, headers=headers, reason=reason, body=body)]

    def refuse(
        self,
        transaction: ServerTransaction,
        code: Code,
        status: int = 0,
        headers: list[tuple[str, str]] | tuple[tuple[str, str], ...] = (),
        text: str = "",
        *,
        event: str = "sip.refused",
        reason: str = "",
    ) -> list[Effect]:
        """Answer a request with a failure that carries a reason code (RFC 3261 §20.43 Warning).

        ``reason`` is for the log, in the place of a ``text`` that somebody else has written.
        """
        effects = self.respond(transaction, status or code.status, [*headers, *reasons(code, text)])
        fields: dict[str, object] = {
            "method": transaction.request.method,
            "status": status or code.status,
            "reason": reason or text or code.sentence,
            "partner": speaker(transaction),
        }
        if code is Code.A01:
            fields |= self._stranger(transaction)
        elif code in (Code.C02, Code.C09):
            fields |= self._skew(transaction.request)
        effects.append(Report(event, code, fields, transaction.request))
        return effects

    def _stranger(self, transaction: ServerTransaction) -> dict[str, object]:
        """Who is not listed: the domain that a request comes from, with the names its link has shown, or the one it
        is for."""
        request, peer = transaction.request, cast(SipLink, transaction.link).peer
        try:
            sender = request.from_.sip_uri.host
            if self.directory.system_of(sender) is None:
                return {"domain": sender, "names": ",".join(sorted(peer.names)[:NAMES])}
            return {"to_domain": request.request_uri.host}
        except RemoteProtocolError:
            return {}

    def _skew(self, request: Request) -> dict[str, object]:
        """By how many seconds the sender's clock is ahead of ours, if he says what time it is (RFC 3261 §20.17)."""
        theirs = time_of_date(request.headers.get("date") or "")
        return {} if theirs is None else {"clock_ahead_s": round(theirs - self.wall)}


def is_aside(id: str) -> bool:
    """Whether a stanza of ours was no message of anybody."""
    return id.endswith(ASIDE)


def speaker(transaction: ServerTransaction) -> str:
    """The names of the systems that the link of a request may speak for, for the log."""
    return ",".join(sorted(cast(SipLink, transaction.link).peer.systems))


def malformed(link: SipLink, request: Request, error: RemoteProtocolError) -> list[Effect]:
    """A request whose mandatory headers are broken is answered without state, an ACK not at all."""
    fields: dict[str, object] = {"method": request.method, "status": error.status, "reason": str(error)}
    report = Report("sip.refused", error.code, fields, request)
    if request.method in UNANSWERED or not request.headers.raw(b"via"):
        return [report]
    return [RespondSip(link, refusal_bytes(request, error.status, error.code, str(error))), report]


def refused_below(output: Refused) -> Report:
    """A request that the transaction layer has refused by itself (`edge.driver` folds those that are alike)."""
    fields: dict[str, object] = {
        "method": output.request.method,
        "status": output.status,
        "reason": output.text,
        "partner": ",".join(sorted(cast(SipLink, output.link).peer.systems)),
    }
    return Report("sip.refused", output.code, fields, output.request)


def silenced(link: SipLink, request: Request) -> Report:
    """A request that is not answered."""
    fields: dict[str, object] = {"method": request.method, "partner": ",".join(sorted(link.peer.systems))}
    return Report("policy.denied", Code.A02, fields, request)


def stanza_refused(stanza: Stanza, condition: str, text: str, code: Code, partner: str) -> list[Effect]:
    """An error stanza back to the sender; never in answer to an error or a result (RFC 6120 §8.3.1)."""
    report = Report("policy.denied", code, {"partner": partner}, stanza)
    if stanza.type in ("error", "result") or stanza.from_ is None or stanza.to is None:
        return [report]
    return [SendStanza(stanza.to.host, stanza.from_.host, error_bytes(stanza, condition, f"{code} {text}")), report]


def bug(error: Exception, doing: str = "") -> Report:
    """What went wrong and where, innermost call first; not with what: the text may hold an address or a body."""
    ours = isinstance(error, LocalProtocolError | AssertionError)  # these have a text of ours
    calls = [f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}:{line}"
             for frame, line in list(walk_tb(error.__traceback__))[-FRAMES:]]
    fields: dict[str, object] = {
        "error": type(error).__name__, "reason": str(error) if ours else "", "where": " < ".join(reversed(calls)),
    }
    return Report("internal.error", None, {"doing": doing, **fields} if doing else fields)
