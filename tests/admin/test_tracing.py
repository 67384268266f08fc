"""What belongs to a trace, and what is kept of it."""

import json

import pytest

from edge.admin import tracing
from edge.admin.tracing import Trace
from edge.xmpp.jid import JID
from tests.admin.traced import CAST, SIP_SPEAKS, XMPP_SPEAKS, traced

OTHERS = SIP_SPEAKS.replace("romeo@", "tybalt@").replace("juliet@", "nurse@").replace("call-of-romeo", "another-call")

REFUSED = """
lync sends:
    SIP/2.0 486 Busy Here
    CSeq: 1 MESSAGE
capulet receives:
    <message type="error"/>
"""


def whats(text: str, /, **said: str) -> list[str]:
    return [f"{each['side']} {each['way']} {each['what']}" for each in traced(text, **said)["events"]]


MESSAGE = ["sip in MESSAGE 19 B", "xmpp out message 19 B", "sip out 200 OK (MESSAGE)"]


@pytest.mark.parametrize(
    "said",
    [
        {"address": "romeo@contoso.example"},
        {"address": "sip:romeo@contoso.example"},
        {"address": "juliet@capulet.example"},
        {"address": "JULIET@capulet.example/balcony"},
        {"address": "romeo@contoso.example", "with": "juliet@capulet.example"},
        {"address": "juliet@capulet.example", "with": "contoso.example"},
    ],
)
def test_message_of_a_user_is_seen_on_both_sides_with_its_answer(said: dict[str, str]) -> None:
    assert whats(CAST + SIP_SPEAKS + OTHERS, **said) == MESSAGE


def test_trace_of_a_domain_sees_all_of_its_users() -> None:
    assert whats(CAST + SIP_SPEAKS + OTHERS) == MESSAGE * 2


def test_trace_of_two_sees_nothing_of_one_with_somebody_else() -> None:
    assert whats(CAST + SIP_SPEAKS, address="romeo@contoso.example", **{"with": "nurse@capulet.example"}) == []


def test_error_from_the_server_of_the_other_is_known_by_its_id() -> None:
    gone = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    error = f"<message from='capulet.example' to='romeo@contoso.example' type='error' id='%s'>{gone}</message>"
    asks, *_ = SIP_SPEAKS.partition("capulet receives")
    scenes = [
        "\ncapulet is silent", asks, "capulet receives:", "    <message id='{id}'/>", "capulet sends:",
        f"    {error % '{id}'}", f"    {error % 'other'}", "lync receives:", "    SIP/2.0 410 Gone\n",
    ]
    two = {"address": "romeo@contoso.example", "with": "juliet@capulet.example"}
    seen = whats(CAST + "\n".join(scenes), **two)
    assert seen.count("xmpp in message error (gone)") == 1
    assert "edge  message.failed EDGE-M03" in seen


def test_facts_name_who_speaks_and_by_what_the_others_know_it() -> None:
    events = traced(CAST + XMPP_SPEAKS + REFUSED)["events"]
    stanza, request, answer, error, failed = events
    assert stanza["facts"] == ["id=m1", "type=chat", "to romeo@contoso.example"]
    assert request["facts"][0].startswith("Call-ID ") and request["system"] == "lync"
    assert request["facts"][1].endswith("to sip:romeo@contoso.example")
    assert answer["what"] == "486 Busy Here (MESSAGE)" and answer["facts"] == []
    assert error["what"] == "message error (recipient-unavailable)" and '"EDGE-M' in error["facts"][-1]
    assert failed["what"].startswith("message.failed EDGE-M") and failed["system"] == "lync"


def test_warning_of_an_answer_is_a_fact() -> None:
    wrong = SIP_SPEAKS.split("capulet receives")[0].replace("text/plain", "image/png")
    events = traced(CAST + wrong + "lync receives:\n    SIP/2.0 415 Unsupported Media Type\n")["events"]
    assert any(fact.startswith('Warning: 399 edge "EDGE-S04') for fact in events[1]["facts"])


@pytest.mark.parametrize(("bodies", "shown"), [("", False), ("true", True)])
def test_what_people_say_is_shown_only_if_that_was_wanted(bodies: str, shown: bool) -> None:
    kept = traced(CAST + SIP_SPEAKS + XMPP_SPEAKS, bodies=bodies)
    said = json.dumps(kept)
    assert ("Art thou not Romeo?" in said) is shown and ("Ay me!" in said) is shown
    assert kept["bodies"] is shown
    assert [each["body"] for each in kept["events"]][:2] == (["Art thou not Romeo?"] * 2 if shown else ["", ""])


def test_nothing_is_kept_that_a_terminal_would_obey() -> None:
    answer = "lync sends:\n    SIP/2.0 480 \x1b[2Jgone\n    CSeq: 1 MESSAGE\ncapulet receives:\n    <message/>\n"
    events = traced(CAST + XMPP_SPEAKS + answer)["events"]
    assert any("[2Jgone" in each["what"] for each in events)
    assert all(fact.isprintable() for each in events for fact in (each["what"], *each["facts"]))


@pytest.mark.parametrize(("limit", "value"), [("MOST_EVENTS", 2), ("MOST_BYTES", 700)])
def test_oldest_are_kept_and_a_trace_that_is_full_is_over(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, limit, value)
    kept = traced(CAST + SIP_SPEAKS + OTHERS)
    assert kept["ended"] == "it was full"
    assert [each["n"] for each in kept["events"]] == list(range(1, kept["count"] + 1))
    assert kept["events"][0]["what"] == "MESSAGE 19 B" and kept["count"] < 6


def test_trace_of_nobody_says_that_nothing_passed() -> None:
    assert Trace("1", (JID.parse("x@y.example"),), 0.0).verdict == "nothing passed"
