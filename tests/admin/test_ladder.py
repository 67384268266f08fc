"""The ladder: what is drawn for each message, and what is not."""

from dataclasses import dataclass

import pytest

from edge.admin.ladder import LANE, Ladder
from edge.domains import Domain
from edge.partners import Peer, System
from edge.sip.message import Request, Response, parse_message
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq, Message, Presence, Stanza, StanzaError, error_bytes, message_bytes

CONTOSO = System("contoso", False, "sip", (Domain("sip.example"),))
CAPULET = System("capulet", True, "xmpp", (Domain("xmpp.example"),), link="s2s")
FABRIKAM = System("fabrikam", False, "sip", (Domain("fabrikam.example"),))
ROMEO = JID.parse("romeo@sip.example")
JULIET = JID.parse("juliet@xmpp.example")
COMMON = b"\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nCSeq: 1 %b\r\n%bContent-Length: %d\r\n\r\n%b"


@dataclass
class Link:
    """A link of either protocol."""

    peer: Peer
    address: str = "192.0.2.1"


def link(name: str, protocol: str = "sip") -> Link:
    return Link(Peer(protocol, frozenset(), frozenset([name] if name else [])))


def sip(start: bytes, method: bytes, headers: bytes = b"", body: bytes = b"") -> bytes:
    return start + COMMON % (method, headers, len(body), body)


def parsed(data: bytes) -> Request | Response:
    head, _, body = data.partition(b"\r\n\r\n")
    return parse_message(head, body)


class Drawn:
    """A ladder and its lines."""

    def __init__(self, *systems: System) -> None:
        self.lines: list[str] = []
        self.ladder = Ladder(self.lines.append, systems or (CONTOSO, CAPULET))

    @property
    def words(self) -> str:
        """The last arrow without its shaft."""
        return self.lines[-1].strip("|<>- ")


MESSAGE = sip(b"MESSAGE sip:juliet@xmpp.example SIP/2.0", b"MESSAGE", b"Content-Type: text/plain\r\n", b"a secret")
NOTIFY = b"NOTIFY sip:edge.example.net SIP/2.0"


def test_ladder_names_the_two_systems_once_when_there_are_two() -> None:
    drawn = Drawn()
    drawn.ladder.sip_in(link("contoso"), parsed(MESSAGE))
    drawn.ladder.sip_in(link("contoso"), parsed(MESSAGE))
    assert drawn.lines[0].split() == ["contoso", "edge", "capulet"]
    assert len(drawn.lines) == 3


def test_ladder_names_the_peer_on_the_arrow_when_a_side_has_several() -> None:
    drawn = Drawn(CONTOSO, FABRIKAM, CAPULET)
    drawn.ladder.sip_in(link("fabrikam"), parsed(MESSAGE))
    assert drawn.lines[0].split() == ["SIP", "edge", "capulet"]
    assert drawn.words == "fabrikam: MESSAGE sip:juliet@xmpp.example"


def test_ladder_gives_the_address_of_a_stranger() -> None:
    drawn = Drawn()
    drawn.ladder.sip_in(link(""), parsed(MESSAGE))
    assert drawn.words.startswith("192.0.2.1: MESSAGE")


def test_ladder_calls_a_stranger_that_when_it_is_answered() -> None:
    drawn = Drawn()
    drawn.ladder.sip_out("", sip(b"SIP/2.0 403 Forbidden", b"MESSAGE"))
    assert drawn.words == "stranger: 403 Forbidden (MESSAGE)"


def test_ladder_lets_no_control_character_reach_the_terminal() -> None:
    drawn = Drawn()
    drawn.ladder.sip_in(link("contoso"), parsed(sip(b"SIP/2.0 480 \x1b[2Jgone", b"MESSAGE")))
    assert drawn.words == "480 ?[2Jgone (MESSAGE)"


def test_ladder_cuts_what_is_too_long_for_its_lane() -> None:
    drawn = Drawn()
    drawn.ladder.sip_out("contoso", sip(b"MESSAGE sip:" + b"a" * 300 + b"@sip.example SIP/2.0", b"MESSAGE"))
    assert "aaa… <" not in drawn.lines[-1] and "aaa… -" in drawn.lines[-1]


def test_ladder_draws_every_line_equally_wide() -> None:
    drawn = Drawn()
    drawn.ladder.sip_in(link("contoso"), parsed(MESSAGE))
    drawn.ladder.sip_out("contoso", sip(b"SIP/2.0 200 OK", b"MESSAGE"))
    drawn.ladder.sip_out("contoso", sip(b"MESSAGE sip:" + b"a" * 300 + b"@sip.example SIP/2.0", b"MESSAGE"))
    drawn.ladder.xmpp_in(link("capulet", "xmpp"), Message(JULIET, ROMEO))
    drawn.ladder.xmpp_out(ROMEO.host, JULIET.host, message_bytes(ROMEO, JULIET, "hi", id="1", type="chat"))
    assert {len(line) for line in drawn.lines} == {2 * LANE + 3}
    assert all(line[0] == line[LANE + 1] == line[-1] == "|" for line in drawn.lines[1:])


