"""Tests of `edge.mapping.failures`."""

import re

import pytest

from edge.codes import Code
from edge.mapping.failures import (
    MAX_REASON,
    Failure,
    condition_of,
    condition_of_response,
    failure_of,
    said_by,
    sentence_of,
    status_of,
    status_of_code,
)
from edge.sip.message import Response, parse_message
from edge.sip.status import REASONS
from edge.xmpp.conditions import ERROR_TYPES, STANZA_CONDITIONS
from edge.xmpp.stanzas import StanzaError

# RFC 7247 §7.1 table 2 with the choices of docs/mapping.md: condition -> (about a full JID, about a bare JID)
TABLE_2 = {
    "bad-request": (400, 400),
    "conflict": (400, 400),
    "feature-not-implemented": (405, 501),
    "forbidden": (403, 603),
    "gone": (410, 410),
    "internal-server-error": (500, 500),
    "item-not-found": (404, 604),
    "jid-malformed": (400, 400),
    "not-acceptable": (406, 606),
    "not-allowed": (403, 403),
    "not-authorized": (403, 403),
    "policy-violation": (403, 403),
    "recipient-unavailable": (480, 600),
    "redirect": (480, 480),
    "registration-required": (403, 403),
    "remote-server-not-found": (404, 404),
    "remote-server-timeout": (504, 504),
    "resource-constraint": (500, 500),
    "service-unavailable": (480, 480),
    "subscription-required": (400, 400),
    "undefined-condition": (400, 400),
    "unexpected-request": (491, 491),
}

# RFC 7247 §7.2 table 3
TABLE_3 = {
    **{status: "redirect" for status in (300, 302, 305)},
    **{status: "bad-request" for status in (400, 402, 493)},
    **{status: "not-acceptable" for status in (380, 406, 415, 416, 421, 482, 483, 488, 505, 606)},
    **{status: "item-not-found" for status in (404, 481, 484, 485, 604)},
    **{status: "feature-not-implemented" for status in (405, 420, 439, 501)},
    **{status: "policy-violation" for status in (413, 414, 440, 489, 513)},
    **{status: "recipient-unavailable" for status in (430, 477, 480, 486, 487, 600, 603)},
    **{status: "remote-server-timeout" for status in (408, 504)},
    **{status: "internal-server-error" for status in (500, 503)},
    401: "not-authorized",
    403: "forbidden",
    407: "registration-required",
    410: "gone",
    423: "resource-constraint",
    491: "unexpected-request",
    502: "remote-server-not-found",
}
CLASSES = {3: "redirect", 4: "bad-request", 5: "internal-server-error", 6: "recipient-unavailable"}


# RFC 7247 §7.1 table 2, to the letter; where the table offers several the first
RFC_7247 = {
    "bad-request": (400, 400),
    "conflict": (400, 400),
    "feature-not-implemented": (405, 501),
    "forbidden": (403, 603),
    "gone": (410, 410),
    "internal-server-error": (500, 500),
    "item-not-found": (404, 604),
    "jid-malformed": (400, 400),
    "not-acceptable": (406, 606),
    "not-allowed": (403, 403),
    "not-authorized": (401, 401),
    "policy-violation": (403, 403),
    "recipient-unavailable": (480, 600),
    "redirect": (302, 302),
    "registration-required": (407, 407),
    "remote-server-not-found": (404, 404),
    "remote-server-timeout": (408, 408),
    "resource-constraint": (500, 500),
    "service-unavailable": (403, 403),
    "subscription-required": (400, 400),
    "undefined-condition": (400, 400),
    "unexpected-request": (491, 491),
}
DEVIATIONS = {  # each is a choice of docs/mapping.md
    "not-authorized": "nobody could answer a challenge",
    "redirect": "without an address, here",
    "registration-required": "as not-authorized",
    "remote-server-timeout": "408 answers no request but INVITE",
    "service-unavailable": "the contact is not there, if it is about a message",
}


