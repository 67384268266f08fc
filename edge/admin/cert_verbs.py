"""Certificates, asked of the running gateway: ours as they are shown now, theirs as they were shown to us.

The verbs ``certificates``, ``certificates/peers`` and ``certificates/reload`` (`edge.admin.verbs`); how they look to
people is in `edge.admin.cert_commands`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from edge.admin.certificates import listed, peers
from edge.admin.local import Answer
from edge.admin.running import Running
from edge.certificates.reload import Kept


def certificates(running: Running, said: Mapping[str, str]) -> Answer:
    """All of ours with what is wrong with them, and what each partner has shown last."""
    upkeep = running.upkeep
    return listed(running.contexts.identities, upkeep.findings(), _now(running), upkeep.book)


def seen(running: Running, said: Mapping[str, str]) -> Answer:
    """Every certificate that partners have shown; with ``rejected`` those that proved nothing."""
    upkeep = running.upkeep
    return peers(upkeep.book, upkeep.revocation.ledger.ages(), _now(running), bool(said.get("rejected")))


def reload(running: Running, said: Mapping[str, str]) -> Answer:
    """Read our certificates and keys again, and show what is new in every handshake from now on."""
    changes, errors = [], []
    for event in running.upkeep.look_now():
        if isinstance(event, Kept):
            errors.append(f"{event.code} {event.text}; the old certificate is shown")
        else:
            names, ends = event.new.names[:1] or ("a certificate",), event.new.not_after
            changes.append(f"~ certificate {names[0]}, ends on {ends:%Y-%m-%d}")
    return {"accepted": not errors, "changes": changes, "errors": errors}


# -- private ---------------------------------------------------------------------------------------------------------


def _now(running: Running) -> datetime:
    return datetime.fromtimestamp(running.wall(), UTC)
