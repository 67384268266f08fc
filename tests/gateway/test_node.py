"""What all parts say alike: refusals with a code, addresses of our own, text that no peer can break out of."""

from collections.abc import Callable

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.gateway import core
from edge.gateway.effects import Effect, Forget, Path, RespondSip
from edge.gateway.node import ALLOW, bug, refused_below, speaker
from edge.mapping.dates import date_of
from edge.partners import Changes, Peer
from edge.sip.layer import Deliver, Refused
from edge.sip.transaction import ServerTransaction
from edge.timers import TICK
from tests.gateway.bench import Bench, Link, events, message, reports, responses, sends


@pytest.fixture
def bench() -> Bench:
    return Bench()


def delivered(bench: Bench) -> ServerTransaction:
    (output,) = bench.layer.receive_request(bench.link, bench.page(), "")
    assert isinstance(output, Deliver)
    return output.transaction


def test_requests_of_ours_carry_the_name_and_port_of_the_edge(bench: Bench) -> None:
    agent = bench.node.agent
    assert agent.via("z9hG4bKx") == "SIP/2.0/TLS edge.example.net:5061;branch=z9hG4bKx"
    assert agent.contact == "<sip:edge.example.net:5061;transport=tls>"


def test_answer_goes_back_on_the_link_of_its_request(bench: Bench) -> None:
    transaction = delivered(bench)
    (effect,) = bench.node.respond(transaction, 202, [("Expires", "7")], reason="Taken")
    assert isinstance(effect, RespondSip) and effect.link is bench.link
    (answer,) = responses([effect])
    assert (answer.status, answer.reason, answer.headers.get("Expires")) == (202, "Taken", "7")


def test_refusal_is_an_answer_and_a_report_with_one_code(bench: Bench) -> None:
    effects = bench.node.refuse(delivered(bench), Code.A06, 404, [("Allow", ALLOW)], "nobody here")
    (answer,), (report,) = responses(effects), reports(effects)
    assert (answer.status, answer.headers.get("Allow")) == (404, ALLOW)
    assert answer.headers.get("Warning") == '399 edge "EDGE-A06 nobody here"'
    assert (report.event, report.code) == ("sip.refused", Code.A06)
    assert report.fields == {"method": "MESSAGE", "status": 404, "reason": "nobody here", "partner": "sip"}


def test_refusal_takes_status_and_sentence_from_its_code(bench: Bench) -> None:
    effects = bench.node.refuse(delivered(bench), Code.S09)
    (answer,), (report,) = responses(effects), reports(effects)
    assert (answer.status, report.fields["status"]) == (Code.S09.status, Code.S09.status)
    assert Code.S09.sentence in str(answer.headers.get("Warning"))
    assert report.fields["reason"] == Code.S09.sentence


def test_refusal_of_the_layer_below_is_reported_as_our_own_is(bench: Bench) -> None:
    report = refused_below(Refused(bench.link, bench.page(), 503, Code.L01, "too many"))
    assert (report.event, report.code) == ("sip.refused", Code.L01)
    assert report.fields == {"method": "MESSAGE", "status": 503, "reason": "too many", "partner": "sip"}


def test_refusal_of_what_is_answered_already_is_not_sent(bench: Bench) -> None:
    transaction = delivered(bench)
    bench.node.respond(transaction, 200)
    assert responses(bench.node.refuse(transaction, Code.M02)) == []


def test_failure_without_a_code_says_what_its_status_means(bench: Bench) -> None:
    (answer,) = responses(bench.node.respond(delivered(bench), 423, [("Min-Expires", "300")]))
    assert answer.headers.rows("ms-diagnostics-public") == ['90000;reason="Interval Too Brief"']


def test_success_needs_no_reason(bench: Bench) -> None:
    (answer,) = responses(bench.node.respond(delivered(bench), 200))
    assert b"ms-diagnostics-public" not in answer.headers


def test_speaker_names_every_system_of_the_link_in_order(bench: Bench) -> None:
    peer = bench.node.directory.identify("sip", frozenset({domain("sip.example"), domain("other.example")}))
    (output,) = bench.layer.receive_request(Link(peer), bench.page(), "")
    assert isinstance(output, Deliver)
    assert speaker(output.transaction) == "other,sip"


