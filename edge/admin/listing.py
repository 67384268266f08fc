"""`edge allow` and `edge block`: a small change of the partner list, written into its files and put into force.

Where [edge] partners is a folder the change is a file of its own, else a table at the end of the one file; nothing that
stands there is touched. The order: the files as they are must be in force already, then the change is written, tried,
and applied; if any of that fails the files are as before. Used by `edge.admin.verbs`.
"""

import errno
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.defer import Deferred, DeferredLock

from edge.admin.local import Answer, Wrong
from edge.admin.reloading import Outcome
from edge.admin.running import Running
from edge.config.addresses import listed_name
from edge.domains import Domain, unicode

LONGEST = 500  # characters of a reason or of what else somebody writes
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # as `edge.config.schema.SystemName`
MODE = 0o644  # of a new file: there is no secret in it
CONFLICT = 409  # the status of what cannot be done as things are


@dataclass(frozen=True, slots=True)
class Written:
    """What has been added to ``file``: to be taken back if nobody has written to it since. ``before`` are the bytes
    that it had, None if it is new."""

    file: Path
    before: int | None
    after: int

    def take_back(self) -> None:
        """As if nothing had been."""
        if self.before is None:
            self.file.unlink(missing_ok=True)
        elif self.file.exists() and self.file.stat().st_size == self.after:
            os.truncate(self.file, self.before)


