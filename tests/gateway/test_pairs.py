"""Pairs: every state of RFC 6121 appendix A met with everything that either side can say, and who is behind a path."""

import gc
from collections.abc import Iterator

import pytest

from edge.domains import domain
from edge.gateway.counters import IN, OUT
from edge.gateway.effects import Effect, Forget, Path, Remember
from edge.gateway.pairs import Pair
from edge.mapping.profile import Profile
from edge.xmpp.authorization import Input, State, step
from edge.xmpp.jid import JID
from tests.gateway.bench import JULIET_JID, ROMEO_JID, Bench, kinds, presence, requested, sends, statuses
from tests.sip.samples import as_request

PEOPLE = ROMEO_JID, JULIET_JID.bare()
WATCHED = [state for state in State if state // 3]  # there is a dialog in which the SIP side speaks


class Scene:
    """A pair brought to a state by what its two sides have said."""

    def __init__(self, state: State) -> None:
        self.bench = Bench()
        self.number = 0
        if state % 3:
            self.subscribes()
        if state % 3 == 2:
            self.says("subscribed")
        if state // 3:
            self.says("subscribe")
            self.notifies("active" if state // 3 == 2 else "pending")
        assert self.state is state

    @property
    def pair(self) -> Pair | None:
        return self.bench.gateway.pairs.get(*PEOPLE)

    @property
    def state(self) -> State:
        return self.pair.state if self.pair is not None else State.NONE

    def says(self, kind: str) -> list[Effect]:
        """The contact's server."""
        return self._answered(self.bench.stanzas(presence(kind)))

    def subscribes(self) -> list[Effect]:
        """The user's device."""
        return self._answered(self.bench.sip(self.bench.subscribe()))

    def notifies(self, state: str) -> list[Effect]:
        """The user's server, in the dialog in which we watch."""
        self.number += 1
        return self._answered(self.bench.sip(self.bench.notify(self.subscribe, state, number=self.number)))

    def _answered(self, effects: list[Effect]) -> list[Effect]:
        """Every request of ours is answered 200 at once."""
        for send in sends(effects):
            if send.data.startswith(b"SUBSCRIBE"):
                self.subscribe = as_request(send.data)
            self.bench.answer(send, headers=(("Expires", "3600"), ("Contact", "<sip:romeo@10.0.0.1>")))
        return effects


def halves(state: State) -> tuple[int, int]:
    """What the user has, what the contact has."""
    return state % 3, state // 3


@pytest.mark.parametrize("state", State)
class TestFromTheContact:
    """RFC 6121 §A.3: the authorization moves as the table says, and the other half does not."""

    @pytest.mark.parametrize(("kind", "given"), [
        ("subscribe", Input.IN_SUBSCRIBE), ("unsubscribe", Input.IN_UNSUBSCRIBE),
        ("subscribed", Input.IN_SUBSCRIBED), ("unsubscribed", Input.IN_UNSUBSCRIBED),
    ])
    def test_state_follows_the_table(self, state: State, kind: str, given: Input) -> None:
        scene = Scene(state)
        scene.says(kind)
        assert scene.state is step(state, given)[0]

    def test_subscribe_asks_the_sip_side_once_and_is_answered_if_that_was_long_ago(self, state: State) -> None:
        effects = Scene(state).says("subscribe")
        asks, answers = {0: (1, []), 1: (0, []), 2: (0, ["subscribed", "unavailable"])}[halves(state)[1]]
        assert (len(requested(effects, "SUBSCRIBE")), kinds(effects)) == (asks, answers)

    def test_unsubscribe_is_always_confirmed_and_ends_the_dialog_if_there_is_one(self, state: State) -> None:
        effects = Scene(state).says("unsubscribe")
        assert kinds(effects) == ["unsubscribed"]
        ends = [request.headers.get("expires") for request in requested(effects)]
        assert ends == (["0"] if halves(state)[1] else [])

    def test_subscribed_is_told_to_who_has_asked(self, state: State) -> None:
        effects = Scene(state).says("subscribed")
        told = [str(request.subscription_state) for request in requested(effects)]
        assert told == (["active;expires=3600"] if halves(state)[0] == 1 else [])
        assert kinds(effects) == []

    def test_unsubscribed_ends_the_dialogs_of_who_has_asked_or_sees(self, state: State) -> None:
        effects = Scene(state).says("unsubscribed")
        told = [str(request.subscription_state) for request in requested(effects, "NOTIFY")]
        assert told == (["terminated;reason=rejected"] if halves(state)[0] else [])
        assert requested(effects, "SUBSCRIBE") == [] and kinds(effects) == []


class TestFromTheUser:
    """RFC 6121 §A.2, said by SIP."""

    @pytest.mark.parametrize("state", State)
    def test_subscribe_asks_the_contact_if_nobody_has_yet(self, state: State) -> None:
        scene = Scene(state)
        effects = scene.subscribes()
        assert statuses(effects) == [200]
        assert kinds(effects) == {0: ["subscribe"], 1: [], 2: ["probe"]}[halves(state)[0]]
        assert halves(scene.state) == (max(halves(state)[0], 1), halves(state)[1])

    @pytest.mark.parametrize("state", WATCHED)
    def test_notify_active_is_told_as_subscribed_once(self, state: State) -> None:
        scene = Scene(state)
        effects = scene.notifies("active")
        assert scene.state is step(state, Input.OUT_SUBSCRIBED)[0]
        assert kinds(effects) == (["subscribed"] if halves(state)[1] == 1 else [])

    @pytest.mark.parametrize("state", WATCHED)
    def test_rejection_is_told_as_unsubscribed(self, state: State) -> None:
        scene = Scene(state)
        effects = scene.notifies("terminated;reason=rejected")
        assert scene.state is step(state, Input.OUT_UNSUBSCRIBED)[0]
        assert kinds(effects) == ["unsubscribed"]


@pytest.mark.parametrize("state", [state for state in State if state])
def test_what_the_store_is_told_is_the_state(state: State) -> None:
    pair = Scene(state).pair
    assert pair is not None
    saved = pair.saved()
    assert isinstance(saved, Remember)
    again = Bench()
    again.gateway.restored([(saved.kind, saved.key, saved.due, saved.data)])
    pair = again.gateway.pairs.get(*PEOPLE)
    assert pair is not None and pair.state is state


def test_pair_in_which_nothing_is_left_is_forgotten_by_the_store_and_by_us() -> None:
    scene = Scene(State.TO)
    effects = scene.says("unsubscribed")
    effects += scene.bench.passes(40)
    assert Forget(1, "romeo@sip.example juliet@xmpp.example") in effects
    assert scene.pair is None and len(scene.bench.gateway.pairs) == 0


class TestPaths:
    """Whom a path matters to."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        bench = Bench()
        sip, other, xmpp, second = bench.node.directory.systems
        pairs = bench.gateway.pairs
        self.pairs = [
            pairs.open(JID.parse("romeo@sip.example"), JID.parse("juliet@xmpp.example"), sip, xmpp),
            pairs.open(JID.parse("romeo@sip.example"), JID.parse("nurse@second.example"), sip, second),
            pairs.open(JID.parse("paris@other.example"), JID.parse("juliet@xmpp.example"), other, xmpp),
        ]
        yield bench

    def test_sip_system_matters_to_all_its_users(self, bench: Bench) -> None:
        path = Path(bench.node.directory.systems[0])
        assert bench.gateway.pairs.behind(path) == self.pairs[:2]
        assert bench.gateway.pairs.count(path) == 2

    def test_component_matters_to_those_of_the_domain_that_we_are_on_it(self, bench: Bench) -> None:
        xmpp = bench.node.directory.systems[2]
        assert bench.gateway.pairs.behind(Path(xmpp, domain("sip.example"))) == self.pairs[:1]
        assert bench.gateway.pairs.behind(Path(xmpp, domain("other.example"))) == self.pairs[2:]

    def test_every_path_is_counted_until_the_last_pair_is_released(self, bench: Bench) -> None:
        pairs = bench.gateway.pairs
        assert len(pairs.paths) == 5
        for pair in self.pairs:
            assert all(pairs.count(path) for path in pair.paths)
            assert pairs.has(pair.sip) and pairs.has(pair.xmpp)
            pairs.release(pair)
            pairs.release(pair)
        assert (len(pairs.paths), len(pairs)) == (0, 0)
        assert not any(pairs.has(system) for system in bench.node.directory.systems)

    def test_pair_that_is_opened_twice_is_one(self, bench: Bench) -> None:
        pair = self.pairs[0]
        assert bench.gateway.pairs.open(pair.user, pair.contact, pair.sip, pair.xmpp) is pair
        assert bench.gateway.pairs.count(pair.paths[0]) == 2


def test_stream_matters_to_those_of_its_two_domains() -> None:
    bench = Bench()
    sip, _, xmpp, _ = bench.node.directory.systems
    object.__setattr__(xmpp, "link", "s2s")
    pair = bench.gateway.pairs.open(*PEOPLE, sip, xmpp)
    assert pair.paths[1] == Path(xmpp, domain("sip.example"), domain("xmpp.example"))
    assert bench.gateway.pairs.behind(pair.paths[1]) == [pair]
    assert bench.gateway.pairs.behind(Path(xmpp, domain("sip.example"), domain("else.example"))) == []


def test_pairs_of_other_streams_are_not_looked_at() -> None:
    """A thousand streams may come up together, and our domain may have a million pairs."""
    bench = Bench()
    sip, _, xmpp, second = bench.node.directory.systems
    for system in (xmpp, second):
        object.__setattr__(system, "link", "s2s")
    pairs = bench.gateway.pairs
    for number in range(20):
        pairs.open(ROMEO_JID, JID.parse(f"nurse@{number}.second.example"), sip, second)
    pair = pairs.open(*PEOPLE, sip, xmpp)
    looked, whole = [], pairs._of
    pairs._of = lambda place: looked.append(place) or whole(place)  # type: ignore[method-assign, func-returns-value]
    assert pairs.behind(pair.paths[1]) == [pair]
    assert pairs.behind(Path(xmpp, domain("sip.example"))) == [pair]
    assert looked == [pair.place, pair.place]


def test_subscriptions_are_counted_by_partner_direction_and_state() -> None:
    scene = Scene(State.BOTH)
    scene.subscribes()
    assert scene.bench.gateway.subscriptions() == {("sip", OUT, "active"): 1, ("sip", IN, "active"): 2}
    scene = Scene(State.NONE_PENDING_OUT_IN)
    assert scene.bench.gateway.subscriptions() == {("sip", OUT, "pending"): 1, ("sip", IN, "pending"): 1}


def test_profile_is_the_watchers_with_the_rows_of_the_other() -> None:
    bench = Bench()
    sip, _, xmpp, _ = bench.node.directory.systems
    object.__setattr__(sip, "presence", Profile.build(outbound="basic"))
    object.__setattr__(xmpp, "presence", Profile.build(rows={"xmpp:dnd": "meeting"}))
    told = bench.gateway.pairs.profile(sip, xmpp)
    assert (told.outbound, told.xmpp) == ("basic", (("dnd", "meeting", ""),))
    assert bench.gateway.pairs.profile(sip, xmpp) is told


def test_user_with_one_contact_and_with_several() -> None:
    bench = Bench()
    pairs, (sip, xmpp) = bench.gateway.pairs, bench.node.directory.systems[0:3:2]
    contacts = [JID.parse(f"contact{number}@xmpp.example") for number in range(3)]
    opened = [pairs.open(JID("romeo", "sip.example"), contact, sip, xmpp) for contact in contacts]
    assert (len(pairs), list(pairs)) == (3, opened)
    assert [pairs.get(ROMEO_JID, contact) for contact in contacts] == opened
    assert pairs.open(ROMEO_JID, contacts[1], sip, xmpp) is opened[1]
    assert len({id(pair.user) for pair in opened}) == 1  # one object for all that are equal
    for left in (2, 1, 0):
        pairs.release(opened[left])
        pairs.release(opened[left])  # harmless
        assert (len(pairs), list(pairs)) == (left, opened[:left])
        assert pairs.get(ROMEO_JID, contacts[left]) is None
    assert not pairs.paths


@pytest.mark.parametrize(("state", "last"), [(State.TO, "unsubscribed"), (State.FROM, "unsubscribe")])
def test_pair_that_ends_leaves_nothing_for_the_collector(state: State, last: str) -> None:
    """It does not look at what has stood for long (`edge.net.memory`)."""
    scene = Scene(state)
    gc.collect()
    gc.disable()
    try:
        ended = sends(scene.says(last))
        if state is State.FROM:
            scene.notifies("terminated;reason=timeout")
        scene.bench.passes(60)
        assert ended and scene.pair is None
        del ended
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = {type(each).__module__ for each in gc.garbage}
        assert not [module for module in left if module.startswith("edge.")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
