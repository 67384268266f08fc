"""``python -m bench``: what docs/performance.md shows, and says how to get. Nothing named is all but the slow ones.

    python -m bench [messages] [sessions] [subscriptions] [presence] [standing] [s2s] [partners] [links] [profile]
    python -m bench compare [REVISION [REVISION]] [ROW...]
    python -m bench instructions [REVISION [REVISION]] [ROW...]
"""

import sys
from contextlib import ExitStack
from statistics import median

from bench.compare import run_compare
from bench.counted import run_counted
from bench.growth import Grown, run_links, run_partners, run_s2s, run_subscribed
from bench.messages import LINKS, OUTSTANDING, Figures, ToSip, ToXmpp, run
from bench.million import Begun, run_million
from bench.presence import Passed, run_presence
from bench.profile import run_profile, table
from bench.rooms import ROOMS
from bench.sessions import PARTNERS, Opened, Weighed, run_messages, run_opening
from bench.setting import Setting
from bench.standing import Standing, run_standing
from bench.subscriptions import Subscribed, run_subscriptions
from bench.wire import Loop

FLAT_OUT = 6_000  # messages in a flat-out run
IN_SESSIONS = 20_000  # the same through sessions
PACED = 1_500  # messages in a paced run, 3 seconds
RATE = 500.0  # messages a second in a paced run
TURNS = 5  # runs of each row
SESSIONS = 50_000
SUBSCRIPTIONS = 10_000
STANDING = 100_000
ROUNDS = 20  # changes of a presentity with a thousand watchers
GROWTH = {"s2s": run_s2s, "partners": run_partners, "links": run_links, "subscribed": run_subscribed}

HEAD = f"{'':22}{'gateway us':>16}{'floor us':>10}{'ratio':>7}{'msg/s':>9}"
HEAD += f"{'p50 ms':>9}{'p99':>9}{'200 p99':>9}{'RSS MB':>8}"
ROWS = [
    ("SIP->XMPP, flat out", ToXmpp, FLAT_OUT, 0.0),
    ("XMPP->SIP, flat out", ToSip, FLAT_OUT, 0.0),
    ("SIP->XMPP, 500/s", ToXmpp, PACED, RATE),
    ("XMPP->SIP, 500/s", ToSip, PACED, RATE),
]


def main(what: list[str]) -> None:
    if what[:1] == ["compare"]:
        compare(what[1:])
        return
    if what[:1] == ["instructions"]:
        instructions(what[1:])
        return
    if not what or "messages" in what:
        messages()
    if not what or "sessions" in what:
        sessions()
    if not what or "subscriptions" in what:
        with Setting() as setting, setting.start() as measured:
            for subscribed in run_subscriptions(setting, measured, SUBSCRIPTIONS):
                print_subscribed(subscribed)
    if not what or "presence" in what:
        with Setting() as setting, setting.start() as measured:
            for passed in run_presence(setting, measured, ROUNDS):
                print_passed(passed)
    if not what or "standing" in what:
        print_standing(run_standing(STANDING))
    for name, grow in GROWTH.items():
        if name in what or (not what and name == "s2s"):
            for result in grow():
                print_grown(result)
    if "million" in what:
        for each in run_million():
            print_million(each)
    if "profile" in what:
        profile()


def messages() -> None:
    """Both directions, flat out and paced; the floor and the gateway in turn, so that both see the same machine."""
    print(f"{LINKS} links of the SIP side, {OUTSTANDING} messages outstanding in all")
    loop = Loop()
    with ExitStack() as stack:
        below, setting = (stack.enter_context(Setting(is_floor, loop=loop)) for is_floor in (True, False))
        floor, measured = (stack.enter_context(each.start()) for each in (below, setting))
        print(f"idle: RSS {measured.rss() / 1e6:.1f} MB\n{HEAD}", flush=True)
        for name, way, count, rate in ROWS:
            lowest, figures = [], []
            for _ in range(TURNS):
                lowest.append(run(below, floor, way, count, OUTSTANDING, rate))
                figures.append(run(setting, measured, way, count, OUTSTANDING, rate))
            print_figures(name, lowest, figures)