def test_tables_of_this_test_are_complete_and_those_of_the_standard() -> None:
    assert TABLE_2.keys() == RFC_7247.keys() == STANZA_CONDITIONS.keys()
    assert {condition for condition, row in TABLE_2.items() if row != RFC_7247[condition]} == DEVIATIONS.keys()


@pytest.mark.parametrize("status", range(300, 700))
def test_every_failure_has_a_sentence_for_people(status: int) -> None:
    failure = response(status)
    sentence = sentence_of(failure, condition_of_response(failure)[0])
    assert sentence != "the message was refused" and "SIP" not in sentence and not re.search("[0-9]", sentence)


@pytest.mark.parametrize("condition", STANZA_CONDITIONS)
def test_status_of_answers_every_condition(condition: str) -> None:
    assert (status_of(condition, full=True), status_of(condition, full=False)) == TABLE_2[condition]


@pytest.mark.parametrize("condition", [*STANZA_CONDITIONS, "of-the-future"])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("message", [True, False])
@pytest.mark.parametrize("address", ["", "sip:new@x.example"])
def test_status_of_is_fit_for_every_request(condition: str, full: bool, message: bool, address: str) -> None:
    status = status_of(condition, full=full, message=message, address=address)
    assert status in REASONS
    assert 300 <= status <= 699
    # no challenge, no 408 to a non-INVITE, no 503 that would silence the whole gateway
    assert status not in (401, 407, 408, 503)


def test_status_of_depends_on_the_address() -> None:
    assert status_of("gone", full=True, address="sip:a@b.example") == 301
    assert status_of("redirect", full=True, address="sip:a@b.example") == 302


def test_status_of_depends_on_the_kind_of_stanza_when_service_is_unavailable() -> None:
    assert status_of("service-unavailable", full=True) == 480
    assert status_of("service-unavailable", full=True, message=False) == 403


def test_status_of_takes_an_unknown_condition_as_undefined() -> None:
    assert status_of("of-the-future", full=True) == status_of("undefined-condition", full=True)


