"""Every XMPP link, found by whose it is."""

from typing import Any

import pytest

from edge.net.xmpp_streams import Streams


class Link:
    """What `Streams` needs of one: to be itself."""


@pytest.fixture
def streams() -> Streams:
    return Streams()


def added(streams: Streams, *names: str) -> Any:
    link: Any = Link()
    streams.add(link)
    streams.meet(link, names)
    return link


def test_link_is_found_under_every_name_it_has_had(streams: Streams) -> None:
    one, two = added(streams, "capulet"), added(streams, "capulet", "montague")
    streams.meet(one, ("capulet", "escalus"))
    assert [list(streams.of(name)) for name in ("capulet", "montague", "escalus", "paris")] == [
        [one, two], [two], [one], []
    ]
    assert list(streams) == [one, two] and len(streams) == 2


def test_link_that_is_gone_leaves_nothing(streams: Streams) -> None:
    one, two = added(streams, "capulet", "escalus"), added(streams, "capulet")
    streams.note(one, True)
    streams.discard(one)
    streams.discard(one)
    assert list(streams) == list(streams.of("capulet")) == [two] and not streams.of("escalus")
    streams.discard(two)
    assert not streams._of and not streams.strangers


def test_link_that_is_gone_is_met_no_more(streams: Streams) -> None:
    link = added(streams)
    streams.discard(link)
    streams.meet(link, ("capulet",))
    assert not streams.of("capulet")


def test_stranger_may_be_listed_later(streams: Streams) -> None:
    link = added(streams, "capulet")
    streams.note(link, True)
    assert streams.strangers == {link}
    streams.note(link, False)
    assert not streams.strangers
