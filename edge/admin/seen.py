"""Who came and is not on the partner list: a bounded book of domains, for `edge partners seen`.

`edge.driver` tells it of every event (`Seen.watch`); only refusals with EDGE-A01 are taken down. Names are what peers
say of themselves or show in a certificate that nobody has vouched for: they are worth an inquiry, and no more.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edge.admin.shown import printable
from edge.codes import Code
from edge.gateway.effects import Report

MOST = 1000  # strangers; who was seen longest ago goes first
SHOWN = 253  # characters of a domain, and of whatever else a peer says
NAMES_SHOWN = 500  # characters of the names of a certificate together

COUNTED = frozenset({"link.refused", "sip.refused", "policy.denied"})


@dataclass(frozen=True, slots=True)
class Stranger:
    """One domain that is not listed; "" for a link that did not come to name one.

    ``through``: the partner on whose link it came. ``links`` and ``requests`` are how often each was refused.
    """

    domain: str
    protocol: str
    first_seen: float  # Unix epoch seconds
    last_seen: float
    links: int = 0
    requests: int = 0
    address: str = ""  # from which the last link came
    names: str = ""  # of the certificate, with commas
    fingerprint: str = ""
    issuer: str = ""
    through: str = ""

    def as_json(self) -> dict[str, object]:
        """For `edge partners seen --json` and the API; times are left as they are."""
        return {name: getattr(self, name) for name in self.__slots__} | {"code": str(Code.A01)}


class Seen:
    """``wall`` is the time of day."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._book: OrderedDict[tuple[str, str], Stranger] = OrderedDict()  # by protocol and domain (or names)
        self._shown: dict[str, tuple[str, str]] = {}  # by the names of a SIP certificate, who has shown it

    def __len__(self) -> int:
        return len(self._book)

    def watch(self, report: Report) -> None:
        """For `edge.driver.Driver.watch`."""
        if report.code is not Code.A01 or report.event not in COUNTED or "to_domain" in report.fields:
            return
        fields = report.fields
        if report.event == "link.refused":
            self._link(fields)
        elif _text(fields, "domain"):
            self._request(fields)

    def strangers(self) -> list[Stranger]:
        """All of them, the last seen first."""
        return list(reversed(self._book.values()))

    def _link(self, fields: Mapping[str, object]) -> None:
        if "out" in str(fields.get("direction", "")) or str(fields.get("stream", "s2s in")) != "s2s in":
            return  # we have dialled it
        protocol = "xmpp" if "stream" in fields else "sip"
        domain, names = _text(fields, "remote"), _text(fields, "names", NAMES_SHOWN)
        if not (domain or names):
            return  # nobody who could be listed
        key = (protocol, domain or f" {names}")
        if not domain and self._shown.get(names) in self._book:
            key = self._shown[names]
        stranger = self._book.get(key) or Stranger(domain, protocol, self._wall(), 0.0)
        self._put(key, replace(
            stranger, links=stranger.links + 1, address=_text(fields, "peer_ip"), names=names or stranger.names,
            fingerprint=_text(fields, "cert_sha256") or stranger.fingerprint,
            issuer=_text(fields, "cert_issuer") or stranger.issuer,
        ))

    def _request(self, fields: Mapping[str, object]) -> None:
        domain, names, partner = _text(fields, "domain"), _text(fields, "names", NAMES_SHOWN), _text(fields, "partner")
        key, link = ("sip", domain), ("sip", f" {names}")
        stranger = self._book.get(key) or Stranger(domain, "sip", self._wall(), 0.0)
        came = self._book.pop(link, None) if names and not partner else None
        if came is not None:  # now it has a name
            stranger = replace(
                stranger, first_seen=min(came.first_seen, stranger.first_seen), links=stranger.links + came.links,
                address=came.address, names=names, fingerprint=came.fingerprint, issuer=came.issuer,
            )
            if len(self._shown) >= MOST:
                self._shown.clear()
            self._shown[names] = key
        self._put(key, replace(stranger, requests=stranger.requests + 1, through=partner or stranger.through))

    def _put(self, key: tuple[str, str], stranger: Stranger) -> None:
        """The last seen last."""
        self._book.pop(key, None)
        self._book[key] = replace(stranger, last_seen=self._wall())
        if len(self._book) > MOST:
            self._book.popitem(last=False)


# -- private ---------------------------------------------------------------------------------------------------------


def _text(fields: Mapping[str, object], name: str, most: int = SHOWN) -> str:
    return printable(str(fields.get(name) or "")[:most])
