"""Rooms of a real Prosody, and calls: who invites a SIP user there is told that it is in vain."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.ejabberd import Ejabberd
from tests.interop.process import Addresses
from tests.interop.prosody import Prosody
from tests.interop.world import CAPULET, MONTAGUE, World

pytestmark = pytest.mark.slow

ROOMS = f"chat.{CAPULET}"  # on nobody's list
ROOM = f"coven@{ROOMS}"
ROMEO = f"romeo@{MONTAGUE}"
TEXT = "{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}text"


class WithRooms(World):
    """Prosody has rooms too."""

    def start_server(self) -> Prosody | Ejabberd:
        assert isinstance(self.server, Prosody)
        accounts = dict.fromkeys(self._names, "pencil")
        rooms = f'Component "{ROOMS}" "muc"\n'
        return self.server.start(accounts=accounts, components=self._components, dns=self._dns, extra=rooms)


@pytest.fixture(scope="module", params=["prosody component", "prosody s2s"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses
) -> Iterator[World]:
    with ExitStack() as stack:
        yield WithRooms(request.param, stack, tmp_path_factory, authority, addresses, names=["juliet"], crowd=False)


@pytest.mark.parametrize("world", ["prosody component"], indirect=True)  # a stream of the rooms' own had to be listed
def test_who_invites_through_a_room_is_told(world: World) -> None:
    with world.xmpp_user("juliet").log_in() as juliet:
        juliet.send(f"<presence to='{ROOM}/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        juliet.expect("presence", from_=f"{ROOM}/juliet")
        invite = f"<invite to='{ROMEO}'><reason>Come</reason></invite>"
        juliet.send(f"<message to='{ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'>{invite}</x></message>")
        seen = juliet.expect("message", from_=ROOM, type="")
        declined = seen.find("{*}x/{*}decline")
        assert declined is not None and declined.get("from") == ROMEO
        assert declined.findtext("{*}reason") == "SIP users cannot join group chats"


def test_who_invites_directly_or_calls_is_told(world: World) -> None:
    with world.xmpp_user("juliet").log_in() as juliet:
        juliet.send(f"<message to='{ROMEO}' id='i1'><x xmlns='jabber:x:conference' jid='{ROOM}'/></message>")
        error = juliet.expect("message", from_=ROMEO, type="error", id="i1")
        assert "SIP users cannot join group chats" in error.findtext(TEXT, "")
        juliet.send(
            f"<message to='{ROMEO}' type='chat' id='c1'><propose xmlns='urn:xmpp:jingle-message:0' id='x'>"
            "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>"
        )
        error = juliet.expect("message", from_=ROMEO, type="error", id="c1")
        assert "calls do not reach SIP users" in error.findtext(TEXT, "")
        juliet.send(
            f"<iq to='{ROMEO}/desk' type='set' id='c2'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate'"
            " sid='x'/></iq>"
        )
        error = juliet.expect("iq", from_=f"{ROMEO}/desk", type="error", id="c2")
        assert "calls" in error.findtext(TEXT, "")
