"""What one contact believes of one user, from document to document, and what of it outlives the gateway."""

import pytest

from edge.bodies import pidf
from edge.errors import RemoteProtocolError
from edge.gateway import watch as watches
from edge.gateway.watch import Watch, tell
from edge.mapping.profile import DEFAULT
from edge.sip.subscription_tables import SubscriberState
from tests.gateway.bench import spoken
from tests.gateway.watching import CONTACT, Watching, document


@pytest.fixture
def watch() -> Watch:
    return Watching().watch


def learn(watch: Watch, *resources: str, lang: str = "", user: str = "romeo") -> list[tuple[str, str]]:
    news = watch.learn(pidf.parse(document(*resources, user=user)), DEFAULT, lang)
    assert all(b" to='%b'" % str(CONTACT).encode() in told.to(CONTACT) for told in news)
    return [(told.stanza.from_.resource, told.stanza.type) for told in news if told.stanza.from_ is not None]


def test_news_are_what_changed(watch: Watch) -> None:
    assert learn(watch, "orchard", "desk") == [("orchard", ""), ("desk", "")]
    assert learn(watch, "orchard", "desk") == []
    assert learn(watch, "desk") == [("orchard", "unavailable")]
    assert set(watch.shown) == {"desk"}


def test_document_about_somebody_else_changes_nothing(watch: Watch) -> None:
    learn(watch, "orchard")
    with pytest.raises(RemoteProtocolError):
        learn(watch, "desk", user="tybalt")
    assert watch.shown == ("orchard",)
    assert [str(presence.from_) for presence in watch.known(DEFAULT)] == ["romeo@sip.example/orchard"]


def test_what_was_shown_in_an_earlier_life_and_is_not_confirmed_has_gone(watch: Watch) -> None:
    watch.shown = ("orchard", "tomb")  # as it is restored: without the document
    assert learn(watch, "orchard") == [("orchard", ""), ("tomb", "unavailable")]
    assert list(watch.shown) == ["orchard"]


def test_withdrawing_tells_of_whom_is_shown_once_and_says_why(watch: Watch) -> None:
    learn(watch, "orchard", "desk")
    gone = watch.withdraw("The link is down")
    assert [(presence.type, presence.status) for presence in gone] == [("unavailable", "The link is down")] * 2
    assert watch.withdraw() == watch.known(DEFAULT) == []
    assert learn(watch, "desk") == [("desk", "")]


def test_what_is_learnt_ends_a_doubt(watch: Watch) -> None:
    watch.doubted_at = 5.0
    learn(watch, "orchard")
    assert watch.doubted_at == 0


def test_what_is_known_keeps_its_language(watch: Watch) -> None:
    learn(watch, "orchard", lang="it")
    assert [presence.lang for presence in watch.known(DEFAULT)] == ["it"]


def test_resources_without_end_are_not_remembered(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "MAX_SHOWN", 2)
    learn(watch, "a", "b", "c")
    assert watch.shown == ("a", "b")


class TestRecord:
    """The store gets a dialog once it is one, and never one that is about to end."""

    def test_dialog_that_waits_for_its_first_notify_is_none(self) -> None:
        watching = Watching()
        assert watching.watch.record(watching.bench.node).dialog is None
        watching.lives(20)
        record = watching.watch.record(watching.bench.node)
        assert record.dialog is not None
        assert (record.dialog.local_cseq, record.active, record.shown) == (1, True, ("orchard",))
        assert record.expires_at - watching.bench.node.wall == pytest.approx(3580)

    def test_end_of_a_session_leaves_the_authorization(self) -> None:
        watching = Watching().lives()
        watching.bench.gateway.subscribers._dialogs.sleep(watching.watch)
        record = watching.watch.record(watching.bench.node)
        assert (record.asleep, record.dialog, record.shown) == (True, None, ())
        assert watching.watch.usage is not None and watching.watch.usage.state is SubscriberState.ENDING


def test_what_a_users_server_says_goes_between_bare_addresses(watch: Watch) -> None:
    (stanza,) = spoken([tell(watch.pair.user, watch.pair.contact, "subscribed")])
    assert (str(stanza.from_), str(stanza.to), stanza.type) == ("romeo@sip.example", str(CONTACT), "subscribed")
