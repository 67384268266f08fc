"""What an administrator can ask of the running gateway and have it do: the names behind ``/v1/`` and their answers.

Each verb takes texts and gives plain values for JSON. Used by `edge.service`; the command `edge` (`edge.admin.cli`)
shows the same answers to people.
"""

from collections.abc import Mapping
from functools import partial

from twisted.internet.defer import Deferred

from edge.admin.local import Answer, Verbs, Wrong
from edge.admin.running import Running
from edge.admin.status import status

BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "": False}


def verbs_of(running: Running) -> Verbs:
    """All verbs, by method and name."""
    return {
        ("GET", "status"): partial(status, running),
        ("POST", "reload"): partial(reload, running),
    }


def reload(running: Running, said: Mapping[str, str]) -> "Deferred[Answer]":
    """Put the files as they are now into force; with ``dry_run`` say what that would change."""
    return running.reload(flag(said, "dry_run")).addCallback(lambda outcome: outcome.as_json())


def flag(said: Mapping[str, str], name: str) -> bool:
    """A truth value; `Wrong` if it is something else."""
    value = BOOLEANS.get(said.get(name, ""))
    if value is None:
        raise Wrong(f"{name} must be true or false")
    return value
