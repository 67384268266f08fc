"""Our certificates when their files change: noticed, judged, and shown from the next handshake on, or left alone.

`edge.service` starts a `Reloading` and is told what came of it; `edge cert reload` and SIGHUP call `look_now`. Files
are polled, because what a certificate lives on (a mounted secret, a link to the newest one) tells nobody of changes.
A pair counts when both files have stood still for two looks, so that none is read while it is being written.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.certificates.examination import Finding, compare
from edge.certificates.identity import MAX_PEM, Files, Identities, Identity, IdentityError, parse
from edge.codes import Code

LOOK_SECONDS = 5.0  # between two looks, each two `stat` calls for a certificate: a renewal is shown within ten seconds
RETIRE_SECONDS = 600.0  # in which the links that still show the old one are closed, one by one

Stamp = tuple[int, int, int] | None  # when a file was changed, its size and its inode; None: there is no file


@dataclass(frozen=True, slots=True)
class Renewed:
    """A certificate that was exchanged, and what there is to say about the new one."""

    index: int  # 0 is the default
    old: Identity
    new: Identity
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate that could not be exchanged: the old one is still shown."""

    index: int
    code: Code
    text: str


class Watch:
    """The files of our identities, and what was read from them last."""

    def __init__(
        self,
        files: Sequence[Files],
        shown: Identities,
        judge: Callable[[Identities], Sequence[Finding]],
        *,
        stamp: Callable[[Path], Stamp] | None = None,
        read: Callable[[Path], bytes] | None = None,
    ) -> None:
        self.shown = shown
        self._files = tuple(files)
        self._judge = judge
        self._stamp, self._read = stamp or stamp_of, read or contents
        self._seen: tuple[Stamp, ...] = ()
        self._settled: tuple[Stamp, ...] = ()  # what was judged; so far nothing: they may have changed since `shown`
        self._kept: list[Kept] = []  # what was said already

    def look(self) -> tuple[Renewed | Kept, ...]:
        """What has become of the files; nothing in all but a few looks. `shown` is what is to be shown now."""
        stamps = self._stamps()
        before, self._seen = self._seen, stamps
        if stamps == self._settled or stamps != before:
            return ()
        return self._take(stamps)

    def look_now(self) -> tuple[Renewed | Kept, ...]:
        """The same without waiting until the files stand still: somebody says that they do."""
        self._kept = []
        self._seen = stamps = self._stamps()
        return self._take(stamps)

    def become(self, files: Sequence[Files], shown: Identities) -> None:
        """Another configuration is in force, which has read its own files."""
        self._files, self.shown = tuple(files), shown
        self._seen = self._settled = ()
        self._kept = []

    def _stamps(self) -> tuple[Stamp, ...]:
        return tuple(self._stamp(file) for pair in self._files for file in pair)

    def _take(self, stamps: tuple[Stamp, ...]) -> tuple[Renewed | Kept, ...]:
        pairs = [self._pair(files) for files in self._files]
        if self._stamps() != stamps:
            return ()  # changed under our hands: they have to stand still first
        events = [event for index, pair in enumerate(pairs) if (event := self._exchange(index, pair)) is not None]
        kept = [event for event in events if isinstance(event, Kept)]
        fresh = [event for event in events if event not in self._kept]
        self._kept = kept
        # one that is not valid yet will be without any change of its file; and names may be carried by another one
        self._settled = () if any(event.code in (Code.C09, Code.C03) for event in kept) else stamps
        return tuple(fresh)

    def _pair(self, files: Files) -> Identity | tuple[Code, str]:
        try:
            return parse(self._read(files.certificate), self._read(files.key))
        except IdentityError as error:
            return error.code, str(error)
        except OSError as error:
            return Code.K04, f"{error.filename or files.certificate} cannot be read: {error.strerror or error}"

    def _exchange(self, index: int, pair: Identity | tuple[Code, str]) -> Renewed | Kept | None:
        if isinstance(pair, tuple):
            return Kept(index, *pair)
        every = list(self.shown)
        old = every[index]
        if old.chain == pair.chain:
            return None  # and so the key is the same
        every[index] = pair
        candidate = Identities(every[0], every[1:])
        findings = [finding for finding in self._judge(candidate) if finding.index == index]
        for finding in findings:
            if not finding.warning:
                return Kept(index, finding.code, finding.text)
        self.shown = candidate
        return Renewed(index, old, pair, (*findings, *compare(old, pair, index)))


class Reloading:
    """Looks again and again. ``swap`` shows what is new (`Contexts.renew`), ``report`` is told everything."""

    def __init__(
        self,
        clock: IReactorTime,
        watch: Watch,
        swap: Callable[[Identities], None],
        report: Callable[[Renewed | Kept], None],
    ) -> None:
        self._clock, self._watch, self._swap, self._report = clock, watch, swap, report
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to look."""
        self._next = self._clock.callLater(LOOK_SECONDS, self._again)

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def look_now(self) -> tuple[Renewed | Kept, ...]:
        """Read the files at once; returns what came of it, after it was reported."""
        return self._act(self._watch.look_now)

    def _again(self) -> None:
        self.start()
        self._act(self._watch.look)

    def _act(self, look: Callable[[], tuple[Renewed | Kept, ...]]) -> tuple[Renewed | Kept, ...]:
        before = self._watch.shown
        events = look()
        if self._watch.shown is not before:
            try:
                self._swap(self._watch.shown)
            except (OSError, SSL.Error) as error:  # a trust bundle may have gone meanwhile
                self._watch.shown = before
                events = tuple(_not_shown(event, error) for event in events)
        for event in events:
            self._report(event)
        return events


class Retiring:
    """Closes links one after the other, so that nobody has to take all of them up again at once."""

    def __init__(self, clock: IReactorTime, seconds: float = RETIRE_SECONDS) -> None:
        self._clock, self._seconds = clock, seconds
        self._calls: list[IDelayedCall] = []

    def retire(self, closers: Iterable[Callable[[], None]]) -> None:
        """Call each of these within the time, evenly spread; one that closes a link which is gone does nothing."""
        every = list(closers)
        self._calls = [call for call in self._calls if call.active()]
        for number, close in enumerate(every, 1):
            self._calls.append(self._clock.callLater(self._seconds * number / len(every), close))

    def stop(self) -> None:
        """Leave the others open."""
        for call in self._calls:
            if call.active():
                call.cancel()
        self._calls = []


def stamp_of(path: Path) -> Stamp:
    """What tells one version of a file from another."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def contents(path: Path) -> bytes:
    """A file of ours. Raises `OSError`, also if it is too large to be one."""
    with path.open("rb") as stream:
        content = stream.read(MAX_PEM + 1)
    if len(content) > MAX_PEM:
        raise OSError(0, f"has more than {MAX_PEM} bytes", str(path))
    return content


# -- private ---------------------------------------------------------------------------------------------------------


def _not_shown(event: Renewed | Kept, error: Exception) -> Renewed | Kept:
    if isinstance(event, Kept):
        return event
    return Kept(event.index, Code.K04, f"the new certificate cannot be shown: {error}"[:200])
