"""Dialback among real TLS: whom we ask, by which way, for how long, and what a claim leads to."""

from pathlib import Path

import pytest

from demo.authority import Authority
from edge.codes import Code
from edge.domains import Domain
from edge.net import xmpp_link, xmpp_verifier
from edge.partners import Streams
from edge.xmpp.dialback import MAX_ASKED, Dialback, Keys
from tests.net.cable import HEADER, OFFER_EXTERNAL, OFFER_TLS, SIP, STARTTLS, THEIRS, THEM, US, Far, World, message, s2s
from tests.net.loopback import Creator

NOBODYS = Authority("Nobody").issue(dns=["xmpp.example"])
ALSO = Domain("also.example")
WEAK = s2s(domains=(THEM, ALSO), streams=Streams(dialback=True))
CLAIM = Dialback("result", THEM, US, "their key")
DB_HEADER = HEADER.replace(" from=", " xmlns:db='jabber:server:dialback' from=")
UNTIL_TOLD = xmpp_verifier.LONGEST + 1


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, SIP, WEAK)
    world.pool.start()
    return world


def come_in(world: World, host: str = "192.0.2.66") -> Far:
    """A server with a certificate that proves nothing opens a stream to us."""
    far = world.accept(host=host)
    far.says(DB_HEADER)
    far.says(STARTTLS)
    far.secure(Creator(NOBODYS), client=True)
    features = far.says(DB_HEADER)
    assert b"<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>" in features
    assert b"EXTERNAL" not in features, "which would not let it in"
    return far


def told(dialback: Dialback) -> str:
    return dialback.to_bytes().decode()


def asked(world: World, dial: int = -1) -> tuple[Far, Dialback]:
    """Our question arrives where DNS leads."""
    server = world.answer(dial=dial)
    server.says(DB_HEADER)
    assert server.says(OFFER_TLS).endswith(STARTTLS.encode())
    server.proceed(Creator(NOBODYS))
    heard = server.says(DB_HEADER + "<stream:features/>").decode()
    assert "<auth" not in heard and "<db:verify" in heard
    id_ = heard.partition(" id='")[2].partition("'")[0]
    return server, Dialback("verify", US, THEM, "their key", id_)


def test_claim_is_proved_by_the_server_that_dns_names(world: World) -> None:
    far = come_in(world)
    id_ = far.all.rpartition(b"<stream:stream ")[2].partition(b" id='")[2].partition(b"'")[0].decode()
    assert far.says(told(CLAIM)) == b""
    assert world.places.asked == [THEM] and world.dials == [("192.0.2.2", 5269)], "not where it came from"
    server, question = asked(world)
    assert question.id == id_
    assert server.says(told(question.answered("valid"))).endswith(b"</stream:stream>")
    assert far.hears() == CLAIM.answered("valid").to_bytes()
    far.says(message())
    assert [stanza.id for stanza in world.sink.stanzas] == ["m1"]
    up = [fields for name, fields in world.sink.events if name == "link.up"]
    assert [(each["auth"], each["cert_fault"], each["partner"]) for each in up] == [("dialback", Code.C01, "montague")]
    server.says("</stream:stream>")
    assert world.sink.codes("link.refused") == [], "to be asked is no failure"


def test_claim_carries_no_stanza_before_it_is_proved(world: World) -> None:
    far = come_in(world)
    far.says(told(CLAIM))
    assert b"<not-authorized" in far.says(message()) and world.sink.stanzas == []


def test_claim_that_is_denied_ends_the_stream(world: World) -> None:
    far = come_in(world)
    far.says(told(CLAIM))
    server, question = asked(world)
    server.says(told(question.answered("invalid")))
    heard = far.hears()
    assert heard.startswith(CLAIM.answered("invalid").to_bytes()) and b"EDGE-X04" in heard
    assert world.sink.codes("link.refused") == [Code.X04] and world.sink.stanzas == []


@pytest.mark.parametrize("what", ["item-not-found", "stream error"])
def test_claim_of_a_domain_that_its_server_does_not_know_is_an_error(world: World, what: str) -> None:
    far = come_in(world)
    far.says(told(CLAIM))
    server, question = asked(world)
    error = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    server.says(told(question.answered(what)) if what == "item-not-found" else error)
    assert far.hears() == CLAIM.answered("remote-server-not-found").to_bytes()
    assert far.reason is None and world.sink.codes("auth.failed") == [Code.X07]


