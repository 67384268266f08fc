"""`edge subs`: both halves of each pair, side by side."""

from pathlib import Path

import pytest
from twisted.python.failure import Failure

from edge.admin import subs
from edge.admin.local import Wrong
from edge.admin.subs import address
from edge.gateway.presentities import Snapshot
from edge.gateway.records import DialogRecord, NotificationRecord, WatchRecord
from edge.gateway.view import View
from edge.store.memory import MemoryStore
from edge.xmpp.authorization import State
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence
from tests.admin.office import JULIET, ROMEO, Office

URIS = ("sip:juliet@xmpp.example", "sip:romeo@contoso.com", "sip:1@sip.contoso.com")
DIALOG = DialogRecord("c", "l", "r", *URIS, (), 1, 1)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def watch(office: Office, record: WatchRecord, state: State = State.FROM) -> None:
    pair = office.pair(state)
    pair.watched_by(None)
    office.gateway.subscribers.restore(pair, record)


def test_nobody_watches_anybody(office: Office) -> None:
    assert office.get("subs") == {"pairs": [], "more": 0}


def test_sip_user_who_watches_has_a_dialog_and_what_he_sees_an_age(office: Office) -> None:
    pair = office.pair(State.TO)
    record = NotificationRecord(str(ROMEO), str(JULIET), DIALOG, "presence", True, office.gateway.node.wall + 600)
    office.gateway.notifiers.restore(pair, record)
    assert pair.view is not None
    busy = Presence(None, None, show="dnd", status="hush", priority=5)
    states = {"a": Presence(None, None, show="away", priority=1), "b": busy}
    pair.view.snapshot = Snapshot(states, office.gateway.node.wall - 180)
    (found,) = office.get("subs")["pairs"]
    assert (found["user"], found["contact"], found["sip"], found["xmpp"]) == (
        "romeo@contoso.com", "juliet@xmpp.example", "contoso", "office",
    )
    one, other = found["halves"]
    assert (one["watcher"], one["watched"], one["sip"], one["xmpp"], one["state"]) == (
        "romeo@contoso.com", "juliet@xmpp.example", "active", "to", "active",
    )
    assert (one["presence"], one["age_seconds"], one["expires_seconds"]) == ("dnd", 180, 600)
    assert "hush" not in str(found), "what people say of themselves is not shown"
    assert (other["state"], other["code"], other["text"]) == (
        "none", "EDGE-P02", "juliet@xmpp.example has not subscribed",
    )


def test_xmpp_user_who_watches_has_a_dialog_of_ours(office: Office) -> None:
    watch(office, WatchRecord(False, (), DIALOG, True, 6300, office.gateway.node.wall + 4260))
    (found,) = office.get("subs", user="romeo@contoso.com")["pairs"]
    one, other = found["halves"]
    assert (other["sip"], other["xmpp"], other["state"], other["expires_seconds"]) == ("active", "from", "active", 4260)
    assert one["text"] == "romeo@contoso.com has not subscribed"


@pytest.mark.parametrize(
    ("state", "record", "shown"),
    [
        (State.FROM, WatchRecord(True, ()), ("asleep", "from", "asleep")),
        (State.FROM, WatchRecord(False, ()), ("-", "from", "active")),
        (State.NONE_PENDING_IN, WatchRecord(False, ()), ("-", "from: pending", "pending")),
    ],
)
def test_watch_without_a_dialog_says_why(
    office: Office, state: State, record: WatchRecord, shown: tuple[str, str, str]
) -> None:
    watch(office, record, state)
    half = office.get("subs")["pairs"][0]["halves"][1]
    assert (half["sip"], half["xmpp"], half["state"]) == shown


def test_request_that_waits_is_no_missing_half(office: Office) -> None:
    office.pair(State.NONE_PENDING_OUT)
    one, other = office.get("subs")["pairs"][0]["halves"]
    assert (one["xmpp"], one["state"], one["code"], other["code"]) == ("to: pending", "pending", "", "")


def test_presence_that_nobody_can_know_is_unknown(office: Office) -> None:
    pair = office.pair(State.TO)
    pair.view = View(pair)
    pair.view.snapshot = Snapshot({}, office.gateway.node.wall, known=False)
    assert office.get("subs")["pairs"][0]["halves"][0]["presence"] == "unknown"
    pair.view.snapshot = Snapshot({}, office.gateway.node.wall)
    assert office.get("subs")["pairs"][0]["halves"][0]["presence"] == "unavailable"


def test_pairs_of_a_user_or_a_partner_or_both(office: Office) -> None:
    office.pair(State.BOTH)
    office.pair(State.BOTH, user=JID.parse("tybalt@fabrikam.com"), sip="fabrikam")

    def users(**said: str) -> list[str]:
        return [found["user"] for found in office.get("subs", **said)["pairs"]]

    assert users(user="xmpp:juliet@xmpp.example/balcony") == ["romeo@contoso.com", "tybalt@fabrikam.com"]
    assert users(user="sip:Tybalt@fabrikam.com") == ["tybalt@fabrikam.com"]
    assert users(partner="contoso") == ["romeo@contoso.com"]
    assert users(user="juliet@xmpp.example", partner="fabrikam.com") == ["tybalt@fabrikam.com"]
    assert users(user="nobody@xmpp.example") == []


