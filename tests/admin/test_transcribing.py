"""A trace becomes a transcript, and the transcript is played back: the same must happen again."""

import re

import pytest

from edge.admin.transcribing import transcript
from tests.admin.traced import CAST, SIP_SPEAKS, TRANSCRIPTS, XMPP_SPEAKS, traced
from tests.transcript import Performance


def written(text: str, /, **said: str) -> str:
    kept = traced(text, **said)
    return "\n".join(transcript(kept, kept["events"], kept["systems"])) + "\n"


# One of each kind that an administrator may want to report; nearly all others can be played back as well.
PLAYED = [
    "messages/messages_to_one_sip_user_wait_for_each_other",
    "messages/receipt_passes_between_those_who_know_them",
    "messages/sip_sender_gets_200_when_xmpp_has_the_message",
    "messages/sip_sender_gets_a_failure_when_xmpp_is_down",
    "messages/sip_sender_gets_a_failure_when_xmpp_never_acknowledges",
    "messages/sip_sender_gets_a_failure_when_xmpp_returns_an_error",
    "messages/text_in_any_charset_is_read",
    "messages/unknown_body_type_is_refused_with_accept",
    "messages/xmpp_message_reaches_a_sip_user",
    "messages/xmpp_sender_gets_an_error_when_sip_refuses",
    "messages/xmpp_sender_gets_an_error_when_sip_stays_silent",
    "messages/xmpp_sender_gets_an_error_when_the_sip_partner_is_down",
    "policy/unlisted_sip_domain_reaches_nobody",
    "presence/authorization_of_both_and_the_contact_stops_watching",
    "presence/policy_rows_of_a_sip_partner",
    "presence/sip_user_subscribes_and_is_notified",
    "presence/subscription_is_refreshed_before_it_expires",
    "presence/xmpp_user_subscribes_and_sees_presence",
    "sessions/session_of_ours_is_not_answered_for_a_minute",
    "sessions/session_of_theirs_is_acknowledged_on_a_shorter_route",
    "sessions/sip_user_opens_a_session",
    "sessions/typing_of_a_lync_user_is_seen_by_a_contact_who_shows_states",
    "sessions/xmpp_user_opens_a_session",
]


@pytest.mark.parametrize("bodies", ["", "true"], ids=["hidden", "bodies"])
@pytest.mark.parametrize("name", PLAYED)
def test_traced_conversation_can_be_played_back(name: str, bodies: str) -> None:
    conversation = (TRANSCRIPTS / f"{name}.txt").read_text()
    address = re.findall(r"^\[\S+\] +\S+ +sip +(\S+)", conversation, re.M)[0]
    text = written(conversation, address=address, bodies=bodies)
    assert "receives:" in text
    Performance(text).play()


def test_transcript_of_a_fault_fails_where_the_fault_is_mended() -> None:
    """Else it would be no test: what was received is compared."""
    text = written(CAST + SIP_SPEAKS)
    for was, now in (("<body>text 1</body>", "<body>text 2</body>"), ("SIP/2.0 200 OK", "SIP/2.0 202 Accepted")):
        assert was in text
        with pytest.raises(AssertionError):
            Performance(text.replace(was, now)).play()


def test_nobody_is_named_and_nothing_said() -> None:
    real = (CAST + SIP_SPEAKS + XMPP_SPEAKS).replace("contoso.example", "bank.test").replace("capulet.ex", "club.ex")
    real = real.replace("romeo", "h.mueller").replace("juliet", "smith").replace("lync", "mybank")
    text = written(real, address="bank.test")
    assert not re.search(r"bank|club|mueller|smith|Romeo|Ay me", text)
    Performance(text).play()


def test_what_people_said_is_there_if_it_was_traced() -> None:
    text = written(CAST + SIP_SPEAKS, bodies="true")
    assert text.count("Art thou not Romeo?") == 2


def test_text_that_was_long_is_long_again() -> None:
    cast = CAST.replace("sip        contoso.example", "sip  contoso.example im_mode=page")
    speaks = XMPP_SPEAKS.split("lync receives")[0].replace("Ay me!", "o" * 1500)
    text = written(f"{cast}{speaks}capulet receives:\n    <message/>\n")
    assert "text 1 {1493 times x}" in text and "EDGE-S09{any}" in text
    Performance(text).play()


def test_what_cannot_be_told_is_said() -> None:
    scenes = SIP_SPEAKS.replace("juliet@capulet.example>", "juliet@capulet.example>;tag=old").split("capulet rec")[0]
    text = written(CAST + scenes + "lync receives:\n    SIP/2.0 481 {any}\n")
    assert "# It had begun before it was traced" in text


def test_header_that_is_garbled_is_as_it_was() -> None:
    scenes = SIP_SPEAKS.replace("Content-Type", "Max-Forwards: x\n    Content-Type").split("capulet rec")[0]
    text = written(CAST + scenes + "lync receives:\n    SIP/2.0 400 Bad Request\n")
    Performance(text).play()


def test_time_passes_as_it_has() -> None:
    text = written(CAST + SIP_SPEAKS + "20 seconds pass\n" + XMPP_SPEAKS)
    assert "\n20 seconds pass\n" in text


def test_settings_of_the_systems_are_in_the_cast() -> None:
    cast = "[lync] partner sip contoso.example im_mode=page map:sip:busy=xa+At_work notes=false\n"
    text = written(cast + "[capulet] inside s2s capulet.example page_type=chat\n" + SIP_SPEAKS)
    assert "[contoso]  partner  sip  contoso.example im_mode=page notes=false map:sip:busy=xa+At_work\n" in text
    assert "[capulet]  inside  s2s  capulet.example\n" in text


def test_trace_of_nothing_is_a_comment() -> None:
    assert written(CAST) == "# nothing passed\n\n"
