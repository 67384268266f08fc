"""What a dialog of a watcher waits for, and what a view forgets."""

import pytest

from edge.gateway.presentities import Snapshot
from edge.gateway.view import ANSWER, EXPIRY, PACE, View, presence_to
from edge.xmpp.jid import JID
from tests.gateway.bench import presence, spoken
from tests.gateway.watched import Watched


@pytest.fixture
def view() -> View:
    """Of Romeo, who was permitted to see Juliet."""
    watched = Watched()
    watched.bench.stanzas(presence("subscribed"))
    (pair,) = watched.bench.gateway.pairs
    assert pair.view is not None
    return pair.view


def test_notification_waits_for_one_thing_at_a_time(view: View) -> None:
    bench = Watched().bench
    (notification,) = view.notifications
    notification.stop()
    before = len(bench.wheel)
    notification.start(bench.wheel, 10.0, ANSWER)
    notification.start(bench.wheel, 20.0, EXPIRY)
    assert (len(bench.wheel), notification.timer) == (before + 1, EXPIRY)
    notification.stop()
    notification.stop()
    assert (len(bench.wheel), notification.timer) == (before, "")


def test_notification_that_is_held_may_wait_for_its_end_as_well(view: View) -> None:
    bench = Watched().bench
    (notification,) = view.notifications
    notification.stop()
    before = len(bench.wheel)
    notification.start(bench.wheel, 20.0, EXPIRY)
    notification.hold(bench.wheel, 5.0)
    notification.hold(bench.wheel, 9.0)
    assert len(bench.wheel) == before + 2
    assert (notification, PACE) not in bench.wheel.advance(bench.wheel.now + 6)
    assert (notification, PACE) in bench.wheel.advance(bench.wheel.now + 4)
    notification.release()
    assert (notification.held, notification.timer) == (None, EXPIRY)


def test_view_forgets_what_it_knows_and_what_it_waits_for(view: View) -> None:
    view.snapshot = Snapshot({}, 0.0)
    view.forget()
    assert (view.snapshot, view.probe, len(view.notifications)) == (None, None, 1)


def test_stanza_to_the_contact_is_from_bare_to_bare(view: View) -> None:
    (stanza,) = spoken([presence_to(view.pair, "probe")])
    assert (stanza.from_, stanza.to, stanza.type) == (
        JID.parse("romeo@sip.example"), JID.parse("juliet@xmpp.example"), "probe",
    )