def test_ladder_points_the_arrow_where_the_message_goes() -> None:
    drawn = Drawn()
    drawn.ladder.sip_in(link("contoso"), parsed(MESSAGE))
    assert drawn.lines[-1][: LANE + 2].endswith("->|")
    drawn.ladder.sip_out("contoso", MESSAGE)
    assert drawn.lines[-1].startswith("|<-- MESSAGE ")
    drawn.ladder.xmpp_in(link("capulet", "xmpp"), Message(JULIET, ROMEO))
    assert drawn.lines[-1][LANE + 1 :].startswith("|<-- message ")
    drawn.ladder.xmpp_out(ROMEO.host, JULIET.host, message_bytes(ROMEO, JULIET, "hi", id="1", type="chat"))
    assert drawn.lines[-1].endswith("->|")


def test_ladder_never_shows_what_people_say() -> None:
    drawn = Drawn()
    said = "a secret"
    drawn.ladder.sip_in(link("contoso"), parsed(MESSAGE))
    drawn.ladder.sip_out("contoso", MESSAGE)
    drawn.ladder.xmpp_in(link("capulet", "xmpp"), Message(JULIET, ROMEO, body=said, bodies=(("", said),), subject=said))
    drawn.ladder.xmpp_in(link("capulet", "xmpp"), Presence(JULIET, ROMEO, status=said))
    drawn.ladder.xmpp_out(ROMEO.host, JULIET.host, message_bytes(ROMEO, JULIET, said, id="1", type="chat"))
    drawn.ladder.xmpp_out(ROMEO.host, JULIET.host, Presence(ROMEO, JULIET, status=said).to_bytes())
    assert len(drawn.lines) == 7
    assert not any("secret" in line for line in drawn.lines)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (MESSAGE, "MESSAGE sip:juliet@xmpp.example"),
        (sip(b"SIP/2.0 480 Temporarily Unavailable", b"MESSAGE"), "480 Temporarily Unavailable (MESSAGE)"),
        (sip(b"SUBSCRIBE sip:a@b.example SIP/2.0", b"SUBSCRIBE", b"Expires: 60\r\n"), "SUBSCRIBE sip:a@b.example"),
        (
            sip(b"SUBSCRIBE sip:a@b.example SIP/2.0", b"SUBSCRIBE", b"Expires: 0\r\n"),
            "SUBSCRIBE sip:a@b.example, Expires 0",
        ),
        (sip(NOTIFY, b"NOTIFY", b"Subscription-State: pending;expires=9\r\n"), "NOTIFY pending"),
        (
            sip(
                NOTIFY,
                b"NOTIFY",
                b"Subscription-State: active;expires=9\r\nContent-Type: application/pidf+xml\r\n",
                b"<presence/>",
            ),
            "NOTIFY active, application/pidf+xml",
        ),
        (
            sip(NOTIFY, b"NOTIFY", b"Subscription-State: terminated; reason=timeout\r\n"),
            "NOTIFY terminated (timeout)",
        ),
        (sip(NOTIFY, b"NOTIFY"), "NOTIFY ?"),
        (b"SIP/2.0 200 OK\r\nCSeq: \r\n\r\n", "200 OK (?)"),
    ],
)
def test_ladder_says_the_same_of_a_sip_message_in_both_directions(data: bytes, words: str) -> None:
    drawn = Drawn()
    drawn.ladder.sip_in(link("contoso"), parsed(data))
    assert drawn.words == words
    drawn.ladder.sip_out("contoso", data)
    assert drawn.words == words


@pytest.mark.parametrize(
    ("stanza", "words"),
    [
        (Message(ROMEO, JULIET, type="chat", body="hi"), "message chat to juliet@xmpp.example"),
        (Message(ROMEO, JULIET, body="hi"), "message to juliet@xmpp.example"),
        (
            Message(ROMEO, JULIET, type="error", error=StanzaError("gone")),
            "message error (gone) to juliet@xmpp.example",
        ),
        (Presence(ROMEO, JULIET), "presence available to juliet@xmpp.example"),
        (Presence(ROMEO, JULIET, show="dnd"), "presence dnd to juliet@xmpp.example"),
        (Presence(ROMEO, JULIET, type="subscribed"), "presence subscribed to juliet@xmpp.example"),
        (Iq(ROMEO, JULIET, id="1", type="result"), "iq result to juliet@xmpp.example"),
    ],
)
def test_ladder_says_the_same_of_a_stanza_in_both_directions(stanza: Stanza, words: str) -> None:
    drawn = Drawn()
    drawn.ladder.xmpp_in(link("capulet", "xmpp"), stanza)
    assert drawn.words == words
    drawn.ladder.xmpp_out(ROMEO.host, JULIET.host, stanza.to_bytes())
    assert drawn.words == words


def test_ladder_names_the_condition_of_an_error_that_goes_out() -> None:
    drawn = Drawn()
    drawn.ladder.xmpp_out(ROMEO.host, JULIET.host, error_bytes(Message(JULIET, ROMEO), "gone", "why"))
    assert drawn.words == "message error (gone) to juliet@xmpp.example"