def print_figures(name: str, floor: list[Figures], gateway: list[Figures]) -> None:
    """Medians, and of the gateway's cost the cheapest run and the dearest as well."""
    costs = sorted(each.cpu * 1e6 for each in gateway)
    cpu, below = median(costs), median(each.cpu * 1e6 for each in floor)
    rate = median(each.rate for each in gateway)
    times = [median(getattr(each, name) for each in gateway) * 1e3 for name in ("p50", "p99", "answered")]
    print(
        f"{name:22}{cpu:8.1f} ({costs[0]:.0f}-{costs[-1]:.0f}){below:10.1f}{cpu / below:7.2f}{rate:9.0f}"
        + "".join(f"{each:9.2f}" for each in times)
        + f"{gateway[-1].rss / 1e6:8.1f}",
        flush=True,
    )


def sessions() -> None:
    """Messages in sessions, then opening and weighing many."""
    with Setting(im_mode="session") as setting, setting.start() as measured:
        for name, figures in run_messages(setting, measured, IN_SESSIONS):
            print(
                f"{name:38}{figures.cpu * 1e6:.1f} us each, {figures.rate:.0f} a second,"
                f" p50 {figures.p50 * 1e3:.2f} ms, p99 {figures.p99 * 1e3:.2f} ms",
                flush=True,
            )
    with Setting(partners=PARTNERS, im_mode="session") as setting, setting.start() as measured:
        for result in run_opening(setting, measured, SESSIONS):
            print_opening(result)


def profile() -> None:
    """Microseconds in each room, then the functions that use most."""
    profiles = list(run_profile())
    print(table(profiles))
    for each in profiles:
        print(f"\n{each.name}: what uses most")
        for room in ROOMS:
            functions = ", ".join(f"{name} {cpu * 1e6:.1f}" for name, cpu in each.functions(room, 5) if cpu > 0.2e-6)
            if functions:
                print(f"  {room}: {functions}")


def compare(said: list[str]) -> None:
    """Two revisions in turn."""
    for result in run_compare(said):
        if isinstance(result, str):
            print(result)
        else:
            low, high = result.spread
            print(
                f"{result.row:20}{result.old * 1e6:7.1f} us before,{result.new * 1e6:7.1f} now:"
                f" {result.ratio:.3f} ({low:.3f} to {high:.3f} in half of {len(result.ratios)} pairs)",
                flush=True,
            )


def instructions(said: list[str]) -> None:
    """Two revisions, one after the other."""
    for result in run_counted(said):
        if isinstance(result, str):
            print(result)
        else:
            print(
                f"{result.row:20}{result.old:9.0f} instructions before,{result.new:9.0f} now:"
                f" {result.new / result.old:.3f}",
                flush=True,
            )


def print_opening(result: Opened | Weighed) -> None:
    if isinstance(result, Opened):
        each, best = result.cpu_each * 1e6, result.best * 1e6
        print(f"{result.name:38}{result.count} sessions: {each:.0f} us each, {best:.0f} in the best part", flush=True)
    else:
        print(f"{'open sessions':38}{result.count} sessions: {result.bytes_each:.0f} bytes each", flush=True)


def print_subscribed(subscribed: Subscribed) -> None:
    print(
        f"{subscribed.name:38}{subscribed.count} subscriptions: {subscribed.bytes_each:.0f} bytes each,"
        f" {subscribed.cpu_each * 1e6:.0f} us each to set up, {subscribed.best * 1e6:.0f} in the best part",
        flush=True,
    )


def print_passed(passed: Passed) -> None:
    each, best = passed.cpu_each * 1e6, passed.best * 1e6
    print(f"{passed.name:38}{passed.count} NOTIFYs: {each:.1f} us each, {best:.1f} in the best round", flush=True)


def print_grown(grown: Grown) -> None:
    print(f"{grown.name:38}{grown.cpu * 1e6:7.1f} us, {grown.ratio:.3f} of the first", flush=True)


def print_million(result: Begun | Grown) -> None:
    if isinstance(result, Grown):
        print_grown(result)
        return
    print(
        f"{'subscriptions of an earlier life':38}{result.count} subscriptions: {result.bytes_each:.0f} bytes each,"
        f" RSS {result.rss / 1e6:.0f} MB, state {result.size / 1e6:.0f} MB;"
        f" listening in {result.listened:.1f} s, a sample has answered in {result.answered:.1f} s",
        flush=True,
    )


def print_standing(standing: Standing) -> None:
    print(
        f"{'subscriptions that stand':38}{standing.count} subscriptions: {standing.bytes_each:.0f} bytes each;"
        f" after kill -9: listening in {standing.listening:.1f} s, 1,000 tried in {standing.sampled:.1f} s,"
        f" all tried in {standing.tried:.1f} s, all taken up in {standing.taken_up:.1f} s"
        f" ({standing.cpu:.1f} s of CPU)",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
