"""``python -m bench``: what docs/performance.md shows, and says how to get. Nothing named is all of it but the slow ones.

    python -m bench [messages] [sessions] [subscriptions] [presence] [standing] [s2s] [partners] [links] [profile]
    python -m bench compare [REVISION [REVISION]] [ROW...]
"""

import sys

from bench.compare import run_compare
from bench.growth import run_links, run_partners, run_s2s, run_subscribed
from bench.messages import LINKS, OUTSTANDING, Figures, ToSip, ToXmpp, run
from bench.presence import Passed, run_presence
from bench.profile import run_profile, table
from bench.rooms import ROOMS
from bench.sessions import PARTNERS, Opened, Weighed, run_messages, run_opening
from bench.setting import Setting
from bench.standing import Standing, run_standing
from bench.subscriptions import Subscribed, run_subscriptions

FLAT_OUT = 20_000  # messages in a flat-out run; a second or two of CPU
PACED = 4_000  # messages in a paced run, 8 seconds
RATE = 500.0  # messages a second in a paced run
SESSIONS = 50_000
SUBSCRIPTIONS = 10_000
STANDING = 100_000
ROUNDS = 20  # changes of a presentity with a thousand watchers
GROWTH = {"s2s": run_s2s, "partners": run_partners, "links": run_links, "subscribed": run_subscribed}

HEAD = (
    f"{'':38}{'gateway us':>11}{'floor us':>10}{'ratio':>7}{'msg/s':>9}"
    f"{'p50 ms':>8}{'p99 ms':>8}{'200 p99':>9}{'RSS MB':>8}"
)


def main(what: list[str]) -> None:
    if what[:1] == ["compare"]:
        compare(what[1:])
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
                print(f"{result.name:38}{result.cpu * 1e6:7.1f} us, {result.ratio:.3f} of the first", flush=True)
    if "profile" in what:
        profile()


def messages() -> None:
    """Both directions, paced and flat out, the floor and the gateway in turn in one run."""
    runs = [
        ("SIP->XMPP, flat out", ToXmpp, FLAT_OUT, 0.0),
        ("XMPP->SIP, flat out", ToSip, FLAT_OUT, 0.0),
        ("SIP->XMPP, 500/s", ToXmpp, PACED, RATE),
        ("XMPP->SIP, 500/s", ToSip, PACED, RATE),
    ]
    results: dict[bool, list[Figures]] = {True: [], False: []}
    for floor in (True, False):
        with Setting(floor) as setting, setting.start() as measured:
            if not floor:
                print(f"idle: RSS {measured.rss() / 1e6:.1f} MB", flush=True)
            for _, way, count, rate in runs:
                results[floor].append(run(setting, measured, way, count, OUTSTANDING, rate))
    print(f"{LINKS} links of the SIP side, {OUTSTANDING} messages outstanding in all")
    print(HEAD)
    for (name, *_), floor_figures, figures in zip(runs, results[True], results[False], strict=True):
        ratio = figures.cpu / floor_figures.cpu
        print(
            f"{name:38}{figures.cpu * 1e6:11.1f}{floor_figures.cpu * 1e6:10.1f}{ratio:7.2f}{figures.rate:9.0f}"
            f"{figures.p50 * 1e3:8.2f}{figures.p99 * 1e3:8.2f}{figures.answered * 1e3:9.2f}{figures.rss / 1e6:8.1f}",
            flush=True,
        )


def sessions() -> None:
    """Messages in sessions, then opening and weighing many."""
    with Setting(im_mode="session") as setting, setting.start() as measured:
        for name, figures in run_messages(setting, measured, FLAT_OUT):
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
