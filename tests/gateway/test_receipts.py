"""Receipts: never made up, told once, and only to who knows them."""

import re

import pytest

from edge.codes import Code
from edge.gateway import receipts
from edge.gateway.receipts import Rows
from edge.mapping.extensions import NS_MARKERS, NS_RECEIPTS
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, StanzaError
from tests.gateway.bench import JULIET_JID, spoken
from tests.gateway.talking import QUIET, Talk
from tests.sip.samples import as_request

CPIM = (("Content-Type", "message/cpim"),)
REQUEST, MARKABLE = Element("request", NS_RECEIPTS), Element("markable", NS_MARKERS)


def cpim(text: str = "Hi", wants: str = "positive-delivery, negative-delivery, display", id: str = "imdn1") -> bytes:
    """A message of Romeo's that asks for notifications."""
    return (
        "From: <im:romeo@sip.example>\r\nTo: <im:juliet@xmpp.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
        f"imdn.Message-ID: {id}\r\nDateTime: 2023-11-14T22:13:20Z\r\nimdn.Disposition-Notification: {wants}\r\n\r\n"
        f"Content-type: text/plain; charset=utf-8\r\n\r\n{text}"
    ).encode()


def notification(id: str, kind: str = "delivery", status: str = "delivered") -> bytes:
    """A notification of Romeo's client."""
    return (
        "From: <im:romeo@sip.example>\r\nTo: <im:juliet@xmpp.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
        "imdn.Message-ID: own1\r\n\r\nContent-type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n"
        f"<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>{id}</message-id><datetime>2023-11-14T22:13:20Z"
        f"</datetime><{kind}-notification><status><{status}/></status></{kind}-notification></imdn>"
    ).encode()


def error(of: Message, condition: str = "service-unavailable", from_: str = "juliet@xmpp.example") -> Message:
    """A message that comes back."""
    return Message(JID.parse(from_), of.from_, of.id, "error", error=StanzaError(condition))


def receipt(id: str, name: str = "received", from_: JID = JULIET_JID) -> Message:
    namespace = NS_RECEIPTS if name == "received" else NS_MARKERS
    extensions = (Element(name, namespace, {"id": id}),)
    return Message(from_, JID.parse("romeo@sip.example"), "r1", "chat", extensions=extensions)


def asks(talk: Talk, wants: str = "positive-delivery, negative-delivery, display") -> Message:
    """Romeo writes and asks; the stanza that Juliet gets."""
    talk.do(talk.bench.sip(talk.bench._request("MESSAGE", CPIM, cpim(wants=wants))))
    stanza = talk.stanzas.popleft()
    talk.do(talk.gateway.taken([stanza.token]))
    assert talk.answered() == [200]
    (message,) = spoken([stanza])
    assert isinstance(message, Message)
    return message


def reported(talk: Talk) -> list[tuple[str, str]]:
    """What Romeo was told: (Message-ID, status). He has heard it."""
    found = []
    while talk.requests:
        sent = talk.requests.popleft()
        body = as_request(sent.data).body.decode()
        id, status = re.search("<message-id>(.*?)<", body), re.search("<status><(.*?)/", body)
        assert id is not None and status is not None, body
        found.append((id[1], status[1]))
        talk.answers(sent)
    return found


def says(talk: Talk, text: str = "hello") -> None:
    """Juliet writes and asks."""
    stanza = Message(
        JULIET_JID, JID.parse("romeo@sip.example"), text, "chat", body=text, extensions=(REQUEST, MARKABLE)
    )
    talk.do(talk.bench.stanzas(stanza))


@pytest.fixture
def talk() -> Talk:
    return Talk("page")


