"""Counts events for the metrics: attempts, handshakes, refusals, by partner and reason code.

`edge.driver` tells it of every event (`Tally.watch`), also of those that are too many for the log; messages are no
events and cost nothing here. The numbers of rows stay bounded: who is not listed is `UNLISTED`, and all the rest are
words of ours, but for the name of a cipher suite, which TLS has agreed on. `edge.admin.metrics` tells the numbers.
"""

from collections import Counter
from collections.abc import Callable

from edge.codes import Code
from edge.events import direction_of, protocol_of
from edge.gateway.counters import UNLISTED
from edge.gateway.effects import Report

OK = "ok"  # the code of what has succeeded

ATTEMPTS = frozenset({"link.up", "link.refused"})
REFUSALS = frozenset({"policy.denied", "sip.refused"})


class Tally:
    """``is_listed`` says whether there is a system of that name, ``wall`` is the time of day."""

    def __init__(self, is_listed: Callable[[str], bool], wall: Callable[[], float]) -> None:
        self._is_listed = is_listed
        self._wall = wall
        self.attempts: Counter[tuple[str, str, str, str]] = Counter()  # partner, protocol, direction, code
        self.handshakes: Counter[tuple[str, str, str, str, str]] = Counter()  # partner, direction, ...
        self.proofs: Counter[tuple[str, str, str, str]] = Counter()  # partner, protocol, method, code
        self.denied: Counter[tuple[str, str]] = Counter()  # partner, code
        self.limited: Counter[tuple[str, str]] = Counter()  # partner, code
        self.changed: Counter[str] = Counter()  # partner: how often his certificate was another one
        self.unlisted: Counter[str] = Counter()  # protocol
        self.xml: Counter[str] = Counter()  # code
        self.loaded = True  # whether the last reload has succeeded
        self.loaded_at = wall()

    def watch(self, report: Report) -> None:
        """For `edge.driver.Driver.watch`."""
        event, code = report.event, report.code
        if event in ATTEMPTS:
            self._link(report)
        elif event == "auth.failed":
            self.proofs[self.partner(report), protocol_of(report), _method(report), _told(code)] += 1
        elif event == "cert.changed":
            self.changed[self.partner(report)] += 1
        elif event in ("config.loaded", "config.rejected"):
            self.loaded = event == "config.loaded"
            if self.loaded:
                self.loaded_at = self._wall()
        if code is None:
            return
        if event in REFUSALS and code.name[0] == "A":
            self.denied[self.partner(report), str(code)] += 1
        if code.name[0] == "L" and event != "limit.hit":  # which tells of what was counted already
            number = report.fields.get("count", 1)
            self.limited[self.partner(report), str(code)] += number if isinstance(number, int) else 1
        if code is Code.A01:
            self.unlisted[protocol_of(report)] += 1
        if code.name[0] == "X":
            self.xml[str(code)] += 1

    def partner(self, report: Report) -> str:
        """Whom an event is about: the first of several, because they share a link."""
        name = str(report.fields.get("partner") or "").partition(",")[0]
        return name if name and self._is_listed(name) else UNLISTED

    # --- private --------------------------------------------------------------------------------------

    def _link(self, report: Report) -> None:
        fields, code = report.fields, _told(report.code)
        partner, protocol, direction = self.partner(report), protocol_of(report), direction_of(report)
        number = fields.get("count", 1)
        self.attempts[partner, protocol, direction, code] += number if isinstance(number, int) else 1
        version, cipher = str(fields.get("tls_version") or ""), str(fields.get("cipher") or "")
        family = report.code.name[0] if report.code is not None else ""
        if version or family == "T":
            self.handshakes[partner, direction, version, cipher, code if family in "TC" else OK] += 1
        if report.event == "link.up" or family == "C":
            self.proofs[partner, protocol, _method(report), code] += 1


def _told(code: Code | None) -> str:
    return OK if code is None else str(code)


def _method(report: Report) -> str:
    """By what somebody has proved who he is, or was to."""
    if protocol_of(report) == "sip":
        return "mtls"
    if report.fields.get("stream") == "component":
        return "secret"
    return str(report.fields.get("auth") or "") or "external"
