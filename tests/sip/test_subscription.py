"""What subscriber and notifier share: keys, intervals, and what failures mean."""

import pytest

from edge.sip.subscription import (
    BACK_OFF,
    LONGEST_WAIT,
    RARELY,
    REASONS,
    REMOVING,
    SOON,
    UNKNOWN_REASON,
    Reply,
    UserAgent,
    acceptance,
    grant,
    response_rule,
    too_brief,
    usage_key,
    wait,
)
from tests.sip.samples import JULIET, ROUTE, counted_ids, request

AGENT = UserAgent("edge.example.net:5061", "<sip:edge.example.net:5061;transport=tls>", counted_ids(), 300, 28_800)


@pytest.mark.parametrize(
    ("statuses", "dialog_dead", "authorization_dead", "retry"),
    [
        ((403, 489, 603), True, True, None),
        ((481,), True, False, 0.0),
        ((404, 410, 604), True, False, RARELY),
        ((405, 416, 501), True, False, RARELY),
        ((480, 482, 483, 484, 485), True, False, BACK_OFF),
        ((401, 407), False, False, RARELY),
        ((406, 415, 420, 421), False, False, RARELY),
        ((408, 500, 502, 503, 504, 513, 580), False, False, SOON),
        ((300, 301, 302, 380), False, False, RARELY),
        ((600, 606, 400, 402, 423, 494), False, False, BACK_OFF),
    ],
)
def test_response_rule_is_the_one_of_its_row(
    statuses: tuple[int, ...], dialog_dead: bool, authorization_dead: bool, retry: float | None
) -> None:
    for status in statuses:
        rule = response_rule(status)
        assert (rule.dialog_dead, rule.authorization_dead, rule.retry) == (dialog_dead, authorization_dead, retry)


def test_every_failure_has_a_rule_and_no_authorization_dies_before_its_dialog() -> None:
    rules = [response_rule(status) for status in range(300, 700)]
    assert all(rule.dialog_dead or not rule.authorization_dead for rule in rules)


@pytest.mark.parametrize("status", [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604])
def test_statuses_that_rfc_6665_lists_kill_the_dialog_on_both_sides(status: int) -> None:
    """RFC 6665 §4.1.2.2, §4.2.2."""
    assert response_rule(status).dialog_dead
    assert status in REMOVING


@pytest.mark.parametrize(
    ("reason", "authorization_dead", "retry", "patient"),
    [
        ("deactivated", False, 0.0, False),
        ("probation", False, BACK_OFF, True),
        ("rejected", True, None, False),
        ("timeout", False, 0.0, False),
        ("giveup", False, BACK_OFF, True),
        ("noresource", True, None, False),
        ("invariant", False, None, False),
        ("badfilter", False, None, False),
        ("anything-else", False, BACK_OFF, True),
        ("", False, BACK_OFF, True),
    ],
)
def test_reason_of_termination_is_the_one_of_its_row(
    reason: str, authorization_dead: bool, retry: float | None, patient: bool
) -> None:
    """RFC 6665 §4.1.3."""
    rule = REASONS.get(reason, UNKNOWN_REASON)
    assert rule.dialog_dead
    assert (rule.authorization_dead, rule.retry) == (authorization_dead, retry)
    assert wait(rule, 77) == (77.0 if patient else retry)
    assert wait(rule, None) == retry


def test_wait_is_never_longer_than_a_day() -> None:
    assert wait(UNKNOWN_REASON, 2**32 - 1) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("asked", "granted"), [(None, 3600), ("0", 0), ("300", 300), ("28800", 28_800), ("28801", 28_800), ("9" * 12, 3600)]
)
def test_grant_shortens_and_never_lengthens(asked: str | None, granted: int) -> None:
    headers = [] if asked is None else [("Expires", asked)]
    assert grant(AGENT, request("SUBSCRIBE", headers=headers)) == granted


@pytest.mark.parametrize(
    ("asked", "shortest", "wanted"),
    [
        (None, 300, None), (0, 300, None), (1, 300, "300"), (299, 300, "300"), (300, 300, None),
        (3599, 7200, "3600"), (3600, 7200, None),
    ],
)
def test_interval_is_too_brief_only_below_the_least_and_below_an_hour(
    asked: int | None, shortest: int, wanted: str | None
) -> None:
    """RFC 6665 §4.2.1.1."""
    agent = UserAgent("edge.example.net:5061", "<sip:edge.example.net>", counted_ids(), shortest)
    headers = [] if asked is None else [("Expires", str(asked))]
    expected = None if wanted is None else Reply(423, (("Min-Expires", wanted),))
    assert too_brief(agent, request("SUBSCRIBE", headers=headers)) == expected


def test_acceptance_is_a_200_with_all_that_a_subscriber_needs() -> None:
    reply = acceptance(AGENT, [ROUTE], "presence;id=7", 600)
    assert reply.status == 200
    assert dict(reply.headers) == {
        "Record-Route": ROUTE, "Contact": AGENT.contact, "Expires": "600", "Event": "presence;id=7",
        "Allow-Events": "presence",
    }


def test_usage_key_is_the_call_id_and_our_tag() -> None:
    assert usage_key(request("NOTIFY", to=f"<{JULIET}>;tag=ours", call_id="call9")) == ("call9", "ours")
