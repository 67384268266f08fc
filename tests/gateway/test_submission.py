"""Messages from XMPP to SIP: what is counted, and that every sender hears how it ended."""

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.gateway import submission
from edge.gateway.effects import Effect
from edge.gateway.submission import Submission, Submissions, bounce
from edge.partners import Admit, System
from edge.xmpp.stanzas import Message
from tests.gateway.bench import Bench, conditions, message, reports

OURS = System("xmpp", True, "xmpp", (domain("xmpp.example"),), "component")
THEIRS = System("sip", False, "sip", (domain("sip.example"),), pending_messages=1)
DECISION = Admit(OURS, THEIRS)


def submitted(submissions: Submissions, stanza: Message) -> Submission:
    found = submissions.submit(stanza, DECISION)
    assert isinstance(found, Submission)
    return found


def test_message_is_translated_once_and_ready_to_go() -> None:
    found = submitted(Bench().gateway.submissions, message("Neither, fair saint."))
    assert (found.target, found.body) == ("sip:romeo@sip.example", b"Neither, fair saint.")


def test_stanza_without_a_body_says_nothing_and_is_not_counted() -> None:
    submissions = Bench().gateway.submissions
    assert submissions.submit(message(""), DECISION) == []
    assert submissions._under_way.count("xmpp") == 0
    assert not submissions._node.counters.messages


def test_end_of_a_message_is_counted_for_the_partner() -> None:
    submissions = Bench().gateway.submissions
    submissions.delivered(submitted(submissions, message()))
    submissions.failed(submitted(submissions, message()), Code.M02, "")
    submissions.submit(message(to="sip.example"), DECISION)
    assert dict(submissions._node.counters.messages) == {
        ("sip", "xmpp", "out", "delivered"): 1, ("sip", "xmpp", "out", "failed"): 1,
        ("sip", "xmpp", "out", "rejected"): 1,
    }


class Speaker:
    """Says something beside the messages."""

    def __init__(self) -> None:
        self.ends: list[int] = []

    def over(self, status: int) -> list[Effect]:
        self.ends.append(status)
        return []


def test_end_of_an_aside_is_told_to_its_speaker_and_to_nobody_else() -> None:
    submissions, speaker = Bench().gateway.submissions, Speaker()
    aside = Submission(message(), DECISION, "sip:romeo@sip.example", (), b"", None, speaker)
    assert submissions.delivered(aside) == []
    assert submissions.failed(aside, Code.N01, "") == []
    assert submissions.failed(aside, Code.M02, "") == []
    assert speaker.ends == [200, 503, 408]
    assert not submissions._node.counters.messages and submissions._under_way.count("xmpp") == 0


def test_message_for_a_whole_domain_comes_back() -> None:
    effects = Bench().gateway.submissions.submit(message(to="sip.example"), DECISION)
    assert isinstance(effects, list)
    assert conditions(effects) == ["service-unavailable"]


def test_too_many_messages_of_one_system_come_back_until_one_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "MAX_UNDER_WAY", 1)
    submissions = Bench().gateway.submissions
    first = submitted(submissions, message())
    refused = submissions.submit(message(), DECISION)
    assert isinstance(refused, list)
    assert conditions(refused) == ["resource-constraint"]
    submissions.delivered(first)
    submitted(submissions, message())


def test_as_many_wait_as_the_partner_allows() -> None:
    submissions = Bench().gateway.submissions
    first, second = submitted(submissions, message()), submitted(submissions, message())
    assert submissions.may_wait(first)
    assert not submissions.may_wait(second)
    submissions.goes(first)
    assert submissions.may_wait(second)


def test_failure_is_told_with_its_code_and_counted_off() -> None:
    submissions = Bench().gateway.submissions
    effects = submissions.failed(submitted(submissions, message()), Code.M02, "nobody has answered")
    assert conditions(effects) == ["remote-server-timeout"]
    (report,) = reports(effects)
    assert (report.event, report.code) == ("message.failed", Code.M02)
    assert report.fields == {
        "condition": "remote-server-timeout", "reason": "nobody has answered", "partner": "sip", "duration_ms": 0,
    }
    assert submissions._under_way.count("xmpp") == 0


def test_error_is_never_answered() -> None:
    assert bounce(message(type="error"), "item-not-found", "", Code.M03) == []
