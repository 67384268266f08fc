"""What becomes of messages, and what the administrator gets to read of those that do not arrive."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edge.domains import Domain
from edge.gateway.counters import FAILED, LATE, REJECTED, RESULTS
from edge.gateway.limits import COMPLAIN
from tests.stage import Stage, XmppStage
from tests.symptoms.page import shows
from tests.transcript import Performance

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"
PLAYED = [*sorted((TRANSCRIPTS / "messages").glob("*.txt")), *sorted((TRANSCRIPTS / "sessions").glob("*.txt"))]
# refused before anybody knew which partner's they would be, or where there is no session: answered, and not counted
NOT_COUNTED = {
    "invitation_of_a_room_that_is_on_no_list_is_declined", "message_for_a_partner_who_is_gone_after_a_crash_comes_back",
    "message_whose_time_is_over_after_a_crash_comes_back", "session_does_not_outlive_the_gateway",
    "session_that_lies_idle_is_ended_and_opened_again_by_who_speaks",
    "session_with_a_partner_who_is_blocked_is_ended", "sessions_are_ended_when_the_gateway_stops",
}
DECLINED = {"invitation_of_a_room_is_declined"}  # the answer is no error, but what RFC calls a decline


class Errors:
    """Each message that went back to its sender with an error, on either side; and what was counted in all lives."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sip: set[tuple[str, str]] = set()
        self.xmpp = 0
        self.counted: Counter[str] = Counter()
        self._stage = stage
        respond, send, birth = stage.respond, XmppStage.send, stage.birth

        def answered(link: Any, data: bytes) -> None:
            self._answer(data)
            respond(link, data)

        def sent(there: XmppStage, sender: Domain, recipient: Domain, data: bytes, token: object) -> None:
            opening = data.partition(b">")[0]
            self.xmpp += opening.startswith(b"<message") and b"error" in opening
            send(there, sender, recipient, data, token)

        def born() -> None:
            self.count()
            birth()

        monkeypatch.setattr(stage, "respond", answered)
        monkeypatch.setattr(stage, "birth", born)
        monkeypatch.setattr(XmppStage, "send", sent)

    def count(self) -> None:
        """What this life has counted; the next one begins at nothing."""
        for (_, _, _, result), number in self._stage.gateway.node.counters.messages.items():
            self.counted[result] += number

    def _answer(self, data: bytes) -> None:
        head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        number = re.search(r"^CSeq: (\d+ MESSAGE)\r?$", head, re.M)
        call = re.search(r"^Call-ID: (.+?)\r?$", head, re.M)
        if re.match(r"SIP/2\.0 [3-6]", head) and number and call:
            self.sip.add((call[1], number[1]))


@pytest.mark.parametrize("path", PLAYED, ids=lambda path: path.stem)
def test_every_message_that_failed_went_back_to_its_sender(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    performance = Performance(path.read_text())
    errors = Errors(performance.stage, monkeypatch)
    performance.play()
    performance.stage.pass_time(120)
    errors.count()
    back = len(errors.sip) + errors.xmpp
    ended = errors.counted[RESULTS[FAILED]] + errors.counted[RESULTS[REJECTED]]
    if path.stem in DECLINED or errors.counted[RESULTS[LATE]]:
        assert back <= ended + errors.counted[RESULTS[LATE]]
    elif path.stem in NOT_COUNTED:
        assert back > ended
    else:
        assert back == ended, errors.counted


def played(name: str) -> None:
    Performance((TRANSCRIPTS / f"{name}.txt").read_text()).play()


def test_message_that_waited_in_vain_is_logged_with_why(logged: list[str]) -> None:
    played("messages/xmpp_sender_gets_an_error_when_the_sip_partner_is_down")
    shows("The partner cannot be reached", logged)


def test_message_that_nobody_answers_is_logged(logged: list[str]) -> None:
    played("messages/xmpp_sender_gets_an_error_when_sip_stays_silent")
    shows("The partner takes messages and does not answer", logged)


def test_message_that_the_other_side_refuses_is_logged_with_its_words(logged: list[str]) -> None:
    played("messages/xmpp_sender_gets_an_error_when_sip_refuses")
    shows("The other side refuses the message", logged)


def test_message_to_who_is_not_to_be_disturbed_is_logged(logged: list[str]) -> None:
    played("sessions/reason_of_a_microsoft_edge_reaches_the_xmpp_sender")
    shows("The recipient does not want to be disturbed", logged)


def test_partner_that_sends_too_much_is_told_of_once_a_minute_with_the_cure(logged: list[str]) -> None:
    played("policy/partner_that_sends_too_much_is_told_when_to_come_again")
    shows("They send more than they may", logged)
    assert sum("messages_per_s (" in line and "partner=lync" in line for line in logged) == 1 and COMPLAIN == 60


def test_stranger_who_is_held_up_is_told_of_with_the_cure(logged: list[str]) -> None:
    played("policy/discovered_partner_may_address_so_many_of_ours")
    played("policy/discovered_partner_may_send_so_much")
    shows("A domain that is on no list is held up", logged)
    heard = [line for line in logged if line.startswith("limit.hit EDGE-L02") and "partner=stranger" in line]
    assert len(heard) == 1, "two were refused in that minute"


def test_one_conversation_has_one_number_on_both_sides(logged: list[str]) -> None:
    one, other = (
        (TRANSCRIPTS / "messages" / f"{name}.txt").read_text()
        for name in (
            "xmpp_sender_gets_an_error_when_sip_refuses", "sip_sender_gets_a_failure_when_xmpp_returns_an_error",
        )
    )
    other = other.partition("\n\n")[2].partition("\n\n")[2].replace("romeo@", "nobody@").replace("m1", "m2")
    Performance(one + "\n" + other.replace("nobody@capulet", "juliet@capulet")).play()
    numbers = [match[1] for line in logged for match in re.finditer(r"\bcid=(\w+)", line)]
    assert len(numbers) == 2 and len(set(numbers)) == 1
    shows("The log of the other side says something else", logged)
