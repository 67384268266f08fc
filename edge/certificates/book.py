"""The certificates that peers have shown: since when, until when, and whether one has changed.

Pure and bounded. The pools tell of each verdict (`PeerBook.saw`), `edge.driver` logs the `Changed` that comes back and
keeps the records, `edge cert peers` and the metrics read. A partner may have many certificates at a time, one for each
of its servers, so a change is one that was not seen before; who was refused is kept apart, so that strangers cannot
push partners out.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography import x509

from edge.certificates.expiry import Ending
from edge.certificates.peers import presented
from edge.certificates.trust import fingerprint_of, pin_of
from edge.codes import Code

MAX_OF_ONE = 16  # certificates of one partner; the largest have that many servers
MAX_ACCEPTED = 20_000  # of all partners; half a kilobyte each
MAX_REFUSED = 500
MAX_NAMES = 20  # of one certificate that are kept
SHOWN = 200  # characters of an issuer or a name that are kept
SEEN_AGAIN = 86_400.0  # seconds until "last seen" is worth a write


class Seen(msgspec.Struct, array_like=True, frozen=True):
    """One certificate of one system. A field is only ever added at the end and with a default: it is in the store."""

    system: str  # "" for one that proved nothing
    fingerprint: str
    pin: str
    issuer: str
    names: tuple[str, ...]
    not_after: float  # Unix epoch seconds, like the others
    first_seen: float
    last_seen: float
    code: str = ""  # why it was refused

    @property
    def key(self) -> str:
        """Its key in the store."""
        return f"{self.system} {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Changed:
    """A partner has shown a certificate that it never showed before."""

    old: Seen
    new: Seen

    @property
    def same_key(self) -> bool:
        """True for a mere renewal."""
        return self.old.pin == self.new.pin

    @property
    def same_issuer(self) -> bool:
        """False is what somebody in the middle with a certificate of his own would look like."""
        return self.old.issuer == self.new.issuer


class PeerBook:
    """What was seen. Everything that changed since the last `unsaved` can be asked for, to be kept."""

    def __init__(self) -> None:
        self._accepted: OrderedDict[str, dict[str, Seen]] = OrderedDict()  # by system and fingerprint, last seen last
        self._refused: OrderedDict[str, Seen] = OrderedDict()
        self._number = 0
        self._unsaved: dict[str, Seen | None] = {}

    def saw(self, system: str, certificate: x509.Certificate, now: float) -> Changed | None:
        """A link with ``system`` is up that showed this. Returns what is to be told."""
        fingerprint = fingerprint_of(certificate)
        known = self._accepted.get(system, {})
        before = known.get(fingerprint)
        if before is not None:
            self._again(known, before, now)
            return None
        latest = next(reversed(known.values()), None)
        seen = _seen(system, fingerprint, certificate, now)
        self._add(seen)
        self._unsaved[seen.key] = seen
        return None if latest is None else Changed(latest, seen)

    def refused(self, certificate: x509.Certificate, code: Code, now: float) -> None:
        """Somebody has shown this, and proved nothing by it."""
        fingerprint = fingerprint_of(certificate)
        before = self._refused.pop(fingerprint, None)
        if before is None:
            before = _seen("", fingerprint, certificate, now)
        self._refused[fingerprint] = msgspec.structs.replace(before, last_seen=now, code=str(code))
        while len(self._refused) > MAX_REFUSED:
            self._refused.popitem(last=False)

    def forget(self, system: str) -> None:
        """The system is no partner any more."""
        for seen in self._accepted.pop(system, {}).values():
            self._number -= 1
            self._unsaved[seen.key] = None

    def accepted(self) -> Iterator[Seen]:
        """All of partners, by the partner's name."""
        for system in sorted(self._accepted):
            yield from self._accepted[system].values()

    def rejected(self) -> list[Seen]:
        """Those that proved nothing, the last seen first."""
        return list(reversed(self._refused.values()))

    def endings(self) -> list[Ending]:
        """For `edge.certificates.expiry`: of each partner the one that it has shown last, which is the one in use."""
        return [
            Ending("peer", seen.system, seen.fingerprint, seen.issuer, datetime.fromtimestamp(seen.not_after, UTC))
            for known in self._accepted.values()
            for seen in list(known.values())[-1:]
        ]

    def restore(self, data: bytes) -> None:
        """Take up a record of an earlier life, in the order of their last use."""
        self._add(decode(data))

    def unsaved(self) -> dict[str, bytes | None]:
        """What to write into the store since the last call, by key; None is to be forgotten."""
        changed = {key: None if seen is None else encode(seen) for key, seen in self._unsaved.items()}
        self._unsaved.clear()
        return changed

    def _again(self, known: dict[str, Seen], before: Seen, now: float) -> None:
        seen = msgspec.structs.replace(before, last_seen=now)
        del known[before.fingerprint]
        known[before.fingerprint] = seen
        if now - before.last_seen >= SEEN_AGAIN:
            self._unsaved[seen.key] = seen

    def _add(self, seen: Seen) -> None:
        known = self._accepted.setdefault(seen.system, {})
        if seen.fingerprint not in known:
            self._number += 1
        known[seen.fingerprint] = seen
        if len(known) > MAX_OF_ONE:
            self._drop(seen.system)
        elif self._number > MAX_ACCEPTED:
            self._drop(next(iter(self._accepted)))

    def _drop(self, system: str) -> None:
        known = self._accepted[system]
        oldest = known.pop(next(iter(known)))
        self._number -= 1
        self._unsaved[oldest.key] = None
        if not known:
            del self._accepted[system]


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Seen).decode


# -- private ---------------------------------------------------------------------------------------------------------


def _seen(system: str, fingerprint: str, certificate: x509.Certificate, now: float) -> Seen:
    names = tuple(name[:SHOWN] for name in presented(certificate)[:MAX_NAMES])
    ends = certificate.not_valid_after_utc.timestamp()
    return Seen(system, fingerprint, pin_of(certificate), _issuer(certificate), names, ends, now, now)


def _issuer(certificate: x509.Certificate) -> str:
    try:
        text = certificate.issuer.rfc4514_string()[:SHOWN]
    except ValueError:
        return ""
    return "".join(each if each.isprintable() else "?" for each in text)
