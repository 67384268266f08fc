"""What an administrator can ask of the running gateway and have it do: the names behind ``/v1/`` and their answers.

Each verb takes texts and gives plain values for JSON. Used by `edge.service`; the command `edge` (`edge.admin.cli`)
shows the same answers to people. Whatever changes something (POST) is noted, with who did it (`edge.admin.audit`).
"""

from collections.abc import Callable, Mapping
from functools import partial

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from edge.admin import cert_verbs
from edge.admin.disk import Disk
from edge.admin.explain import explain
from edge.admin.links import close, links, retry
from edge.admin.listing import Listing
from edge.admin.local import BY, Answer, Verb, Verbs, Wrong
from edge.admin.partners import partners, seen
from edge.admin.probing import Probing
from edge.admin.running import Running
from edge.admin.status import status
from edge.admin.subs import end, refresh, subs
from edge.admin.traces import Traces

BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "": False}
ENTRIES = 1000  # of the audit in one answer
# members of a question that the audit repeats
TOLD = ("partner", "domain", "via", "name", "reason", "user", "address", "with", "minutes", "bodies", "id")
LONGEST = 500  # characters of one of them


def verbs_of(running: Running) -> Verbs:
    """All verbs, by method and name."""
    listing, disk = Listing(running), Disk(running)
    traces = Traces(running.driver, running.gateway.node, running.reactor, running.wall)
    asked: dict[str, Callable[[Running, Mapping[str, str]], Answer | Deferred[Answer]]] = {
        "status": lambda running, said: status(running, disk, said),
        "links": links,
        "partners": partners,
        "seen": seen,
        "subs": subs,
        "explain": explain,
        "audit": audit,
        "certificates": cert_verbs.certificates,
        "certificates/peers": cert_verbs.seen,
    }
    done: dict[str, Verb] = {
        "reload": partial(reload, running),
        "links/close": partial(close, running),
        "links/retry": partial(retry, running),
        "certificates/reload": partial(cert_verbs.reload, running),
        "subs/refresh": partial(refresh, running),
        "subs/end": partial(end, running),
        "allow": listing.allow,
        "block": listing.block,
        "trace": traces.start,
        "trace/end": traces.end,
    }
    return {
        **{("GET", name): partial(verb, running) for name, verb in asked.items()},
        **{("POST", name): noted(running, name, verb) for name, verb in done.items()},
        ("POST", "test"): Probing(running).test,  # it changes nothing
        ("GET", "trace"): traces.read,
    }


def noted(running: Running, name: str, verb: Verb) -> Verb:
    """The same verb, with a note of what it did or why it did not; a dry run does nothing."""

    def run(said: Mapping[str, str]) -> "Answer | Deferred[Answer]":
        if flag(said, "dry_run"):
            return verb(said)
        facts = {key: said[key][:LONGEST] for key in TOLD if said.get(key)}

        def note(answer: Answer) -> Answer:
            changes = answer.get("changes")
            lines = [str(line) for line in changes] if isinstance(changes, list | tuple) else []
            refused = "" if answer.get("accepted", True) else _first(answer.get("errors"))
            running.audit.note(said.get(BY, ""), name, lines, refused=refused, **facts)
            return answer

        def failed(failure: Failure) -> Failure:
            running.audit.note(said.get(BY, ""), name, (), refused=str(failure.value)[:LONGEST], **facts)
            return failure

        try:
            answer = verb(said)
        except Wrong as error:
            running.audit.note(said.get(BY, ""), name, (), refused=str(error), **facts)
            raise
        if isinstance(answer, Deferred):
            return answer.addCallbacks(note, failed)
        return note(answer)

    return run


def reload(running: Running, said: Mapping[str, str]) -> "Deferred[Answer]":
    """Put the files as they are now into force; with ``dry_run`` say what that would change."""
    return running.reload(flag(said, "dry_run")).addCallback(lambda outcome: outcome.as_json())


def audit(running: Running, said: Mapping[str, str]) -> Answer:
    """What was changed ``since`` a moment (Unix epoch), and by whom; the oldest first."""
    try:
        since = float(said.get("since") or 0)
    except ValueError:
        raise Wrong("since must be a number of seconds") from None
    entries, more = running.audit.since(since, ENTRIES)
    return {"entries": entries, "more": more, "file": str(running.audit.file or "")}


def flag(said: Mapping[str, str], name: str) -> bool:
    """A truth value; `Wrong` if it is something else."""
    value = BOOLEANS.get(said.get(name, ""))
    if value is None:
        raise Wrong(f"{name} must be true or false")
    return value


# -- private ---------------------------------------------------------------------------------------------------------


def _first(lines: object) -> str:
    return str(lines[0])[:LONGEST] if isinstance(lines, list) and lines else "it was refused"