class TestOwed:
    """Romeo asks."""

    def test_each_thing_is_told_once_and_only_when_the_client_says_it(self, talk: Talk) -> None:
        message = asks(talk)
        assert {element.name for element in message.extensions} == {"request", "markable"}
        assert reported(talk) == []
        for name in ("received", "received", "displayed", "displayed"):
            talk.do(talk.bench.stanzas(receipt(message.id, name)))
        assert reported(talk) == [("imdn1", "delivered"), ("imdn1", "displayed")]
        assert not talk.gateway.receipts._owed
        talk.passes(QUIET)
        talk.is_over()

    def test_who_has_seen_it_has_received_it(self, talk: Talk) -> None:
        message = asks(talk, "positive-delivery")
        talk.do(talk.bench.stanzas(receipt(message.id, "displayed")))
        assert reported(talk) == [("imdn1", "delivered")]

    def test_what_was_not_asked_for_is_not_told(self, talk: Talk) -> None:
        message = asks(talk, "display")
        talk.do(talk.bench.stanzas(receipt(message.id)))
        assert reported(talk) == []

    def test_receipt_of_somebody_else_is_none(self, talk: Talk) -> None:
        message = asks(talk)
        talk.do(talk.bench.stanzas(receipt(message.id, from_=JID.parse("nurse@xmpp.example/kitchen"))))
        assert reported(talk) == []

    def test_failure_after_the_200_is_told_as_one(self, talk: Talk) -> None:
        message = asks(talk)
        talk.do(talk.bench.stanzas(error(message)))
        assert reported(talk) == [("imdn1", "failed")] and not talk.reports
        talk.do(talk.bench.stanzas(receipt(message.id)))
        assert reported(talk) == []  # RFC 5438 §7.2.1.3: never both

    @pytest.mark.parametrize("wants", ["positive-delivery, display", ""])
    def test_late_failure_that_nobody_can_be_told_of_is_an_event_with_its_code(self, talk: Talk, wants: str) -> None:
        message = asks(talk, wants)
        talk.do(talk.bench.stanzas(error(message)))
        assert reported(talk) == []
        (report,) = talk.reports
        assert (report.event, report.code, report.fields["partner"]) == ("message.failed", Code.M03, "xmpp")
        assert talk.gateway.node.counters.messages[("sip", "sip", "in", "late")] == 1
        assert talk.gateway.node.counters.messages[("sip", "sip", "in", "delivered")] == 1

    def test_failure_after_the_receipt_is_not_told(self, talk: Talk) -> None:
        message = asks(talk)
        talk.do(talk.bench.stanzas(receipt(message.id)))
        assert reported(talk) == [("imdn1", "delivered")]
        talk.do(talk.bench.stanzas(error(message)))
        assert reported(talk) == []

    def test_failure_by_somebody_else_is_none_and_takes_nothing_away(self, talk: Talk) -> None:
        message = asks(talk)
        for forger in ("nurse@xmpp.example", "nurse@xmpp.example/kitchen"):
            talk.do(talk.bench.stanzas(error(message, from_=forger)))
        assert reported(talk) == []
        talk.do(talk.bench.stanzas(error(message, from_="xmpp.example")))  # the server speaks for its users
        assert reported(talk) == [("imdn1", "failed")]

    def test_state_that_comes_back_is_nobodys_failure(self, talk: Talk) -> None:
        stanza = Message(JID.parse("romeo@sip.example"), JULIET_JID, talk.gateway.node.aside_id())
        talk.do(talk.bench.stanzas(error(stanza)))
        assert not talk.reports and not talk.gateway.node.counters.messages

    def test_receipt_of_another_resource_of_the_contact_is_one(self, talk: Talk) -> None:
        message = asks(talk)
        talk.do(talk.bench.stanzas(receipt(message.id, from_=JID.parse("juliet@xmpp.example/phone"))))
        assert reported(talk) == [("imdn1", "delivered")]

    def test_receipt_for_another_user_is_none(self, talk: Talk) -> None:
        message = asks(talk)
        stanza = receipt(message.id)
        stanza.to = JID.parse("mercutio@sip.example")
        talk.do(talk.bench.stanzas(stanza))
        assert reported(talk) == []

    def test_receipt_may_come_much_later(self, talk: Talk) -> None:
        message = asks(talk)
        talk.passes(1000.0)
        talk.do(talk.bench.stanzas(receipt(message.id, "displayed")))
        assert reported(talk) == [("imdn1", "displayed")]

    def test_failure_that_the_answer_tells_is_not_told_again(self, talk: Talk) -> None:
        talk.do(talk.bench.sip(talk.bench._request("MESSAGE", CPIM, cpim())))
        talk.returns("service-unavailable")
        assert talk.answered() == [480]
        assert reported(talk) == [] and not talk.gateway.receipts._owed

    def test_report_that_is_refused_is_nobodys_error(self, talk: Talk) -> None:
        message = asks(talk)
        talk.do(talk.bench.stanzas(receipt(message.id)))
        talk.answers(talk.asked("MESSAGE"), 415)
        assert talk.hears() == [] and not talk.requests
        assert talk.gateway.node.counters.messages == {("sip", "sip", "in", "delivered"): 1}

    def test_as_many_are_remembered_as_there_is_room_for(self, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(talk.gateway.receipts._owed, "_most", 2)
        first, *others = [asks(talk) for _ in range(3)]
        for message in (first, *others):
            talk.do(talk.bench.stanzas(receipt(message.id)))
        assert len(reported(talk)) == 2


class TestWanted:
    """Juliet asks."""

    def test_who_is_not_known_to_tell_is_not_asked(self, talk: Talk) -> None:
        says(talk)
        assert talk.texts() == ["hello"]

    def test_who_has_asked_is_asked_and_what_he_tells_goes_to_who_has_asked(self, talk: Talk) -> None:
        asks(talk)
        says(talk)
        sent = talk.asked("MESSAGE")
        body = as_request(sent.data).body.decode()
        assert "imdn.Disposition-Notification: positive-delivery, display" in body and body.endswith("hello")
        found = re.search("imdn.Message-ID: (.*)\r", body)
        assert found is not None
        id = found[1]
        talk.answers(sent)
        assert talk.hears() == []  # a final response is no receipt
        for kind, status in (("delivery", "delivered"), ("display", "displayed"), ("display", "displayed")):
            page = talk.bench._request("MESSAGE", CPIM, notification(id, kind, status))
            talk.do(talk.bench.sip(page))
        assert talk.answered() == [200, 200, 200]
        stanzas = [each for each in spoken(talk.stanzas) if isinstance(each, Message)]
        told = [(each.extensions[0].name, each.extensions[0].attributes["id"], str(each.to)) for each in stanzas]
        assert told == [("received", "hello", str(JULIET_JID)), ("displayed", "hello", str(JULIET_JID))]

    def test_who_takes_no_wrapping_gets_the_message_without_and_is_asked_no_more(self, talk: Talk) -> None:
        asks(talk)
        says(talk)
        talk.answers(talk.asked("MESSAGE"), 415)
        again = talk.asked("MESSAGE")
        assert as_request(again.data).body == b"hello"
        talk.answers(again)
        asks(talk)
        says(talk, "again")
        assert talk.texts() == ["again"]
        assert talk.hears() == []

    def test_message_that_is_too_long_with_its_wrapping_goes_without(self, talk: Talk) -> None:
        asks(talk)
        says(talk, "x" * 700)
        assert talk.texts() == ["x" * 700]

    def test_notification_about_nothing_is_taken_and_dropped(self, talk: Talk) -> None:
        talk.do(talk.bench.sip(talk.bench._request("MESSAGE", CPIM, notification("nothing"))))
        assert (talk.answered(), talk.hears()) == ([200], [])

    def test_each_thing_is_told_once_and_no_failure_after_it(self, talk: Talk) -> None:
        id = self.asked(talk)
        for kind, status in (("delivery", "delivered"), ("delivery", "delivered"), ("delivery", "failed")):
            talk.do(talk.bench.sip(talk.bench._request("MESSAGE", CPIM, notification(id, kind, status))))
        (told,) = spoken(talk.stanzas)
        assert isinstance(told, Message) and told.extensions[0].name == "received"

    def test_failure_is_told_without_being_asked_for(self, talk: Talk) -> None:
        id = self.asked(talk)
        talk.do(talk.bench.sip(talk.bench._request("MESSAGE", CPIM, notification(id, "delivery", "failed"))))
        assert talk.hears() == ["hello: recipient-unavailable"]

    @pytest.mark.parametrize(
        "forged",
        [
            {"from_": "<sip:mercutio@sip.example>;tag=x"},
            {"uri": "sip:nurse@xmpp.example", "to": "<sip:nurse@xmpp.example>"},
        ],
    )
    def test_notification_of_or_for_somebody_else_is_none(self, talk: Talk, forged: dict[str, str]) -> None:
        id = self.asked(talk)
        talk.do(talk.bench.sip(talk.bench._request("MESSAGE", CPIM, notification(id), **forged)))
        assert talk.answered() == [200] and not talk.stanzas

    def asked(self, talk: Talk) -> str:
        """Juliet's message, delivered; the Message-ID that Romeo's client knows it by."""
        asks(talk)
        says(talk)
        sent = talk.asked("MESSAGE")
        talk.answers(sent)
        found = re.search("imdn.Message-ID: (.*)\r", as_request(sent.data).body.decode())
        assert found is not None
        return found[1]


def test_as_many_users_are_remembered_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MAX_USERS", 2)
    known = Talk("page").gateway.receipts
    users = [JID.parse(f"{name}@sip.example/phone") for name in ("a", "b", "c")]
    known.unknown(users[0])
    known.knows(users[0])
    assert not known.takes(users[0])  # whatever he sends himself
    for user in users:
        known.knows(user)
    known.unknown(users[0])
    assert [known.takes(user) for user in users] == [False, False, True] and len(known._users) == 2
    known.knows(users[2])
    known.knows(users[1])
    assert [known.takes(user) for user in users] == [False, True, True]  # the one heard of last is forgotten last


def test_rows_of_one_system_cost_another_nothing() -> None:
    rows: Rows[int] = Rows(2)
    rows.keep("quiet", "a", 1)
    for number in range(5):
        rows.keep("busy", str(number), number)
    assert (rows.get("quiet", "a"), len(rows), rows.get("busy", "3"), rows.get("busy", "1")) == (1, 3, 3, None)
    rows.drop("quiet", "a")
    rows.drop("nobody", "a")
    assert rows.get("quiet", "a") is None