@pytest.mark.parametrize("status", [status for status in range(300, 700) if status != 301])
def test_condition_of_answers_every_status(status: int) -> None:
    expected = TABLE_3.get(status, CLASSES[status // 100])
    assert condition_of(status) == (expected, STANZA_CONDITIONS[expected])
    assert condition_of(status)[1] in ERROR_TYPES
    assert condition_of(status, retry_after=5) == (expected, "wait")


def test_condition_of_needs_an_address_for_gone_when_status_is_301() -> None:
    assert condition_of(301) == ("item-not-found", "cancel")
    assert condition_of(301, address="xmpp:a@b.example") == ("gone", "cancel")


@pytest.mark.parametrize("status", [0, 100, 200, 299, 700])
def test_condition_of_has_an_answer_for_what_is_no_failure(status: int) -> None:
    assert condition_of(status) == ("undefined-condition", "cancel")


def test_conditions_survive_both_tables_or_become_a_close_relative() -> None:
    changed = {}
    for condition in STANZA_CONDITIONS:
        back = condition_of(status_of(condition, full=True))[0]
        if back != condition:
            changed[condition] = back
    assert changed == {
        "conflict": "bad-request",
        "jid-malformed": "bad-request",
        "not-allowed": "forbidden",
        "not-authorized": "forbidden",
        "policy-violation": "forbidden",
        "redirect": "recipient-unavailable",
        "registration-required": "forbidden",
        "remote-server-not-found": "item-not-found",
        "resource-constraint": "internal-server-error",
        "service-unavailable": "recipient-unavailable",
        "subscription-required": "bad-request",
        "undefined-condition": "bad-request",
    }


@pytest.mark.parametrize(
    ("condition", "address", "status", "contact"),
    [
        ("gone", "xmpp:new@x.example", 301, "<sip:new@x.example>"),
        ("redirect", "xmpp:new@x.example/home?message", 302, "<sip:new@x.example;gr=home>"),
        ("redirect", "new@x.example", 302, "<sip:new@x.example>"),
        ("gone", "sip:new@x.example;transport=tls", 301, "<sip:new@x.example;transport=tls>"),
        ("gone", "sip:new@x.example?Route=evil", 301, "<sip:new@x.example>"),
        ("gone", "im:new@x.example", 301, "<im:new@x.example>"),
        ("gone", "tel:+123", 410, ""),
        ("gone", "http://x.example/", 410, ""),
        ("gone", "xmpp:%ff@x.example", 410, ""),
        ("gone", "sip:new@x.example>\r\nRoute: <sip:evil@x.example", 410, ""),
        ("redirect", "", 480, ""),
    ],
)
def test_failure_of_puts_the_new_address_into_contact(condition: str, address: str, status: int, contact: str) -> None:
    failure = failure_of(StanzaError(condition, "cancel", "", address), full=True)
    assert failure == Failure(status, "", (("Contact", contact),) if contact else ())


def test_failure_of_carries_allow_when_status_is_405() -> None:
    failure = failure_of(StanzaError("feature-not-implemented"), full=True, allow="MESSAGE, OPTIONS")
    assert failure == Failure(405, "", (("Allow", "MESSAGE, OPTIONS"),))
    assert failure_of(StanzaError("feature-not-implemented"), full=False, allow="MESSAGE").headers == ()


def test_failure_of_carries_the_text_in_one_line() -> None:
    error = StanzaError("forbidden", "auth", "Nö\r\nVia: evil\x00\u2028!")
    assert failure_of(error, full=True).reason == "Nö Via: evil !"
    assert len(failure_of(StanzaError("forbidden", "auth", "x" * 1000), full=True).reason) == MAX_REASON


@pytest.mark.parametrize("code", Code)
def test_status_of_code_is_fit_for_every_request(code: Code) -> None:
    status = status_of_code(code)
    assert 400 <= status <= 699
    assert status not in (408, 503)
    if code.status not in (0, 408, 503):
        assert status == code.status


def response(status: int, *lines: str) -> Response:
    head = "\r\n".join(
        [
            f"SIP/2.0 {status} Reason",
            "Via: SIP/2.0/TLS edge.example;branch=z9hG4bK1",
            "From: <sip:a@x.example>;tag=1",
            "To: <sip:b@y.example>;tag=2",
            "Call-ID: 1",
            "CSeq: 1 MESSAGE",
            *lines,
        ]
    )
    parsed = parse_message(head.encode(), b"")
    assert isinstance(parsed, Response)
    return parsed


@pytest.mark.parametrize(
    ("status", "lines", "expected"),
    [
        (404, (), ("item-not-found", "cancel", "")),
        (480, ("Retry-After: 60",), ("recipient-unavailable", "wait", "")),
        (503, ("Retry-After: 60 (soon)",), ("internal-server-error", "wait", "")),
        (503, (), ("internal-server-error", "cancel", "")),
        (503, ("Retry-After: soon",), ("internal-server-error", "cancel", "")),
        (301, ("Contact: <sip:b%20c@z.example>",), ("gone", "cancel", "xmpp:b%5C20c@z.example")),
        (301, (), ("item-not-found", "cancel", "")),
        (301, ("Contact: <tel:+123>",), ("item-not-found", "cancel", "")),
        (301, ("Contact: *",), ("item-not-found", "cancel", "")),
        (302, ("Contact: B <sip:b@z.example;gr=home>;q=0.5",), ("redirect", "modify", "xmpp:b@z.example/home")),
        (302, ("Contact: <sips:b@z.example>",), ("redirect", "modify", "")),
        (300, (), ("redirect", "modify", "")),
        (380, ("Contact: <sip:b@z.example>",), ("not-acceptable", "modify", "")),
        (410, ("Contact: <sip:b@z.example>",), ("gone", "cancel", "")),  # must not carry an address
    ],
)
def test_condition_of_response_reads_contact_and_retry_after(
    status: int, lines: tuple[str, ...], expected: tuple[str, str, str]
) -> None:
    assert condition_of_response(response(status, *lines)) == expected


# --- Microsoft's clients and edges

IN_SESSION = {
    "bad-request": 400, "conflict": 400, "feature-not-implemented": 415, "forbidden": 403,
    "internal-server-error": 500, "item-not-found": 404, "not-acceptable": 415, "not-allowed": 403,
    "not-authorized": 403, "policy-violation": 403, "recipient-unavailable": 480, "redirect": 480,
    "registration-required": 403, "remote-server-not-found": 504, "remote-server-timeout": 504,
    "resource-constraint": 500, "service-unavailable": 480, "undefined-condition": 400,
}


@pytest.mark.parametrize("condition", IN_SESSION)
def test_failure_in_a_session_has_a_status_that_says_so_to_the_user(condition: str) -> None:
    failure = failure_of(StanzaError(condition), full=False, in_session=True, accept="text/plain")
    assert failure.status == IN_SESSION[condition]
    assert (("Accept", "text/plain") in failure.headers) == (failure.status == 415)


@pytest.mark.parametrize("condition", sorted(set(STANZA_CONDITIONS) - {"gone"}))
def test_no_failure_in_a_session_is_the_word_of_an_administrator_or_of_the_whole_gateway(condition: str) -> None:
    status = failure_of(StanzaError(condition), full=False, in_session=True).status
    assert status < 600 and status != 503


def diagnosed(status: int, value: str, name: str = "ms-diagnostics-public") -> Response:
    return response(status, f"{name}: {value}")


@pytest.mark.parametrize(
    ("number", "condition"),
    [
        (1001, "forbidden"), (1002, "forbidden"), (1003, "item-not-found"), (1005, "remote-server-not-found"),
        (1006, "recipient-unavailable"), (1007, "remote-server-timeout"), (1008, "remote-server-not-found"),
        (1009, "remote-server-not-found"), (1010, "remote-server-not-found"), (1012, "forbidden"),
        (1014, "remote-server-not-found"), (1017, "forbidden"), (4003, "forbidden"), (4005, "item-not-found"),
    ],
)
def test_number_behind_a_status_says_more_than_the_status(number: int, condition: str) -> None:
    answer = diagnosed(480, f'{number};reason="Why";source="sip.contoso.example"')
    assert condition_of_response(answer)[0] == condition
    assert said_by(answer) == f"480 Reason ({number} Why)"


@pytest.mark.parametrize("number", [1004, 1011, 1013, 1034, 10003, 52035, 99999])
def test_other_numbers_leave_it_at_the_status(number: int) -> None:
    assert condition_of_response(diagnosed(480, f'{number};reason="Why"'))[0] == "recipient-unavailable"


@pytest.mark.parametrize("name", ["ms-diagnostics-public", "ms-diagnostics", "Ms-client-diagnostics"])
def test_diagnostics_have_three_names(name: str) -> None:
    assert condition_of_response(diagnosed(504, '1003; reason="User does not exist"', name))[0] == "item-not-found"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "403 Reason"), ("none", "403 Reason"), ("1;", "403 Reason (1)"), ("1002", "403 Reason (1002)"),
        ('1002;reason="open', "403 Reason (1002)"), ('1002;reason="say \\"no\\""', '403 Reason (1002 say "no")'),
        ("12345678901", "403 Reason"),
    ],
)
def test_what_is_not_written_well_is_read_as_far_as_it_goes(value: str, said: str) -> None:
    assert said_by(diagnosed(403, value)) == said


def test_long_reason_of_a_peer_is_cut() -> None:
    assert len(said_by(diagnosed(403, f'1002;reason="{"x" * 1000}"'))) < MAX_REASON + 40
