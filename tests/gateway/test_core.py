"""The gateway's door: what one fault may cost, which answers count, and that nothing is left behind."""

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.gateway import core, node
from edge.gateway.effects import Effect, Path, RespondSip, SendSip
from edge.sip.message import Request, Response, response_bytes
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq, Message, StanzaError
from tests.gateway.bench import (
    JULIET_JID,
    Bench,
    Link,
    answer_to,
    conditions,
    events,
    kinds,
    message,
    presence,
    reports,
    responses,
    sends,
    sent_stanzas,
    spoken,
    statuses,
)
from tests.sip.samples import as_request, parsed, request


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ping(**fields: str) -> Iq:
    payload = Element("ping", "urn:xmpp:ping", {}, [])
    return Iq(from_=JULIET_JID, to=JID.parse("sip.example"), id="p1", type=fields.pop("type", "get"), payload=payload)


def break_part(monkeypatch: pytest.MonkeyPatch, part: object, name: str, when: str, error: Exception) -> None:
    """Let a method of a part of the gateway fail when ``when`` is in its first argument."""
    whole = getattr(part, name)

    def broken(*arguments: object) -> object:
        first = arguments[0]
        text = str(getattr(getattr(first, "request", first), "body", first))
        if when in text:
            raise error
        return whole(*arguments)

    monkeypatch.setattr(part, name, broken)


