"""A changed configuration is applied while all goes on, whole or not at all.

`edge.service` makes one `Reloading` and says how a good configuration is applied; SIGHUP, `edge reload` and the clock
(for partners whose time is over) ask it. A configuration with an error, or with a change that only a restart can make,
changes nothing and says why.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from OpenSSL import SSL

from edge.certificates.identity import Identities
from edge.codes import Code
from edge.config import Config, Fault, Reading, read
from edge.config.difference import Difference, difference
from edge.config.loading import expired

NO_FILE = (
    "the folder of partners has no *.toml file any more: put the files back (is it mounted?); if there are to be no "
    'partners, put a file there that says "version = 1" and nothing else'
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of what was going on."""

    links_closed: int = 0
    links_untouched: int = 0
    subscriptions_ended: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt. ``accepted``: the files are good, and say now what the gateway does (or would do)."""

    accepted: bool
    dry_run: bool
    lines: tuple[str, ...]
    faults: tuple[Fault, ...]
    applied: Applied
    generation: int

    @property
    def errors(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if not fault.warning)

    def as_json(self) -> dict[str, object]:
        """For `edge reload --json` and the API."""
        return {
            "accepted": self.accepted,
            "dry_run": self.dry_run,
            "changes": list(self.lines),
            "errors": [str(fault) for fault in self.errors],
            "warnings": [str(fault) for fault in self.faults if fault.warning],
            "links_closed": self.applied.links_closed,
            "links_untouched": self.applied.links_untouched,
            "subscriptions_ended": self.applied.subscriptions_ended,
            "generation": self.generation,
        }


class Reloading:
    """The configuration that is in force. ``apply`` puts another one into force, or raises and leaves all as it is."""

    def __init__(self, config: Config, apply: Callable[[Config], Applied]) -> None:
        self.config = config
        self.generation = 1
        self._apply = apply

    def read(self) -> Reading:
        """Read the files as they are now: slow for many partners, and free of effects, so that a thread may do it."""
        return read(self.config.path)

    def attempt(self, reading: Reading, dry_run: bool = False) -> Outcome:
        """Put what was read into force, or say why not."""
        if reading.config is None:
            return self._rejected(reading.faults, dry_run)
        if not _has_partner_files(reading.config) and _says_of_others(self.config):
            fault = Fault(Code.K04, NO_FILE, reading.config.path, key="edge.partners")
            return self._rejected((fault, *reading.faults), dry_run)
        return self._put(reading.config, reading.faults, dry_run)

    def expire(self, now: float) -> Outcome:
        """Do without the partners whose time is over at ``now``. What the files say meanwhile has to be asked for."""
        return self._put(expired(self.config, now), (), dry_run=False)

    def renewed(self, identities: Identities) -> None:
        """These are ours now, by themselves: there is no difference any more to files that say so."""
        if identities is not self.config.identities:
            self.config = replace(self.config, identities=identities, identity=identities.default)

    def _put(self, config: Config, faults: tuple[Fault, ...], dry_run: bool) -> Outcome:
        changes = difference(self.config, config)
        if changes.fixed:
            return self._rejected((*self._too_late(config.path, changes), *faults), dry_run)
        applied = Applied()
        if not dry_run and changes.lines:
            try:
                applied = self._apply(config)
            except (OSError, SSL.Error) as error:  # a trust bundle that has gone since it was read, above all
                fault = Fault(Code.K04, f"the configuration could not be applied: {error}", config.path)
                return self._rejected((fault, *faults), dry_run)
            self.config = config
            self.generation += 1
        return Outcome(True, dry_run, changes.lines, faults, applied, self.generation)

    def _rejected(self, faults: tuple[Fault, ...], dry_run: bool) -> Outcome:
        return Outcome(False, dry_run, (), faults, Applied(), self.generation)

    def _too_late(self, path: Path, changes: Difference) -> list[Fault]:
        return [Fault(Code.K14, f"{key} is another one: {Code.K14.sentence}", path) for key in changes.fixed]


def reported(outcome: Outcome) -> tuple[str, dict[str, object]]:
    """The event for the log."""
    if outcome.accepted:
        return "config.loaded", {
            "changes": "; ".join(outcome.lines) or "none",
            "generation": outcome.generation,
            "links_closed": outcome.applied.links_closed,
            "subscriptions_ended": outcome.applied.subscriptions_ended,
        }
    first, *others = outcome.errors
    text = f"{first}" + (f" (and {len(others)} more)" if others else "")
    return "config.rejected", {"code": first.code, "text": text}


# -- private ---------------------------------------------------------------------------------------------------------


def _has_partner_files(config: Config) -> bool:
    return len(config.files) > 1


def _says_of_others(config: Config) -> bool:
    """Whether anybody is a partner, blocked, or might be discovered."""
    directory = config.directory
    listed = any(not system.inside for system in (*config.systems, *directory.over))
    return listed or bool(directory.blocks) or directory.discovered.template is not None