def test_claim_whose_server_cannot_be_reached_is_an_error_and_may_be_repeated(world: World) -> None:
    far = come_in(world)
    far.says(told(CLAIM))
    world.refuse()
    assert far.hears() == CLAIM.answered("remote-connection-failed").to_bytes()
    far.says(told(CLAIM))
    server, question = asked(world)
    server.says(told(question.answered("valid")))
    assert far.hears() == CLAIM.answered("valid").to_bytes()


@pytest.mark.parametrize("silent", ["dns", "server"])
def test_claim_is_not_kept_waiting(world: World, silent: str) -> None:
    if silent == "dns":
        world.places.answer = None
    far = come_in(world)
    far.says(told(CLAIM))
    cables = [far.cable]
    if silent == "server":
        cables.append(world.answer().cable)
    world.wait(UNTIL_TOLD, *cables)
    assert CLAIM.answered("remote-server-timeout").to_bytes() in far.all and far.reason is None


def test_stream_that_proves_nothing_ends_after_half_a_minute(world: World) -> None:
    far = come_in(world)
    far.says(told(CLAIM))
    world.wait(xmpp_link.NEGOTIATION + 1, far.cable)
    assert far.reason is not None and world.sink.codes("link.refused") == [Code.L04]


def test_answer_on_another_stream_than_that_of_the_question_proves_nothing(world: World) -> None:
    """XEP-0220 §3.1, as of 2012: the far end that is in doubt answers for itself, twice."""
    far = come_in(world)
    far.says(told(CLAIM))
    server, question = asked(world)
    far.says(told(question.answered("valid")))
    assert world.sink.codes("auth.failed") == [Code.X07] and world.sink.codes("link.up") == []
    heard = far.says(told(question.answered("valid")))
    assert b"<policy-violation" in heard and world.sink.codes("link.refused") == [Code.X07]
    server.says(told(question.answered("valid")))
    assert world.sink.codes("link.up") == [], "it comes too late"


@pytest.mark.parametrize(
    ("streams", "claimed", "condition"),
    [
        (Streams(dialback=True), Domain("stranger.example"), "policy-violation"),
        (Streams(dialback=True), Domain("strict.example"), "not-authorized"),
    ],
)
def test_nobody_is_asked_about_a_domain_for_which_dialback_does_not_count(
    tmp_path: Path, streams: Streams, claimed: Domain, condition: str
) -> None:
    strict = s2s(name="strict", domains=(Domain("strict.example"),))
    world = World(tmp_path, SIP, WEAK, strict)
    far = come_in(world)
    claim = Dialback("result", claimed, US, "key")
    assert far.says(told(claim)) == claim.answered(condition).to_bytes()
    assert world.dials == [] and world.places.asked == []


def test_certificate_is_needed_where_dialback_does_not_count(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s())
    far = world.accept()
    far.says(DB_HEADER)
    far.says(STARTTLS)
    far.secure(Creator(NOBODYS), client=True)
    assert b"EDGE-C01" in far.says(DB_HEADER) and world.sink.codes("link.refused") == [Code.C01]


def test_few_are_asked_at_a_time(world: World) -> None:
    fars = [come_in(world, f"192.0.2.{70 + number}") for number in range(xmpp_verifier.AT_ONCE + 1)]
    answers = [far.says(told(CLAIM)) for far in fars]
    assert answers == [b""] * xmpp_verifier.AT_ONCE + [CLAIM.answered("resource-constraint").to_bytes()]
    assert len(world.dials) == xmpp_verifier.AT_ONCE <= MAX_ASKED
    world.refuse()
    assert fars[-1].says(told(CLAIM)) == b"", "now there is a place"


