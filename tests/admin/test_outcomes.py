"""The verdict of a trace."""

import pytest

from tests.admin.traced import CAST, SIP_SPEAKS, TRANSCRIPTS, XMPP_SPEAKS, traced

OK = "lync sends:\n    SIP/2.0 200 OK\n    CSeq: 1 MESSAGE\n"
REFUSED = "lync sends:\n    SIP/2.0 404 Not Found\n    CSeq: 1 MESSAGE\ncapulet receives:\n    <message/>\n"
AWAY = "capulet sends:\n    <presence from='juliet@capulet.example' to='romeo@contoso.example' type='unsubscribed'/>\n"


@pytest.mark.parametrize(
    ("scenes", "verdict"),
    [
        (SIP_SPEAKS, "delivered"),
        (XMPP_SPEAKS + OK, "delivered"),
        (XMPP_SPEAKS, "1 not answered yet"),
        (XMPP_SPEAKS + OK + SIP_SPEAKS, "2 delivered"),
        (
            XMPP_SPEAKS + REFUSED,
            "EDGE-M03 the other side refused the message: the sender was told (item-not-found)",
        ),
        (AWAY, "no message passed"),
    ],
)
def test_verdict_says_what_became_of_the_messages(scenes: str, verdict: str) -> None:
    assert traced(CAST + scenes)["verdict"] == verdict


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("messages/sip_sender_gets_a_failure_when_xmpp_is_down", "EDGE-N01 the connection was refused"),
        ("messages/sip_sender_gets_a_failure_when_xmpp_never_acknowledges", "EDGE-M02"),
        ("messages/xmpp_sender_gets_an_error_when_the_sip_partner_is_down", "EDGE-N01 the connection was refused"),
        ("messages/xmpp_sender_gets_an_error_when_sip_stays_silent", "EDGE-M02"),
    ],
)
def test_verdict_names_the_reason_and_what_the_sender_was_told(name: str, verdict: str) -> None:
    kept = traced((TRANSCRIPTS / f"{name}.txt").read_text())
    assert kept["verdict"].startswith(verdict) and "the sender was told (" in kept["verdict"]
    assert kept["failed"] >= 1 and "not answered" not in kept["verdict"]


def test_typing_is_no_message() -> None:
    idle = "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>idle</state></isComposing>"
    typing = SIP_SPEAKS.split("capulet receives")[0].replace("text/plain", "application/im-iscomposing+xml")
    typing = typing.replace("Art thou not Romeo?", idle)
    assert traced(CAST + typing + "lync receives:\n    SIP/2.0 200 OK\n")["verdict"] == "no message passed"