def test_pairs_are_bounded_and_looked_at_in_slices(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subs, "MOST", 3)
    monkeypatch.setattr(subs, "AT_ONCE", 2)
    for number in range(5):
        office.pair(State.BOTH, user=JID.parse(f"user{number}@contoso.com"))
    answer = office.get("subs")
    results: list[dict[str, object]] = []
    answer.addCallback(results.append)
    assert results == [], "others have their turn first"
    office.pair(State.BOTH, user=JID.parse("late@contoso.com"))
    while not results:
        office.reactor.advance(0)
    assert len(results[0]["pairs"]) == 3 and results[0]["more"] == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("Alice@Example.com", "alice@example.com"),
        ("sip:d'artagnan@contoso.com;transport=tls", "d\\27artagnan@contoso.com"),
        ("SIP:contoso.com", "contoso.com"),
        ("xmpp:juliet%23@xmpp.example/balcony?message", "juliet#@xmpp.example/balcony"),
        ("pres:bob@contoso.com", "bob@contoso.com"),
        ("bücher.example", "bücher.example"),
    ],
)
def test_address_may_be_written_in_every_usual_way(text: str, jid: str) -> None:
    assert str(address(text)) == jid


@pytest.mark.parametrize("text", ["", "@", "a@b@c", "a b@c.example", "x" * 5000, "sip:"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Wrong, match="is no address"):
        address(text)


def asked(office: Office) -> list[str]:
    """The methods of what waits for the links to contoso."""
    (route,) = [route for name, _, route in office.running.sip.routes if name == "contoso"]
    return [waiting.data.split()[0].decode() for waiting in route._queue]


def test_refresh_asks_both_sides_for_what_is_true_now(office: Office) -> None:
    office.service._driver._store = MemoryStore()
    watch(office, WatchRecord(False, (), DIALOG, True, 3600, office.gateway.node.wall + 3000))
    pair = office.pair(State.BOTH)
    record = NotificationRecord(str(ROMEO), str(JULIET), DIALOG, "presence", True, office.gateway.node.wall + 600)
    office.gateway.notifiers.restore(pair, record)
    assert office.post("subs/refresh", user="romeo@contoso.com", partner="contoso") == {
        "user": "romeo@contoso.com", "pairs": 1,
    }
    assert asked(office) == ["SUBSCRIBE"]
    assert pair.view is not None and pair.view.probe is not None


def test_end_ends_both_halves(office: Office) -> None:
    office.service._driver._store = MemoryStore()
    watch(office, WatchRecord(False, (), DIALOG, True, 3600, office.gateway.node.wall + 3000))
    pair = office.pair(State.BOTH)
    record = NotificationRecord(str(ROMEO), str(JULIET), DIALOG, "presence", True, office.gateway.node.wall + 600)
    office.gateway.notifiers.restore(pair, record)
    assert office.post("subs/end", user="juliet@xmpp.example")["pairs"] == 1
    assert sorted(asked(office)) == ["NOTIFY", "SUBSCRIBE"]
    assert pair.state is State.NONE
    assert [entry["verb"] for entry in office.get("audit")["entries"]] == ["subs/end"]


def refusal(office: Office, verb: str, **said: str) -> str:
    answer = office.post(verb, **said)
    failures: list[Failure] = []
    answer.addErrback(failures.append)
    return failures[0].getErrorMessage()


@pytest.mark.parametrize("verb", ["subs/refresh", "subs/end"])
def test_user_without_subscriptions_or_with_too_many_is_refused(
    office: Office, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(office, verb, user="nobody@contoso.com") == "nobody@contoso.com has no subscriptions"
    assert refusal(office, verb, user="contoso.com") == "contoso.com has no subscriptions"
    with pytest.raises(Wrong, match="is no address"):
        office.post(verb)
    office.pair(State.BOTH)
    said = refusal(office, verb, user="juliet@xmpp.example", partner="fabrikam")
    assert said == "juliet@xmpp.example has no subscriptions with fabrikam"
    monkeypatch.setattr(subs, "MOST", 1)
    office.pair(State.BOTH, user=JID.parse("tybalt@fabrikam.com"), sip="fabrikam")
    assert "has 2 subscriptions: name a partner" in refusal(office, verb, user="juliet@xmpp.example")


def test_pair_that_is_gone_meanwhile_costs_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subs, "AT_ONCE", 1)
    office.service._driver._store = MemoryStore()
    pair = office.pair(State.BOTH)
    answer = office.post("subs/end", user="juliet@xmpp.example")
    pair.void()
    office.gateway.pairs.release(pair)
    results: list[dict[str, object]] = []
    answer.addCallback(results.append)
    while not results:
        office.reactor.advance(0)
    assert results[0]["pairs"] == 1 and len(office.gateway.pairs) == 0
