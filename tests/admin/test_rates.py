"""How much passes on each link: from counts that are looked at now and then."""

from pathlib import Path

import pytest

from edge.admin.rates import LOOK_SECONDS, Rates
from edge.net.sip_link import SipLink
from tests.admin.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.running.rates.start()
    return office


def pace(office: Office, link: SipLink) -> tuple[float, float]:
    return office.running.rates.of(link)


def test_link_that_is_new_is_judged_by_its_age(office: Office) -> None:
    link = office.link()
    link.progress, link.written = 30, 5
    assert pace(office, link) == (30, 5), "nothing is divided by nothing"
    office.reactor.advance(10)
    assert pace(office, link) == (3, 0.5)


def test_look_that_was_just_taken_makes_nothing_forgotten(office: Office) -> None:
    link = office.link(progress=30)
    office.reactor.advance(LOOK_SECONDS)
    assert pace(office, link) == (1.5, 0)


def test_what_was_before_the_last_minute_does_not_count(office: Office) -> None:
    link = office.link(progress=5000)
    office.reactor.pump([LOOK_SECONDS] * 5)
    assert pace(office, link) == (0, 0)
    link.progress += 120
    assert pace(office, link) == (3.0, 0), "the oldest look is 40 seconds old"
    office.reactor.advance(10)
    assert pace(office, link) == (2.4, 0)


def test_stream_counts_what_it_reads_and_writes(office: Office) -> None:
    stream = office.stream("xmpp.example")
    stream.inbox.read = 20
    office.reactor.advance(10)
    assert office.running.rates.of(stream) == (2, 0)


def test_rows_of_links_tell_it_and_ways_without_a_link_do_not(office: Office) -> None:
    office.way("fabrikam")
    office.link(progress=10)
    office.reactor.advance(10)
    paces = {row["partner"]: row["in_per_second"] for row in office.get("links")["links"]}
    assert paces == {"contoso": 1.0, "fabrikam": None}


def test_links_that_are_gone_are_forgotten(office: Office) -> None:
    links = [office.link()]
    rates = Rates(office.reactor, lambda: links)
    rates.start()
    office.reactor.pump([LOOK_SECONDS] * 3)
    links.clear()
    office.reactor.pump([LOOK_SECONDS] * 3)
    assert not any(counts for _, counts in rates._looks)
    rates.stop()
    rates.stop()