class TestBug:
    """An exception from one of the parts costs one message."""

    def test_sip_request_gets_500_and_the_others_of_its_chunk_go_on(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_part(monkeypatch, bench.gateway.pager, "message_received", "two", KeyError("juliet@xmpp.example"))
        effects = bench.sip(bench.page("one"), bench.page("two"), bench.page("three"))
        assert [stanza.body for stanza in spoken(effects) if isinstance(stanza, Message)] == ["one", "three"]
        (answer,) = responses(effects)
        assert (answer.status, answer.call_id) == (500, "call2")
        assert answer.to.tag
        assert events(effects) == ["internal.error"]

    def test_sip_request_that_was_answered_500_is_over(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        break_part(monkeypatch, bench.gateway.pager, "message_received", "one", KeyError())
        bench.sip(bench.page("one"))
        assert bench.open == 0
        assert bench.passes(40) == []

    def test_sip_request_gets_500_when_the_fault_comes_before_its_transaction(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(core, "check_request", check_but_fail)
        effects = bench.sip(bench.page("one"), bench.page("two"))
        assert statuses(effects) == [500]
        assert responses(effects)[0].call_id == "call1"
        assert [stanza.body for stanza in spoken(effects) if isinstance(stanza, Message)] == ["two"]
        assert events(effects) == ["internal.error"]

    def test_ack_is_never_answered(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(core, "check_request", check_but_fail)
        effects = bench.sip(request("ACK", call_id="call1"))
        assert events(effects) == ["internal.error"]
        assert len(effects) == 1

    def test_malformed_ack_is_not_answered_and_malformed_message_is(self, bench: Bench) -> None:
        assert statuses(bench.sip(malformed("ACK"))) == []
        effects = bench.sip(malformed("MESSAGE"))
        assert statuses(effects) == [400]
        assert [report.code for report in reports(effects)] == [Code.S01]

    def test_response_costs_only_itself(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = sends(bench.stanzas(message("a"), message("b", to="mercutio@sip.example")))
        monkeypatch.setattr(bench.gateway.pager, "answered", fail_once(bench.gateway.pager.answered))
        effects = bench.sip(answer_to(first, 404), answer_to(second, 404))
        assert events(effects) == ["internal.error", "message.failed"]
        assert conditions(effects) == ["item-not-found"]

    def test_stanza_gets_internal_server_error_and_the_others_go_on(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_part(monkeypatch, bench.gateway.submissions, "submit", "two", KeyError("juliet"))
        third = message("three", to="mercutio@sip.example", id="m3")
        effects = bench.stanzas(message("one"), message("two", id="m2"), third)
        assert [as_request(each.data).body for each in sends(effects)] == [b"one", b"three"]
        (error,) = spoken(effects)
        assert (error.id, error.to, conditions(effects)) == ("m2", JULIET_JID, ["internal-server-error"])
        assert events(effects) == ["internal.error"]

    @pytest.mark.parametrize(("type", "answered"), [("get", True), ("set", True), ("result", False), ("error", False)])
    def test_iq_gets_internal_server_error_if_it_asks(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, type: str, answered: bool
    ) -> None:
        monkeypatch.setattr(bench.gateway._service, "answer", fail_always)
        effects = bench.stanzas(ping(type=type))
        assert conditions(effects) == ["internal-server-error"] * answered
        assert len(sent_stanzas(effects)) == answered
        assert events(effects) == ["internal.error"]

    def test_error_stanza_and_presence_are_not_answered(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bench.gateway.deliveries, "error_received", fail_always)
        bench.sip(bench.subscribe())  # so that there is a pair whom presence can concern
        monkeypatch.setattr(bench.gateway.notifiers, "presence_received", fail_always)
        error = message("", type="error", error=StanzaError("gone"))
        effects = bench.stanzas(error, presence())
        assert sent_stanzas(effects) == []
        assert events(effects) == ["internal.error", "internal.error"]

    def test_timer_costs_only_itself(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.stanzas(message("a", id="a"), message("b", id="b", to="mercutio@sip.example"))
        monkeypatch.setattr(bench.gateway.pager, "failed", fail_once(bench.gateway.pager.failed))
        effects = bench.passes(31)
        assert events(effects) == ["internal.error", "message.failed"]
        assert [stanza.id for stanza in spoken(effects)] == ["b"]

    def test_token_that_comes_back_does_not_keep_the_next_from_coming(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (send,) = sends(bench.stanzas(message()))
        monkeypatch.setattr(bench.gateway.pager, "failed", fail_always)
        assert events(bench.gateway.unsent(send.token, Code.N01, "")) == ["internal.error"]

    def test_overdue_request_whose_answer_fails_is_answered_nevertheless(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.sip(bench.page())
        monkeypatch.setattr(bench.gateway.deliveries, "overdue", fail_always)
        effects = bench.passes(32)
        assert statuses(effects) == [100, 500]

    def test_report_says_where_but_not_with_what(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bench.gateway.submissions, "submit", fail_with(KeyError("juliet@xmpp.example")))
        (report,) = reports(bench.stanzas(message("a secret")))
        assert report.code is None
        assert report.fields["error"] == "KeyError"
        where = str(report.fields["where"])
        assert where.partition(" < ")[0].rpartition(":")[0].endswith("test_core.broken")  # the innermost comes first
        assert "edge.gateway.core.stanzas_received:" in where
        assert "juliet" not in str(report.fields) and "secret" not in str(report.fields)

    def test_report_keeps_a_text_of_ours_and_a_bounded_trace(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bench.gateway.submissions, "submit", fail_deep)
        (report,) = reports(bench.stanzas(message()))
        assert report.fields["reason"] == "a branch is used twice"
        assert str(report.fields["where"]).count(" < ") == node.FRAMES - 1


    def test_door_from_below_costs_only_itself(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """An exception in what the links say would leave the pools half done, and the turn without its flush."""
        monkeypatch.setattr(bench.gateway.deliveries, "taken", fail_always)
        for name in ("lost", "failed", "up"):
            monkeypatch.setattr(bench.gateway._paths, name, fail_always)
        path = Path(bench.node.directory.systems[0])
        gateway = bench.gateway
        for effects in (gateway.taken([None]), gateway.path_lost(path, True), gateway.path_failed(path),
                        gateway.path_up(path)):
            assert events(effects) == ["internal.error"]


class TestAnswers:
    """Which answers count."""

    def test_response_with_another_call_id_is_not_taken(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        assert bench.sip(forged(send, 404), link=bench.other) == []
        assert bench.layer.clients == 1
        assert conditions(bench.answer(send, 404)) == ["item-not-found"]

    def test_second_final_response_is_not_taken(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        assert bench.answer(send, 200) == []
        assert bench.answer(send, 404) == []

    def test_provisional_response_changes_nothing(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        assert bench.answer(send, 100) == []
        assert conditions(bench.answer(send, 480)) == ["recipient-unavailable"]

    def test_unsent_token_is_given_to_its_user_once(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        assert conditions(bench.gateway.unsent(send.token, Code.N01, "")) == ["remote-server-timeout"]
        assert bench.gateway.unsent(send.token, Code.N01, "") == []
        assert bench.open == 0

    def test_token_that_comes_back_after_its_timeout_is_no_news(self, bench: Bench) -> None:
        first, second = message("one", id="m1"), message("two", id="m2")
        (send,) = sends(bench.stanzas(first, second))
        effects = bench.passes(30.5)
        assert [stanza.id for stanza in spoken(effects)] == ["m1", "m2"]
        (_,) = sends(bench.stanzas(message("three", id="m3")))
        assert bench.gateway.unsent(send.token, Code.N02, "") == []  # else the third one would fail with it
        assert bench.layer.clients == 1

    def test_token_of_a_stanza_nobody_waits_for_is_ignored(self, bench: Bench) -> None:
        assert bench.gateway.unsent(None, Code.N01, "") == []
        assert bench.gateway.taken([None, object()]) == []

    def test_lost_link_fails_what_was_sent_on_it_and_nothing_else(self, bench: Bench) -> None:
        first, second = sends(bench.stanzas(message(id="a"), message(id="b", to="mercutio@sip.example")))
        bench.gateway.sip_sent(first.token, bench.link)
        bench.gateway.sip_sent(second.token, Link(bench.link.peer))
        effects = bench.gateway.sip_lost(bench.link)
        assert [stanza.id for stanza in spoken(effects)] == ["a"]
        assert [report.code for report in reports(effects)] == [Code.N03]
        assert bench.layer.clients == 1

    def test_answer_goes_on_the_link_of_the_request_though_it_is_lost(self, bench: Bench) -> None:
        """The pool finds another one to the same partner (RFC 3261 §18.2.2)."""
        (stanza,) = sent_stanzas(bench.sip(bench.page()))
        assert bench.gateway.sip_lost(bench.link) == []
        (answer,) = bench.gateway.taken([stanza.token])
        assert isinstance(answer, RespondSip) and answer.link is bench.link
        assert statuses([answer]) == [200]


class TestChecks:
    """What the transcripts of folder policy leave open."""

    def test_sender_is_judged_before_the_method_is(self, bench: Bench) -> None:
        effects = bench.sip(request("PUBLISH", call_id="c"), link=bench.other)
        assert statuses(effects) == [403]
        assert [report.code for report in reports(effects)] == [Code.A05]

    def test_method_is_judged_before_the_recipient_is(self, bench: Bench) -> None:
        effects = bench.sip(request("PUBLISH", uri="sip:a@nowhere.example", call_id="c"))
        assert statuses(effects) == [405]

    def test_message_with_a_to_tag_is_in_no_dialog_of_ours(self, bench: Bench) -> None:
        assert statuses(bench.sip(bench.page(to="<sip:juliet@xmpp.example>;tag=x"))) == [481]

    def test_request_without_hops_left_is_refused_but_options_is_answered(self, bench: Bench) -> None:
        assert statuses(bench.sip(written("MESSAGE", hops=0))) == [483]
        assert statuses(bench.sip(written("OPTIONS", hops=0))) == [200]

    def test_request_uri_of_another_scheme_is_416(self, bench: Bench) -> None:
        assert statuses(bench.sip(bench.page(uri="tel:+15551234"))) == [416]

    def test_from_that_is_no_sip_address_is_400(self, bench: Bench) -> None:
        assert statuses(bench.sip(bench.page(from_="<mailto:romeo@sip.example>;tag=1"))) == [400]

    def test_presence_of_an_unknown_type_is_a_bad_request(self, bench: Bench) -> None:
        assert conditions(bench.stanzas(presence("nonsense"))) == ["bad-request"]

    def test_refused_iq_is_service_unavailable_and_a_refused_result_is_not_answered(self, bench: Bench) -> None:
        bench.stream.peer = bench.gateway.node.directory.identify("xmpp", frozenset({domain("evil.example")}))
        assert conditions(bench.stanzas(ping())) == ["service-unavailable"]
        effects = bench.stanzas(ping(type="result"))
        assert (kinds(effects), events(effects)) == ([], ["policy.denied"])

    def test_iq_result_is_not_answered(self, bench: Bench) -> None:
        assert bench.stanzas(ping(type="result")) == []


# --- faults


class Broken(Exception):
    """What no part of the gateway expects."""


def fail_with(error: Exception) -> object:
    def broken(*arguments: object) -> list[Effect]:
        raise error

    return broken


fail_always = fail_with(Broken())


def fail_once(whole: object) -> object:
    """The first call fails."""
    calls = 0

    def broken(*arguments: object) -> list[Effect]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Broken
        assert callable(whole)
        found: list[Effect] = whole(*arguments)
        return found

    return broken


def fail_deep(*arguments: object, depth: int = 50) -> list[Effect]:
    if depth:
        return fail_deep(depth=depth - 1)
    raise LocalProtocolError("a branch is used twice")


def check_but_fail(message: Request) -> None:
    if message.call_id == "call1":
        raise Broken


# --- messages


def written(method: str, *, hops: int = 69, cseq: str = "") -> Request:
    head = (
        f"{method} sip:juliet@xmpp.example SIP/2.0\r\nVia: SIP/2.0/TLS edge.sip.example;branch=z9hG4bK-{method}-{hops}"
        f"\r\nMax-Forwards: {hops}\r\nFrom: <sip:romeo@sip.example>;tag=1\r\nTo: <sip:juliet@xmpp.example>\r\n"
        f"Call-ID: {method}-{hops}\r\nCSeq: {cseq or f'1 {method}'}\r\nContent-Type: text/plain\r\n\r\n"
    )
    message = parsed(head.encode() + b"Hello")
    assert isinstance(message, Request)
    return message


def malformed(method: str) -> Request:
    """One whose CSeq speaks of another method."""
    broken = written(method, cseq="1 INFO")
    with pytest.raises(RemoteProtocolError):
        core.check_request(broken)
    return broken


def forged(sent: SendSip, status: int) -> Response:
    """An answer with the right branch from somebody who does not know the Call-ID."""
    answer = answer_to(sent, status)
    data = response_bytes(as_request(sent.data), status, to_tag="romeo1")
    other = parsed(data.replace(answer.call_id.encode(), b"guessed"))
    assert isinstance(other, Response) and other.via == answer.via
    return other