class Listing:
    """Changes come one after the other."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._turns = DeferredLock()

    def allow(self, said: Mapping[str, str]) -> "Deferred[Answer]":
        """List ``domain`` as a partner called ``name``; ``via`` is by default as it came to us, else "sip"."""
        domain, wildcard = _domain(said)
        shown = _shown(domain, wildcard)
        name = said.get("name", "") or domain.split(".")[0]
        if not NAME.fullmatch(name):
            raise Wrong(f"{_quoted(name)} is no name: 1 to 64 letters, digits or any of . - _ are one")
        via = said.get("via", "") or self._came_by(domain)
        if via not in ("sip", "xmpp"):
            raise Wrong('via must be "sip" or "xmpp"')
        self._must_be_free(domain, wildcard)
        if self._running.directory.named(name) is not None:
            raise Wrong(f"the name {name} is taken: give another one with --name", CONFLICT)
        table = f"[[partner]]\nname = {_quoted(name)}\ndomains = [{_quoted(shown)}]\nvia = {_quoted(via)}\n"
        return self._turns.run(self._change, name, table, f"+ partner {name}", said.get("by", ""))

    def block(self, said: Mapping[str, str]) -> "Deferred[Answer]":
        """Have nothing to do with ``domain``, whoever it belongs to; ``reason`` is for administrators."""
        domain, wildcard = _domain(said)
        shown, reason = _shown(domain, wildcard), said.get("reason", "")
        if len(reason) > LONGEST or not reason.isprintable():
            raise Wrong(f"a reason is one line of at most {LONGEST} characters")
        directory = self._running.directory
        block = directory.block_of(domain)
        if block is not None:
            raise Wrong(f"{shown} is blocked already ({block.place})", CONFLICT)
        if any(domain in system.domains for system in directory.systems if system.inside):
            raise Wrong(f"{shown} is a domain of ours", CONFLICT)
        table = f"[[blocked]]\ndomains = [{_quoted(shown)}]\n"
        if reason:
            table += f"reason = {_quoted(reason)}\n"
        name = f"blocked-{'all.' if wildcard else ''}{domain}"
        return self._turns.run(self._change, name, table, f"+ blocked {shown}", said.get("by", ""))

    # --- private ----------------------------------------------------------------------------------------

    def _came_by(self, domain: Domain) -> str:
        """The protocol that somebody speaks who came without being listed; "sip" for who never came."""
        found = self._running.directory.discovered.get(domain)
        if found is not None:
            return found.protocol
        protocols = {each.protocol for each in self._running.seen.strangers() if each.domain == domain}
        return "xmpp" if protocols == {"xmpp"} else "sip"

    def _must_be_free(self, domain: Domain, wildcard: bool) -> None:
        directory = self._running.directory
        block = directory.block_of(domain)
        if block is not None:
            raise Wrong(f"{_shown(domain, wildcard)} is blocked ({block.place}): take that away first", CONFLICT)
        for system in directory.systems:
            if domain in (system.wildcards if wildcard else system.domains):
                whose = f"{'inside' if system.inside else 'partner'} {system.name}"
                raise Wrong(f"{_shown(domain, wildcard)} is listed already: {whose} ({system.place})", CONFLICT)

    async def _changed(self, name: str, table: str, expected: str, by: str) -> Answer:
        before = await self._running.reload(True)
        _must_be_good(before, "the files have errors, so nothing can be added to them")
        if before.lines:
            what = "; ".join(before.lines[:5])
            raise Wrong(f"the files have changes that are not in force ({what}): `edge reload` first", CONFLICT)
        try:
            written = _write(self._running.config.path, name, table)
        except OSError as error:
            raise Wrong(f"{error.filename} cannot be written: {error.strerror}", CONFLICT) from None
        try:
            tried = await self._running.reload(True)
            _must_be_good(tried, "it was refused")
            if expected not in tried.lines or len(tried.lines) != 1:
                what = "; ".join(tried.lines) or "nothing"
                raise Wrong(f"it would have changed something else: {what}", CONFLICT)
            outcome = await self._running.reload(False)
            _must_be_good(outcome, "it was refused")
        except BaseException:
            written.take_back()
            raise
        return {
            **outcome.as_json(),
            "file": str(written.file),
            "table": table,
            "warnings": [str(fault) for fault in outcome.faults if fault.warning and fault not in before.faults],
        }

    def _change(self, name: str, table: str, expected: str, by: str) -> "Deferred[Answer]":
        return Deferred.fromCoroutine(self._changed(name, table, expected, by))


# -- private ---------------------------------------------------------------------------------------------------------


def _domain(said: Mapping[str, str]) -> tuple[Domain, bool]:
    text = said.get("domain", "")
    try:
        return listed_name(text)
    except ValueError as error:
        raise Wrong(f"{_quoted(text[:100])}: {error}") from None


def _shown(domain: Domain, wildcard: bool) -> str:
    return f"*.{unicode(domain)}" if wildcard else unicode(domain)


def _quoted(text: str) -> str:
    """As a basic string of TOML. What is not printable has been refused, or is written as JSON and TOML both do."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _must_be_good(outcome: Outcome, sentence: str) -> None:
    if not outcome.accepted:
        first, *others = outcome.errors
        more = f" (and {len(others)} more)" if others else ""
        raise Wrong(f"{sentence}: {first}{more}", CONFLICT)


def _write(config: Path, name: str, table: str) -> Written:
    """Put ``table`` where the partners of this edge.toml are listed."""
    partners = config.parent / str(tomllib.loads(config.read_text("utf-8-sig"))["edge"]["partners"])
    if partners.is_dir():
        file = partners / f"{name}.toml"
        content = f"version = 1\n\n{table}".encode()
        try:
            _append(file, content, os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            raise Wrong(f"there is a file {file} already", CONFLICT) from None
        return Written(file, None, len(content))
    before = partners.read_bytes()
    content = ("\n" if before.endswith(b"\n") else "\n\n").encode() + table.encode()
    _append(partners, content, 0)
    return Written(partners, len(before), len(before) + len(content))


def _append(file: Path, content: bytes, how: int) -> None:
    """With one write, so that nobody reads half of it, into the same file, so that it keeps its owner.

    Where that fails, as on a full disk, nothing of it stays.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | how, MODE)
    before = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        os.fsync(descriptor)
    except OSError as error:
        os.ftruncate(descriptor, before)
        if how & os.O_CREAT:
            file.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from None
    finally:
        os.close(descriptor)
