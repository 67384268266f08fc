"""What is known of a presentity: the state after each stanza, shared by all who watch, and its document."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.gateway import presentities
from edge.gateway.documents import MSRTC
from edge.gateway.presentities import MAX_NAME, MAX_STATUS, NOBODY, Presentities, Snapshot, kept, pack, unpack
from edge.mapping.profile import DEFAULT, Profile
from edge.sip.subscription import PIDF
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence
from tests.gateway.bench import presence

JULIET = JID.parse("juliet@xmpp.example")
NOON = 1_700_000_000.0
HEARD = (("", ""), ("", "Wooing"), ("unavailable", ""), ("unavailable", "Good night"))


class Watching:
    """One watcher of Juliet, with what he knows."""

    def __init__(self, known: Presentities | None = None) -> None:
        self.known = known or Presentities()
        self.snapshot: Snapshot | None = None

    def hears(self, resource: str = "balcony", type: str = "", wall: float = NOON, **fields: str) -> Snapshot | None:
        at = f"juliet@xmpp.example/{resource}" if resource else "juliet@xmpp.example"
        after = self.known.after(JULIET, self.snapshot, presence(type, from_=at, **fields), wall)
        self.snapshot = after or self.snapshot
        return after

    def document(self, profile: Profile = DEFAULT) -> str:
        assert self.snapshot is not None
        return self.known.document(JULIET, self.snapshot, profile).body.decode()


@pytest.fixture
def watching() -> Watching:
    return Watching()


class TestState:
    def test_each_resource_is_a_tuple_and_the_last_to_go_leaves_a_closed_one(self, watching: Watching) -> None:
        watching.hears("a")
        watching.hears("b", show="dnd")
        assert watching.document().count("<tuple") == watching.document().count(">open<") == 2
        watching.hears("a", "unavailable")
        assert watching.document().count("<tuple") == watching.document().count(">open<") == 1
        watching.hears("b", "unavailable")
        assert watching.document().count("<tuple") == watching.document().count(">closed<") == 1

    def test_status_of_the_last_to_go_is_the_note_and_that_of_one_before_is_not(self, watching: Watching) -> None:
        watching.hears("a")
        watching.hears("b")
        watching.hears("a", "unavailable", status="to the friar")
        assert "friar" not in watching.document()
        watching.hears("b", "unavailable", status="Good night")
        assert "<note>Good night</note>" in watching.document()
        watching.hears("b")
        assert "Good night" not in watching.document()

    def test_unavailable_of_the_bare_address_is_that_of_all(self, watching: Watching) -> None:
        watching.hears("a")
        watching.hears("b")
        watching.hears("", "unavailable")
        assert ">open<" not in watching.document()

    def test_unavailable_of_an_unknown_resource_is_no_news_unless_it_is_the_first_that_is_known(
        self, watching: Watching
    ) -> None:
        assert watching.hears("a", "unavailable") is not None
        watching.hears("b")
        assert watching.hears("a", "unavailable") is None

    def test_repeated_stanza_leaves_the_state_as_it_is(self, watching: Watching) -> None:
        assert watching.hears(id="1") is watching.hears(id="2", wall=NOON + 60)

    def test_resource_past_the_limit_is_not_remembered_until_one_goes(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(presentities, "MAX_RESOURCES", 1)
        watching.hears("a")
        assert watching.hears("b") is None
        assert watching.hears("a", show="away") is not None
        watching.hears("a", "unavailable")
        assert watching.hears("b") is not None

    def test_kept_is_what_documents_speak_of(self) -> None:
        idle, caps = Element("idle", "urn:xmpp:idle:1", {}), Element("c", "http://jabber.org/protocol/caps", {})
        stanza = presence(show="away", status="Wooing", id="p1")
        stanza.extensions = (idle, caps)
        remains = kept(stanza)
        assert (remains.from_, remains.to, remains.id) == (None, None, "")
        assert (remains.show, remains.status, remains.extensions) == ("away", "Wooing", (idle,))


    def test_kept_does_not_grow_with_what_a_contact_likes_to_say(self) -> None:
        junk = Element("idle", "urn:xmpp:idle:1", {"since": "x" * 50_000, "y": "z"}, [Element("a", "b")])
        nick = Element("nick", "http://jabber.org/protocol/nick", {}, ["Jule" * 10_000])
        stanza = presence(status="O" * 50_000, lang="x" * 50_000)
        stanza.statuses = (("", "O" * 600), ("y" * 99, "O"), ("de", "R" * 600), ("", "o"))
        stanza.extensions = (nick, *[junk] * 20)
        remains = kept(stanza)
        assert len(remains.status) == MAX_STATUS and remains.lang == ""
        assert remains.statuses == (("", "O" * 600), ("de", "R" * (MAX_STATUS - 600)))
        assert remains.extensions == (
            Element("nick", nick.namespace, {}, [("Jule" * 10_000)[:MAX_NAME]]), Element("idle", junk.namespace),
        )

    def test_kept_is_a_time_and_a_name_as_they_came(self) -> None:
        stanza = presence()
        idle = Element("idle", "urn:xmpp:idle:1", {"since": "1969-07-21T02:56:15Z"})
        nick = Element("nick", "http://jabber.org/protocol/nick", {}, ["Jule"])
        stanza.extensions = (idle, nick)
        assert kept(stanza).extensions == (idle, nick)


class TestSharing:
    def test_each_format_is_rendered_once(self, watching: Watching) -> None:
        watching.hears("a")
        assert watching.snapshot is not None
        pidf, msrtc, again = (
            watching.known.document(JULIET, watching.snapshot, DEFAULT, each) for each in (PIDF, MSRTC, MSRTC)
        )
        assert msrtc is again and pidf is not msrtc
        assert b"<tuple" in pidf.body and b'<availability aggregate="300"' in msrtc.body

    def test_watchers_who_hear_the_same_share_state_and_document(self) -> None:
        one = Watching()
        other = Watching(one.known)
        assert one.hears() is other.hears(wall=NOON + 1)
        assert one.snapshot is not None
        assert one.known.document(JULIET, one.snapshot, DEFAULT) is one.known.document(JULIET, one.snapshot, DEFAULT)

    def test_watcher_whom_she_shows_something_else_does_not_see_it(self) -> None:
        """Servers send what a watcher may know (privacy lists, directed presence), not what is known."""
        one = Watching()
        other = Watching(one.known)
        one.hears("a", status="for Romeo alone")
        other.hears("b")
        assert "Romeo" not in other.document() and 'id="ID-a"' not in other.document()

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.sampled_from(HEARD)), max_size=20))
    def test_sharing_changes_nothing_for_anybody(self, stanzas: list[tuple[bool, str, tuple[str, str]]]) -> None:
        together = Presentities()
        both = [(Watching(together), Watching()) for _ in range(2)]  # the second one of each shares with nobody
        for first, resource, (type, status) in stanzas:
            for watching in both[first]:
                watching.hears(resource, type, status=status)
        for shared, alone in both:
            assert (shared.snapshot is None) == (alone.snapshot is None)
            if shared.snapshot is not None and alone.snapshot is not None:
                assert shared.snapshot.states == alone.snapshot.states
                assert shared.snapshot.note == alone.snapshot.note

    def test_partners_who_are_told_less_have_a_document_of_their_own(self, watching: Watching) -> None:
        watching.hears(show="dnd", status="Wooing")
        assert "Wooing" in watching.document()
        assert "Wooing" not in watching.document(Profile.build(notes=False))
        assert "Wooing" in watching.document()

    def test_no_two_documents_have_the_same_time(self, watching: Watching) -> None:
        times = [watching.hears(show=show) for show in ("away", "dnd", "xa")]
        assert len({snapshot.at for snapshot in times if snapshot is not None}) == 3

    def test_what_is_shared_does_not_grow_without_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(presentities, "RECENT", 4)
        known = Presentities()
        for number in range(20):
            contact = JID.parse(f"nurse{number}@xmpp.example")
            snapshot = known.after(contact, None, presence(from_=f"{contact}/a"), NOON)
            assert snapshot is not None
            known.document(contact, snapshot, DEFAULT)
        assert len(known._latest) <= 4 and len(known._documents) <= 4


class TestLanguage:
    @pytest.mark.parametrize(("langs", "language"), [("de", "de"), ("de de", "de"), ("de en", ""), ("", "")])
    def test_language_is_the_one_of_all_notes(self, watching: Watching, langs: str, language: str) -> None:
        watching.hears("silent")
        for number, lang in enumerate(langs.split()):
            watching.hears(f"r{number}", status="Verona", lang=lang)
        assert watching.snapshot is not None
        assert watching.known.document(JULIET, watching.snapshot, DEFAULT).language == language


class TestPacked:
    """What is kept of the stanzas is packed, and comes back as it was."""

    IDLE = Element("idle", "urn:xmpp:idle:1", {"since": "2026-11-21T12:00:00Z"})
    NICK = Element("nick", "http://jabber.org/protocol/nick", {}, ["Jule"])

    @pytest.mark.parametrize("said", [
        {}, {"show": "away"}, {"status": "Out", "statuses": (("", "Out"),), "priority": -1},
        {"status": "Fort", "statuses": (("de", "Fort"),)}, {"lang": "de", "type": "unavailable"},
        {"status": "Out", "statuses": (("", "Out"), ("it", "Fuori"))}, {"extensions": (IDLE, NICK)},
    ])
    def test_whatever_a_stanza_says(self, said: dict[str, Any]) -> None:
        states = {"balcony": kept(Presence(None, None, **said)), "": kept(Presence(None, None, show="xa"))}
        assert unpack(pack(states)) == states

    def test_order_says_nothing(self) -> None:
        one, other = Presence(None, None, show="away"), Presence(None, None, show="dnd")
        assert pack({"a": one, "b": other}) == pack({"b": other, "a": one})
        assert pack({}) == NOBODY and Snapshot({}, NOON).states == {}

    def test_next_watcher_who_hears_the_same_gets_the_same_but_not_after_other_news(self) -> None:
        first = Watching()
        second = Watching(first.known)
        assert first.hears() is second.hears()
        first.snapshot = first.known.closed(JULIET, first.snapshot, NOON + 1, "nobody knows")
        third = Watching(first.known).hears()
        assert third is not None and first.snapshot is not None and third.at > first.snapshot.at
