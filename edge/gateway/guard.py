"""What is watched where one side is on no list: how many users a stranger tries, how many of his messages fail, and
how many strangers a user of ours writes to.

Limits on top of the rate that all partners have (`edge.gateway.limits`). A partner that is listed has none of these.
Used by `edge.gateway.policy`.
"""

from collections import OrderedDict
from typing import NamedTuple

from edge.codes import Code
from edge.gateway.counters import Counters
from edge.gateway.effects import Effect, Report
from edge.gateway.limits import COMPLAIN
from edge.partners import System

HOUR = 3600.0  # seconds, the window in which users and strangers are counted
STRANGERS = 50  # unlisted domains that one user of ours may write to in it; each costs look-ups and a link
USERS = 10_000  # of ours of whom that is remembered; the one who began first is forgotten first
PARTNERS = 1000  # of whom something is remembered; as many as can be discovered
NEIGHBOURS = 4  # times as many may all below one domain of two labels try: one certificate may be good for all of them
CROWD = 10  # times as many messages may they send together
WINDOW = 60.0  # seconds at least over which failures are counted
FEWEST = 10  # messages at least by which a partner is judged
TOO_MANY_STRANGERS = f"a user may write to {STRANGERS} unlisted domains in an hour"


class Limit(NamedTuple):
    """Something is refused, for how many seconds (0: nobody is told), and what the log should hear."""

    code: Code
    wait: float
    text: str
    reports: list[Effect]


class Guard:
    """Time is an argument, in seconds; users are named by their addresses."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._partners: OrderedDict[str, _Partner] = OrderedDict()
        self._users: OrderedDict[str, _Tried] = OrderedDict()
        self._sites: OrderedDict[str, _Site] = OrderedDict()

    def outbound(self, user: str, system: System, now: float) -> Limit | None:
        """A user of ours writes to a discovered partner."""
        tried = self._users.get(user)
        if tried is None or now - tried.began >= HOUR:
            self._users.pop(user, None)
            if len(self._users) >= USERS:
                self._users.popitem(last=False)
            tried = self._users[user] = _Tried(now)
        if tried.takes(system.name, STRANGERS):
            return None
        return Limit(Code.L01, tried.began + HOUR - now, TOO_MANY_STRANGERS, [])

    def inbound(self, user: str, system: System, now: float) -> Limit | None:
        """A discovered partner has something for a user of ours, who may exist or not."""
        partner = self._partners.get(system.name)
        if partner is None:
            if len(self._partners) >= PARTNERS:
                self._partners.popitem(last=False)
            partner = self._partners[system.name] = _Partner(now, self._ended(system))
        if now - partner.tried.began >= HOUR:
            partner.tried = _Tried(now)
        site = self._site(system.name, now)
        is_new = user not in partner.tried
        if is_new and (
            site.tried >= NEIGHBOURS * system.local_users or not partner.tried.takes(user, system.local_users)
        ):
            cure = f"name {system.name} in the partner file if it has so many contacts here, or block it"
            reports = partner.complaint(Code.L02, system, now, cure)
            return Limit(Code.L02, 0.0, Code.L02.sentence, reports)
        site.tried += is_new
        self._judge(partner, system, now)
        if partner.is_suspicious:
            if now < partner.free_at:
                cure = f"half of its messages fail; name {system.name} in the partner file if it is no attack"
                reports = partner.complaint(Code.L01, system, now, cure)
                return Limit(Code.L01, partner.free_at - now, Code.L01.sentence, reports)
            partner.free_at = now + 1 / system.suspicious_rate
        return None

    def crowded(self, system: System, now: float) -> float:
        """A discovered partner has a message, which he may send for his part: how many seconds his neighbours need."""
        return self._site(system.name, now).takes(CROWD * system.messages_per_s, CROWD * system.burst, now)

    def refused(self, system: System) -> None:
        """A message was refused because there are too many: that is no failure by which a partner is judged."""
        partner = self._partners.get(system.name)
        if partner is not None:
            partner.refused += 1

    def forget(self, name: str) -> None:
        """A partner is not discovered any more."""
        self._partners.pop(name, None)

    # --- private ----------------------------------------------------------------------------------------

    def _site(self, name: str, now: float) -> "_Site":
        """All partners below the last two labels of a name. It is remembered when they are not: they may come anew."""
        key = ".".join(name.rsplit(".", 2)[-2:])
        site = self._sites.get(key)
        if site is None or now - site.began >= HOUR:
            self._sites.pop(key, None)
            if len(self._sites) >= PARTNERS:
                self._sites.popitem(last=False)
            site = self._sites[key] = _Site(now)
        return site

    def _ended(self, system: System) -> tuple[int, int]:
        return self._counters.ended(system.name)

    def _judge(self, partner: "_Partner", system: System, now: float) -> None:
        """After each window, which is the longer the fewer messages there are."""
        if now - partner.since < WINDOW:
            return
        ended, failed = self._ended(system)
        of = ended - partner.before[0] - partner.refused
        if of >= FEWEST:
            partner.is_suspicious = 2 * (failed - partner.before[1] - partner.refused) >= of
            partner.since, partner.before, partner.refused = now, (ended, failed), 0


class _Tried:
    """What was tried since ``began``: no names are kept, but a number made of each."""

    __slots__ = ("_found", "began")

    def __init__(self, began: float) -> None:
        self.began = began
        self._found: set[int] = set()

    def __contains__(self, name: str) -> bool:
        return hash(name) in self._found

    def takes(self, name: str, most: int) -> bool:
        key = hash(name)
        if key in self._found:
            return True
        if len(self._found) >= most:
            return False
        self._found.add(key)
        return True


class _Site:
    """How often somebody from there has tried a user who was new to him, since ``began``; and what comes from there."""

    __slots__ = ("_at", "_due", "began", "tried")

    def __init__(self, began: float) -> None:
        self.began = self._at = began
        self.tried = 0
        self._due = 0.0  # messages that are above what may come by now

    def takes(self, rate: float, burst: int, now: float) -> float:
        """Count one message: 0, or the seconds after which there is room again."""
        self._due = max(self._due - (now - self._at) * rate, 0.0)
        self._at = now
        if self._due + 1 > burst:
            return (self._due + 1 - burst) / rate
        self._due += 1
        return 0.0


class _Partner:
    """A discovered partner that has sent something."""

    __slots__ = ("_complained", "_unsaid", "before", "free_at", "is_suspicious", "refused", "since", "tried")

    def __init__(self, now: float, before: tuple[int, int]) -> None:
        self.tried = _Tried(now)
        self.since, self.before = now, before  # when the window began, and what had ended and failed by then
        self.refused = 0  # in this window, by our limits
        self.is_suspicious = False
        self.free_at = 0.0
        self._unsaid = 0
        self._complained = -COMPLAIN

    def complaint(self, code: Code, system: System, now: float, cure: str) -> list[Effect]:
        """Once a minute, with how many it has met."""
        self._unsaid += 1
        if now - self._complained < COMPLAIN:
            return []
        fields: dict[str, object] = {"partner": system.name, "count": self._unsaid, "cure": cure}
        self._unsaid, self._complained = 0, now
        return [Report("limit.hit", code, fields)]
