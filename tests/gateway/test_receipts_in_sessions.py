"""Receipts in sessions: where the description of the session shows that they are known, and nowhere else."""

import re

import pytest

from edge.gateway import receipts
from edge.gateway.receipts import wraps
from edge.timers import TICK
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message
from tests.gateway.bench import JULIET_JID, spoken
from tests.gateway.talking import OFFER, QUIET, SDP, Talk
from tests.gateway.test_receipts import CPIM, asks, cpim, notification, receipt, reported, says
from tests.sip.samples import as_request

SHOWS = OFFER.replace(b"text/html", b"message/cpim")
SOON = receipts.PAUSE + TICK


class TestInSessions:
    """Only where their description shows it."""

    @staticmethod
    def opened(offer: bytes = SHOWS) -> Talk:
        talk = Talk("auto")
        talk.meets(offer=offer)
        return talk

    @staticmethod
    def asks(talk: Talk, number: int = 2, id: str = "imdn1") -> Message:
        """Romeo asks in the session; the stanza that Juliet gets."""
        talk.inside("MESSAGE", cpim(id=id), CPIM, number)
        stanza = talk.stanzas.popleft()
        talk.do(talk.gateway.taken([stanza.token]))
        assert talk.answered() == [200]
        (message,) = spoken([stanza])
        assert isinstance(message, Message)
        return message

    def test_user_is_told_in_the_session(self) -> None:
        talk = self.opened()
        message = self.asks(talk)
        assert {element.name for element in message.extensions} == {"request", "markable"}
        talk.do(talk.bench.stanzas(receipt(message.id), receipt(message.id, "displayed"), receipt(message.id)))
        sent = as_request(talk.requests[0].data)
        assert sent.call_id == "call" and sent.to.tag == "r1"
        assert reported(talk) == [("imdn1", "delivered")]  # and the other one is no hurry
        talk.passes(SOON)
        assert reported(talk) == [("imdn1", "displayed")]
        assert not talk.gateway.receipts._lines and not talk.gateway.receipts._owed

    def test_nothing_that_people_say_waits_for_receipts(self) -> None:
        talk = self.opened()
        message = self.asks(talk)
        talk.says("first", "second")
        talk.do(talk.bench.stanzas(receipt(message.id), receipt(message.id, "displayed")))
        first = talk.asked("MESSAGE")
        assert not talk.requests
        talk.answers(first)
        second = talk.asked("MESSAGE")
        assert (as_request(first.data).body, as_request(second.data).body) == (b"first", b"second")
        talk.answers(second)
        talk.passes(SOON)
        talk.says("third")
        told = talk.asked("MESSAGE")
        assert b"imdn" in told.data and not talk.requests
        talk.answers(told)
        assert talk.texts() == ["third"]

    def test_what_is_left_when_the_session_ends_is_told_by_itself(self) -> None:
        talk = self.opened()
        message = self.asks(talk)
        talk.do(talk.bench.stanzas(receipt(message.id), receipt(message.id, "displayed")))
        first = talk.asked("MESSAGE")
        talk.inside("BYE", number=3)
        assert talk.answered() == [200]
        talk.answers(first, 481)
        talk.passes(SOON)
        told = as_request(talk.requests[0].data)
        assert not told.to.tag and reported(talk) == [("imdn1", "displayed")]
        assert not talk.gateway.receipts._lines and talk.hears() == []
        talk.passes(QUIET)
        talk.is_over()

    def test_no_page_goes_where_the_partner_takes_none(self) -> None:
        talk = Talk("session")
        talk.meets(offer=SHOWS)
        message = self.asks(talk)
        talk.inside("BYE", number=3)
        talk.do(talk.bench.stanzas(receipt(message.id)))
        assert not talk.requests

    def test_as_many_wait_as_there_is_room_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(receipts, "MAX_WAITING", 1)
        talk = self.opened()
        messages = [self.asks(talk, number, f"imdn{number}") for number in (2, 3, 4)]
        for message in messages:
            talk.do(talk.bench.stanzas(receipt(message.id)))
        assert reported(talk) == [("imdn2", "delivered")]
        talk.passes(SOON)
        assert reported(talk) == [("imdn3", "delivered")]
        talk.passes(SOON)
        assert reported(talk) == []

    def test_user_is_asked_in_the_session(self) -> None:
        talk = self.opened()
        says(talk)
        sent = talk.asked("MESSAGE")
        found = re.search("imdn.Message-ID: (.*)\r", as_request(sent.data).body.decode())
        assert found is not None
        talk.answers(sent)
        talk.inside("MESSAGE", notification(found[1]), CPIM)
        (told,) = spoken(talk.stanzas)
        assert isinstance(told, Message) and told.extensions[0].attributes["id"] == "hello"
        assert (told.to, told.from_) == (JULIET_JID, JID.parse("romeo@sip.example"))

    def test_user_who_knows_them_is_offered_them_and_asked_if_he_accepts(self) -> None:
        talk = Talk("session")
        for answer, wrapped in ((SHOWS, True), (SHOWS.replace(b" message/cpim", b""), False)):
            talk.gateway.receipts.knows(JID.parse("romeo@sip.example"))
            says(talk)
            invite = talk.asked("INVITE")
            assert b"a=accept-types:text/plain message/cpim message/imdn+xml\r\n" in invite.data
            talk.answers(invite, 200, [SDP], answer)
            talk.asked("ACK")
            sent = talk.asked("MESSAGE")
            assert (b"imdn.Message-ID" in sent.data) is wrapped
            talk.answers(sent)
            talk.within(invite, "BYE", number=7)

    def test_wrapping_that_is_refused_after_all_is_left_out(self) -> None:
        talk = self.opened()
        says(talk)
        talk.answers(talk.asked("MESSAGE"), 415)
        again = talk.asked("MESSAGE")
        assert as_request(again.data).body == b"hello"
        talk.answers(again)
        says(talk, "again")
        assert talk.texts() == ["again"] and talk.hears() == []

    def test_who_did_not_offer_to_take_them_sees_none(self) -> None:
        talk = Talk("auto")
        asks(talk)
        talk.meets()
        says(talk)
        sent = talk.asked("MESSAGE")
        assert as_request(sent.data).body == b"hello"
        talk.answers(sent)
        message = self.asks(talk)
        assert not message.extensions
        talk.do(talk.bench.stanzas(receipt(message.id)))
        assert not talk.requests and not talk.hears()

    def test_answer_names_them_only_to_who_has(self) -> None:
        named = Talk("auto").invites(offer=SHOWS)
        assert b"accept-types:text/plain message/cpim message/imdn+xml" in named.body
        assert b"cpim" not in Talk("auto").invites().body


@pytest.mark.parametrize(
    ("types", "shown"),
    [
        (b"a=accept-types:message/cpim text/plain", True),
        (b"a=accept-types:MESSAGE/CPIM\r\na=accept-wrapped-types:text/plain message/imdn+xml", True),
        (b"a=accept-types:message/cpim\r\na=accept-wrapped-types:*", True),
        (b"a=accept-types:message/cpim\r\na=accept-wrapped-types:image/png", False),
        (b"a=accept-types:message/cpim", False),
        (b"a=accept-types:text/plain\r\na=accept-wrapped-types:message/cpim", False),
        (b"a=accept-types:*", False),
        (b"a=accept-types:text/plain application/ms-imdn+xml", False),
        (b"", False),
    ],
)
def test_description_shows_who_knows_them(types: bytes, shown: bool) -> None:
    assert wraps(OFFER.replace(b"a=accept-types:text/plain text/html", types)) is shown


def test_what_is_no_description_shows_nothing() -> None:
    assert not wraps(b"message/cpim") and not wraps(b"")