def test_each_pair_on_a_stream_is_proved_by_itself(world: World) -> None:
    far = come_in(world)
    far.says(told(CLAIM))
    server, question = asked(world)
    server.says(told(question.answered("valid")))
    far.hears()
    other = SIP.domains[1]
    claim = Dialback("result", ALSO, other, "another key")
    far.says(told(claim))
    assert world.places.asked == [THEM, ALSO]
    server, _ = asked(world)
    server.says(told(Dialback("verify", other, ALSO, "another key", question.id).answered("valid")))
    assert far.hears() == claim.answered("valid").to_bytes()
    far.says(message("a") + message("b", f"x@{ALSO}", f"y@{other}"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["a", "b"]
    assert b"<invalid-from" in far.says(message("c", f"x@{ALSO}", f"y@{US}")) or b"<host-unknown" in far.all
    assert len(world.sink.stanzas) == 2


# --- our own dialback ----------------------------------------------------------------------------------


def test_our_name_is_proved_by_dialback_and_our_key_is_known_when_they_ask(world: World) -> None:
    world.send("token", message("out", f"juliet@{US}", f"romeo@{THEM}").encode())
    server = world.answer()
    server.says(DB_HEADER)
    server.says(OFFER_TLS)
    server.proceed(Creator(NOBODYS))
    offer = "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback></stream:features>"
    heard = server.says(DB_HEADER.replace(" to=", " id='theirs' to=") + offer).decode()
    key = Keys(b"ours").key(THEM, US, "theirs")
    claim = Dialback("result", US, THEM, key)
    assert heard.endswith(told(claim)) and "<message" not in heard
    asking = come_in(world, "192.0.2.67")
    question = Dialback("verify", THEM, US, key, "theirs")
    assert asking.says(told(question)) == question.answered("valid").to_bytes()
    wrong = Dialback("verify", THEM, US, key, "another stream")
    assert asking.says(told(wrong)) == wrong.answered("invalid").to_bytes()
    assert b"id='out'" in server.says(told(claim.answered("valid")))
    world.wait(xmpp_link.NEGOTIATION + 1, asking.cable)
    assert asking.all.endswith(b"</stream:stream>") and world.sink.codes("link.refused") == [], "it was of use"


def test_our_dialback_is_not_offered_to_whom_it_does_not_count(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s())
    world.send("token")
    server = world.answer()
    server.says(DB_HEADER)
    server.says(OFFER_TLS)
    server.proceed(Creator(THEIRS))
    offer = "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
    assert b"<db:" not in server.says(DB_HEADER.replace(" to=", " id='theirs' to=") + offer)
    assert [(token, code) for token, code, _ in world.sink.back] == [("token", Code.A11)]


DIALBACK = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
OFFER_ANY = OFFER_EXTERNAL.replace("</stream", f"{DIALBACK}</stream")
FAILURE = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"
THEIR_HEADER = DB_HEADER.replace(" to=", " id='theirs' to=")


def dialled(world: World) -> Far:
    """Our dial gets through to a server that offers both proofs."""
    server = world.answer()
    server.says(DB_HEADER)
    server.says(OFFER_TLS)
    server.proceed(Creator(NOBODYS))
    return server


def test_our_dialback_follows_on_the_same_stream_when_external_fails(world: World) -> None:
    world.send("token", message("out", f"juliet@{US}", f"romeo@{THEM}").encode())
    server = dialled(world)
    assert b"<auth" in server.says(THEIR_HEADER + OFFER_ANY)
    claim = Dialback("result", US, THEM, Keys(b"ours").key(THEM, US, "theirs"))
    assert server.says(FAILURE) == claim.to_bytes()
    assert b"id='out'" in server.says(told(claim.answered("valid")))
    assert len(world.dials) == 1 and world.sink.codes("auth.failed") == [Code.A11]


@pytest.mark.parametrize("end", ["</stream:stream>", "a cut"])
def test_our_dialback_takes_a_new_stream_when_the_server_closes_after_external(world: World, end: str) -> None:
    world.send("token", message("out", f"juliet@{US}", f"romeo@{THEM}").encode())
    server = dialled(world)
    server.says(THEIR_HEADER + OFFER_ANY)
    server.says(FAILURE)
    if end == "a cut":
        server.cable.cut()
    else:
        server.says(end)
    assert len(world.dials) == 2 and world.sink.back == []
    again = dialled(world)
    heard = again.says(THEIR_HEADER + OFFER_ANY)
    claim = Dialback("result", US, THEM, Keys(b"ours").key(THEM, US, "theirs"))
    assert heard.endswith(claim.to_bytes()) and b"<auth" not in heard
    assert b"id='out'" in again.says(told(claim.answered("valid")))


def test_our_dialback_is_not_repeated_when_it_was_refused(world: World) -> None:
    world.send("token")
    server = dialled(world)
    server.says(THEIR_HEADER + OFFER_ANY)
    server.says(FAILURE)
    claim = Dialback("result", US, THEM, "x")
    server.says(told(claim.answered("not-authorized")))
    assert len(world.dials) == 1 and [code for _, code, _ in world.sink.back] == [Code.A11]
