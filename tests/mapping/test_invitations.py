"""Tests of `edge.mapping.invitations`, and of how invitations are read."""

import pytest

from edge.errors import RemoteProtocolError
from edge.mapping.invitations import (
    NO_CALLS,
    NO_JOINING,
    NS_CALL,
    NS_CONFERENCE,
    NS_MUC,
    NS_MUC_USER,
    Invitation,
    decline,
    invitation_in,
    inviter_of,
    is_joining,
)
from edge.mapping.messages import Content
from edge.mapping.stanzas import read_stanza
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, parse_stanza
from edge.xmpp.stream import StreamParser

ROOM, ROMEO = JID.parse("coven@chat.example"), JID.parse("romeo@sip.example")
HECATE = JID.parse("hecate@xmpp.example/cave")


def muc(*children: Element) -> Element:
    return Element("x", NS_MUC_USER, {}, list(children))


def invite(by: str) -> Element:
    return Element("invite", NS_MUC_USER, {"from": by})


def stanza(*extensions: Element, body: str = "", type: str = "normal") -> Message:
    return Message(ROOM, ROMEO, "1", type, body=body, extensions=extensions)


DIRECT = Element("x", NS_CONFERENCE, {"jid": str(ROOM)})
PROPOSE = Element("propose", NS_CALL, {"id": "c1"})


@pytest.mark.parametrize("body", ["", "hecate invites you"])
@pytest.mark.parametrize("beside", [(), (DIRECT,)])
def test_invitation_of_a_room_is_one_whatever_stands_beside_it(body: str, beside: tuple[Element, ...]) -> None:
    invited = stanza(*beside, muc(invite(str(HECATE))), body=body)
    assert read_stanza(invited) == invitation_in(invited) == Invitation(HECATE)


@pytest.mark.parametrize("body", ["", "come to the coven"])
@pytest.mark.parametrize("element", [DIRECT, muc(invite("")), muc(invite("a b@/"))])
def test_invitation_that_no_decline_can_answer_is_an_error(element: Element, body: str) -> None:
    with pytest.raises(RemoteProtocolError, match=NO_JOINING) as caught:
        read_stanza(stanza(element, body=body))
    assert caught.value.condition == "service-unavailable"


def test_call_is_an_error_but_not_the_rest_of_its_protocol() -> None:
    with pytest.raises(RemoteProtocolError, match=NO_CALLS):
        read_stanza(stanza(PROPOSE))
    assert isinstance(read_stanza(stanza(PROPOSE, body="call me")), Content)
    for name in ("ringing", "retract", "proceed", "reject", "finish"):
        assert read_stanza(stanza(Element(name, NS_CALL, {"id": "c1"}))) is None


def test_other_words_of_a_room_are_no_invitation() -> None:
    declined = Element("decline", NS_MUC_USER, {"from": "x@y.example"})
    assert inviter_of(muc(declined)) is None and read_stanza(stanza(muc(declined))) is None
    said = read_stanza(stanza(muc(), body="psst", type="chat"))
    assert isinstance(said, Content) and said.body == "psst"
    assert read_stanza(stanza(muc(invite(str(HECATE))), type="error")) is None
    for other in (stanza(muc(invite(str(HECATE))), type="error"), stanza(muc(invite("/"))), stanza(DIRECT), stanza()):
        assert invitation_in(other) is None


def test_decline_is_for_the_room_and_names_who_has_invited() -> None:
    data = decline(Invitation(HECATE), ROMEO, ROOM, "d1")
    header = b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"
    _, element = StreamParser().feed(header + data)
    assert isinstance(element, Element)
    answer = parse_stanza(element)
    assert isinstance(answer, Message)
    assert (answer.from_, answer.to, answer.id, answer.type) == (ROMEO, ROOM, "d1", "normal")
    declined = answer.extensions[0].child("decline", NS_MUC_USER)
    assert declined is not None and declined.attributes == {"to": str(HECATE)}
    reason = declined.child("reason", NS_MUC_USER)
    assert reason is not None and reason.text == NO_JOINING
    assert read_stanza(answer) is None  # were it to come back, nobody would answer


def test_who_joins_says_so() -> None:
    assert is_joining((Element("c", "caps"), Element("x", NS_MUC)))
    assert not is_joining((muc(),)) and not is_joining(())
