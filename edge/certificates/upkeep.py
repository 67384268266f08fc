"""Everything about certificates that goes on beside the links, in one place for `edge.service` to start and stop.

Our files are watched and shown when they are renewed, links that show an old one are retired, what ends soon is told,
certificates of peers are remembered, and what was revoked is asked for. What happens comes out as events for the log:
``cert.renewed``, ``cert.kept``, ``cert.expiring``, ``cert.changed`` and ``revocation.failed``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.certificates.book import PeerBook
from edge.certificates.contexts import Contexts
from edge.certificates.crl_files import CrlFiles
from edge.certificates.examination import LISTED, Finding, compare, examine, lost
from edge.certificates.expiry import LOOK_SECONDS, Ending, Expirations, ours
from edge.certificates.fetching import Revocation
from edge.certificates.handshake import Handshake
from edge.certificates.identity import Files, Identities, Identity
from edge.certificates.reload import LOOK_SECONDS as FILES_SECONDS
from edge.certificates.reload import RETIRE_SECONDS, Kept, Reloading, Renewed, Retiring, Watch
from edge.codes import Code
from edge.domains import Domain, unicode
from edge.net.addresses import is_public
from edge.partners import Peer, System

SHOWN = 200  # characters of an issuer in the log and the metrics
KIND = 16  # of its records in the store; those of `edge.gateway.records` are below

Report = Callable[..., None]  # the name of an event, and its facts by keyword
Shown = tuple[Identity | None, Callable[[], None]]  # what a link shows of us, and how to close it


class Upkeep:
    """``links`` gives for every open link which of ours it shows, if it does, and how to close it in good order.

    ``lapsed`` closes those of peers whose certificate has ended, or is on a list that was read just now.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        contexts: Contexts,
        resolve: "Callable[[Domain], Deferred[list[str]]]",
        wall: Callable[[], float],
        report: Report,
        links: Callable[[], Iterable[Shown]] = tuple,
        lapsed: Callable[[], object] = bool,
        is_allowed: Callable[[str], bool] = is_public,
        retire_seconds: float = RETIRE_SECONDS,
    ) -> None:
        self.book = PeerBook()
        self.revocation = Revocation(reactor, resolve, self._now, is_allowed, self._unanswered)
        self._reactor, self._contexts, self._wall, self._report, self._links = reactor, contexts, wall, report, links
        self._lapsed = lapsed
        self._name: Domain | None = None
        self._systems: tuple[System, ...] = ()
        self._watch = Watch((), contexts.identities, self._judge_renewed)
        self._reloading = Reloading(reactor, self._watch, contexts.renew, self._reloaded)
        self._retiring = Retiring(reactor, retire_seconds)
        self._expirations = Expirations()
        self._lists = CrlFiles(self.revocation.ledger, self._unreadable)
        self._next: IDelayedCall | None = None
        self._next_lists: IDelayedCall | None = None
        contexts.consult(self.revocation)
        contexts.noted = self.saw

    def configured(
        self, name: Domain, systems: Sequence[System], files: Sequence[Files], lists: Iterable[Path] = ()
    ) -> None:
        """A configuration is in force, and its identities are those of the contexts. ``lists`` are files of CRLs."""
        self._name, self._systems = name, tuple(systems)
        before, shown = tuple(self._watch.shown), self._contexts.identities
        self._watch.become(files, shown)
        for index, (old, new) in enumerate(zip(before, shown, strict=False)):
            if old.chain != new.chain:
                findings = [finding for finding in self._judge(shown) if finding.index == index]
                self._told(Renewed(index, old, new, (*findings, *compare(old, new, index))))
        if any(not shown.has(old) for old in before):
            self._retire()
        self._lists.become(tuple(lists))
        self._lists.tell_of_ends(self._now())

    def start(self) -> None:
        """Begin to look, at the dates at once."""
        self._reloading.start()
        self._look_at_dates()
        self._look_at_lists()

    def stop(self) -> None:
        """Leave everything as it is."""
        self._reloading.stop()
        self._retiring.stop()
        self.revocation.stop()
        for each in (self._next, self._next_lists):
            if each is not None and each.active():
                each.cancel()

    def look_now(self) -> tuple[Renewed | Kept, ...]:
        """`edge cert reload`: read our files now; nothing in the answer means that nothing has changed."""
        return self._reloading.look_now()

    def saw(self, peer: Peer, handshake: Handshake) -> None:
        """The verdict on a handshake was this."""
        if handshake.leaf is None:
            return
        if not peer.systems:
            self.book.refused(handshake.leaf, peer.fault or Code.A01, self._wall())
        for system in sorted(peer.systems):
            change = self.book.saw(system, handshake.leaf, self._wall())
            if change is not None:
                self._report(
                    "cert.changed",
                    partner=system,
                    cert_sha256=change.new.fingerprint,
                    issuer=change.new.issuer,
                    was_sha256=change.old.fingerprint,
                    was_issuer=change.old.issuer,
                    same_key=change.same_key,
                    same_issuer=change.same_issuer,
                )

    def restore(self, kind: int, data: bytes) -> bool:
        """Take up a record of an earlier life, if it is one of these; what cannot be read was never seen."""
        if kind != KIND:
            return False
        try:
            self.book.restore(data)
        except msgspec.DecodeError:
            self._report("cert.forgotten", text="a record of a peer's certificate cannot be read")
        return True

    def findings(self) -> Sequence[Finding]:
        """What there is to say about ours now, for `edge cert list`."""
        return self._judge(self._contexts.identities)

    def endings(self) -> Iterator[Ending]:
        """What ends when: for `edge_certificate_expiry_timestamp_seconds`."""
        yield from ours(self._contexts.identities)
        yield from self.book.endings()

    def crl_ages(self) -> Iterator[tuple[str, str, float]]:
        """For `edge_crl_age_seconds`: of each list its issuer, where it is from, and when that was signed."""
        for age in self.revocation.ledger.ages():
            if age.source == "crl":
                yield age.issuer[:SHOWN], age.url, max(0.0, self._wall() - age.since.timestamp())

    # -- private -----------------------------------------------------------------------------------------------------

    def _judge(self, identities: Identities) -> Sequence[Finding]:
        return examine(identities, self._name, self._systems, self._now())

    def _judge_renewed(self, new: Identities) -> Sequence[Finding]:
        """The same of identities of which one is another than it was: none of our domains may be lost by it.

        Who wants that says `edge reload`. One that has ended is of no use to anybody.
        """
        old, findings = self._watch.shown, list(self._judge(new))
        domains = lost(old, new, self._systems)
        index = next((n for n, (one, other) in enumerate(zip(old, new, strict=True)) if one.chain != other.chain), 0)
        if domains and old[index].fault(self._now()) is None:
            named = ", ".join(f'"{unicode(each)}"' for each in domains[:LISTED])
            text = f"our new certificate does not carry {named}, as the one does that is shown; edge reload takes it"
            findings.append(Finding(Code.C03, text, index=index))
        return findings

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    def _unreadable(self, path: str, code: Code, problem: str) -> None:
        self._report("revocation.failed", code=code, url=path, text=problem)

    def _unanswered(self, url: str, problem: str) -> None:
        self._report("revocation.failed", code=Code.C08, url=url, text=problem)

    def _reloaded(self, event: Renewed | Kept) -> None:
        self._told(event)
        if isinstance(event, Renewed):
            self._retire()

    def _told(self, event: Renewed | Kept) -> None:
        if isinstance(event, Kept):
            self._report("cert.kept", code=event.code, identity=event.index, text=event.text)
            return
        self._report(
            "cert.renewed",
            identity=event.index,
            names=",".join(event.new.names[:10]),
            not_after=f"{event.new.not_after:%Y-%m-%d}",
            issuer=event.new.issuer[:200],
            findings="; ".join(f"{finding.code} {finding.text}" for finding in event.findings) or "none",
        )

    def _retire(self) -> None:
        """Close the links that show what nobody is shown any more; those of our other certificates stay."""
        now = self._contexts.identities
        self._retiring.retire([close for ours, close in self._links() if ours is not None and not now.has(ours)])

    def _look_at_lists(self) -> None:
        self._next_lists = self._reactor.callLater(FILES_SECONDS, self._look_at_lists)
        if self._lists.look():
            self._lapsed()

    def _look_at_dates(self) -> None:
        self._next = self._reactor.callLater(LOOK_SECONDS, self._look_at_dates)
        self._lists.tell_of_ends(self._now())
        self._lapsed()
        for each in self._expirations.due(self.endings(), self._now()):
            ending = each.ending
            self._report(
                "cert.expiring",
                code=Code.C02,
                role=ending.role,
                of=ending.name,
                days=each.days,
                not_after=f"{ending.not_after:%Y-%m-%d}",
                issuer=ending.issuer[:200],
                cert_sha256=ending.fingerprint,
            )