class TestStrangers:
    """A refusal for the partner list says which domain is not on it."""

    def fields(self, bench: Bench, peer: Peer, **changes: str) -> dict[str, object]:
        (output,) = bench.layer.receive_request(Link(peer), bench.page(**changes), "")
        assert isinstance(output, Deliver)
        (report,) = reports(bench.node.refuse(output.transaction, Code.A01))
        return {name: value for name, value in report.fields.items() if name in ("domain", "to_domain", "names")}

    def test_sender_is_told_with_what_his_link_has_shown(self, bench: Bench) -> None:
        peer = Peer("sip", frozenset({domain("sip.strange.example"), domain("strange.example")}), frozenset())
        assert self.fields(bench, peer, from_="<sip:eve@strange.example>;tag=1") == {
            "domain": "strange.example", "names": "sip.strange.example,strange.example",
        }

    def test_recipient_is_told_if_the_sender_is_listed(self, bench: Bench) -> None:
        assert self.fields(bench, bench.link.peer, uri="sip:eve@strange.example") == {"to_domain": "strange.example"}

    def test_domain_that_cannot_be_read_is_left_out(self, bench: Bench) -> None:
        assert self.fields(bench, bench.link.peer, from_="<tel:+1555>;tag=1") == {}


class Thing:
    """Something that is kept."""

    def __init__(self, name: str) -> None:
        self.name = name

    def saved(self) -> Forget:
        return Forget(1, self.name)


def broken() -> Forget:
    raise ZeroDivisionError


class TestSaved:
    """What has changed is told to the store at the end of the same input, whichever it was."""

    def doors(self, bench: Bench) -> dict[str, Callable[[], list[Effect]]]:
        gateway, path = bench.gateway, Path(bench.node.directory.systems[0])
        (send,) = sends(bench.stanzas(message()))
        return {
            "sip_received": lambda: gateway.sip_received(bench.link, [bench.page()]),
            "sip_lost": lambda: gateway.sip_lost(bench.link),
            "stanzas_received": lambda: gateway.stanzas_received(bench.stream, [message(id="m2")]),
            "taken": lambda: gateway.taken([None]),
            "unsent": lambda: gateway.unsent(send.token, Code.N01, ""),
            "advance": lambda: gateway.advance(bench.wheel.now + 1, bench.node.wall + 1),
            "path_lost": lambda: gateway.path_lost(path, True),
            "path_failed": lambda: gateway.path_failed(path),
            "path_up": lambda: gateway.path_up(path),
            "restored": lambda: gateway.restored([]),
            "reloaded": lambda: gateway.reloaded(Changes()),
            "leave": gateway.leave,
            "ordered": lambda: gateway.ordered(list),
        }

    def test_every_door_tells_it(self, bench: Bench) -> None:
        doors = self.doors(bench)
        inputs = {name for name, door in vars(core.Gateway).items()
                  if callable(door) and not name.startswith("_")} - {"subscriptions", "sip_sent"}
        assert set(doors) == inputs, "sip_sent has no effects: it only notes the link of a request"
        for name, door in doors.items():
            bench.node.unsaved[Thing(name)] = None
            effects = door()
            assert Forget(1, name) in effects, name
            assert not bench.node.unsaved

    def test_message_that_is_sent_changes_nothing_that_is_kept(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        bench.gateway.sip_sent(send.token, bench.link)
        assert not bench.node.unsaved

    def test_record_that_cannot_be_made_costs_only_itself(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        good, bad = Thing("good"), Thing("bad")
        monkeypatch.setattr(bad, "saved", broken)
        bench.node.unsaved.update({bad: None, good: None})
        effects = bench.passes(TICK)
        assert events(effects) == ["internal.error"] and Forget(1, "good") in effects
        assert bench.passes(TICK) == []


def test_time_of_day_and_moment_are_two_names_of_one_thing(bench: Bench) -> None:
    node = bench.node
    assert node.wall_of(node.wheel.now + 60) == node.wall + 60
    assert node.moment_of(node.wall - 60) == node.wheel.now - 60
    assert node.moment_of(node.wall_of(1234.5)) == 1234.5


def test_what_has_changed_is_saved_once_and_in_its_order(bench: Bench) -> None:
    one, two = Thing("one"), Thing("two")
    for each in (one, two, one):
        bench.node.unsaved[each] = None
    assert bench.node.save() == [Forget(1, "one"), Forget(1, "two")]
    assert bench.node.save() == []


def test_report_of_a_bug_has_its_place_and_no_text_of_a_peers() -> None:
    try:
        raise ValueError("juliet@xmpp.example")
    except ValueError as error:
        fields = bug(error).fields
    assert (fields["error"], fields["reason"]) == ("ValueError", "")
    assert str(fields["where"]).startswith("tests.gateway.test_node.test_report_of_a_bug")


def test_refusal_for_the_time_of_a_certificate_compares_the_clocks(bench: Bench) -> None:
    dated = ("Date", date_of(bench.node.wall + 312))
    (output,) = bench.layer.receive_request(bench.link, bench._request("MESSAGE", [dated], b""), "")
    assert isinstance(output, Deliver)
    (report,) = reports(bench.node.refuse(output.transaction, Code.C09))
    assert report.fields["clock_ahead_s"] == 312
    (report,) = reports(bench.node.refuse(delivered(bench), Code.C09))
    assert "clock_ahead_s" not in report.fields, "who does not say what time it is, of him nothing is known"
