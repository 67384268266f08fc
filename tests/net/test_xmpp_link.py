"""Streams over connections in memory with real TLS: who gets in, what is believed, and what a bad peer gets."""

from collections.abc import Callable
from pathlib import Path

import pytest
from OpenSSL import SSL

from demo.authority import Authority, Issued
from edge.codes import Code
from edge.net import xmpp_link
from edge.partners import Streams
from edge.xmpp.stanzas import Message
from tests.net.cable import (
    AUTH,
    BAD,
    GOOD,
    HEADER,
    PROCEED,
    SIP,
    STARTTLS,
    THEIRS,
    THEM,
    US,
    World,
    component,
    message,
    refused,
    s2s,
)
from tests.net.loopback import PUBLIC, Creator


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- the receiving entity -----------------------------------------------------------------------------


@pytest.mark.parametrize("issued", GOOD)
def test_receiving_lets_a_partner_in(world: World, issued: Issued) -> None:
    far = world.come_in(issued)
    far.says(message("m1") + message("m2"))
    ((link, stanzas),) = world.sink.chunks
    assert [stanza.id for stanza in stanzas] == ["m1", "m2"]
    assert (link.peer.systems, link.peer.names, link.peer.fault) == ({"montague"}, {THEM}, None)
    assert (link.address, link.port) == ("192.0.2.2", 40000)


@pytest.mark.parametrize(("version", "name"), [(SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")])
def test_receiving_records_how_the_stream_is_protected(world: World, version: int, name: str) -> None:
    world.come_in(version=version)
    ((event, fields),) = world.sink.events
    assert event == "link.up"
    assert (fields["partner"], fields["stream"], fields["tls_version"]) == ("montague", "s2s in", name)
    assert (fields["local"], fields["remote"], fields["peer_ip"]) == (US, THEM, "192.0.2.2")


@pytest.mark.parametrize(("issued", "code"), BAD)
def test_receiving_tells_a_bad_certificate_why(world: World, issued: Issued | None, code: Code) -> None:
    far = world.come_in(issued)
    assert f" xml:lang='en'>{code} {code.sentence}</text></stream:error></stream:stream>".encode() in far.all
    assert b"<not-authorized" in far.all and b"EXTERNAL" not in far.all and far.reason is not None
    assert refused(world) is code


@pytest.mark.parametrize(
    ("header", "code", "condition"),
    [
        (HEADER.replace(THEM, "stranger.example"), Code.A01, b"<policy-violation"),
        (HEADER.replace(THEM, US), Code.A01, b"<policy-violation"),
        (HEADER.replace(f"from='{THEM}'", ""), Code.X04, b"<invalid-from"),
    ],
)
def test_receiving_refuses_who_is_not_listed_whatever_the_certificate(
    world: World, header: str, code: Code, condition: bytes
) -> None:
    far = world.come_in(PUBLIC.issue(dns=["xmpp.example", "stranger.example"]), header)
    assert condition in far.all and b"EXTERNAL" not in far.all
    assert refused(world) is code


def test_receiving_refuses_a_domain_that_has_a_component_link(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, component())
    far = world.come_in()
    assert refused(world) is Code.A05 and b"<not-authorized" in far.all


def test_receiving_refuses_a_partner_whose_authority_is_another(tmp_path: Path) -> None:
    private = Authority("CA of capulet")
    (tmp_path / "private.pem").write_bytes(private.pem)
    capulet = s2s(name="capulet", domains=("capulet.example",), ca=tmp_path / "private.pem")
    world = World(tmp_path, SIP, s2s(), capulet)
    world.come_in(private.issue(dns=["xmpp.example"]))
    assert refused(world) is Code.C01


def test_receiving_takes_the_name_of_a_configured_host(tmp_path: Path) -> None:
    hosted = s2s(peer_names=frozenset({"hosting.example", THEM}))
    world = World(tmp_path, SIP, hosted)
    world.come_in(PUBLIC.issue(dns=["hosting.example"]))
    assert world.sink.events[0][0] == "link.up"


def test_receiving_does_not_take_one_domain_of_a_partner_for_another(tmp_path: Path) -> None:
    two = s2s(domains=(THEM, "other.example"))
    world = World(tmp_path, SIP, two)
    world.come_in(PUBLIC.issue(dns=["other.example"]))
    assert refused(world) is Code.C03


@pytest.mark.parametrize("more", [message(), AUTH, "<garbage", "\x16\x03\x01", HEADER])
def test_receiving_forgets_what_came_behind_starttls(world: World, more: str) -> None:
    """A man in the middle puts clear text behind <starttls/>, to be taken for protected later."""
    far = world.accept()
    far.says(HEADER)
    assert far.says(STARTTLS + more) == PROCEED.encode()
    far.secure(Creator(THEIRS), client=True)
    assert b"<mechanism>EXTERNAL</mechanism>" in far.says(HEADER)
    far.says(AUTH)
    far.says(HEADER)
    far.says(message("after"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["after"]


@pytest.mark.parametrize(
    ("text", "condition", "code"),
    [
        (HEADER.replace("jabber:server", "jabber:client"), b"<invalid-namespace", Code.X05),
        (HEADER.replace("etherx", "other"), b"<invalid-namespace", Code.X05),
        (HEADER.replace(f"to='{US}'", "to='unknown.example'"), b"<host-unknown", Code.A06),
        (HEADER.replace(" version='1.0'>", ">"), b"<unsupported-version", Code.T01),
        (HEADER + message(), b"<policy-violation", Code.T01),
        (HEADER + AUTH, b"<policy-violation", Code.T01),
        (HEADER + "<!-- -->", b"<restricted-xml", Code.X02),
        ("<!DOCTYPE a [<!ENTITY b 'b'>]>" + HEADER, b"<restricted-xml", Code.X02),
        ("GET / HTTP/1.1\r\n\r\n", b"<not-well-formed", Code.X01),
        (" \x16\x03\x01\x00\x05hello", b"<not-well-formed", Code.X01),
        (HEADER + "<a b='" + "x" * 11_000, b"<policy-violation", Code.L04),
        (HEADER + "<a>" + "<b>" * 200, b"<policy-violation", Code.L04),
    ],
)
def test_receiving_answers_bad_beginnings_with_the_right_error(
    world: World, text: str, condition: bytes, code: Code
) -> None:
    far = world.accept()
    far.says(text)
    assert far.all.startswith(b"<?xml version='1.0'?><stream:stream") and condition in far.all
    assert far.all.endswith(b"</stream:stream>") and far.reason is not None
    assert refused(world) is code


def test_receiving_counts_the_bytes_before_authentication(world: World) -> None:
    far = world.accept()
    far.says(HEADER)
    for _ in range(xmpp_link.UNPROVED_BYTES // 100):
        far.says(" " * 100)
    assert refused(world) is Code.L04 and b"EDGE-L04" in far.all


@pytest.mark.parametrize("steps", range(5))
def test_receiving_gives_half_a_minute_to_every_stage(world: World, steps: int) -> None:
    far = world.accept()
    stages: list[Callable[[], object]] = [
        lambda: far.says(HEADER),
        lambda: far.says(STARTTLS),
        lambda: far.secure(Creator(THEIRS), client=True),
        lambda: far.says(HEADER),
    ]
    world.pool.start()
    for stage in stages[:steps]:
        stage()
    world.wait(xmpp_link.NEGOTIATION - 1, far.cable)
    assert far.reason is None
    world.wait(2 + xmpp_link.CLOSING, far.cable)
    assert far.reason is not None and refused(world) is Code.L04
    assert world.pool.links == frozenset()


def test_receiving_reports_a_failed_handshake(world: World) -> None:
    far = world.accept()
    far.says(HEADER)
    far.says(STARTTLS)
    far.says(b"this is no TLS, but looks like a record?")
    assert refused(world) in (Code.T01, Code.T07) and far.reason is not None


# --- what comes in on an authenticated stream --------------------------------------------------------------


@pytest.mark.parametrize(
    ("stanza", "condition", "code"),
    [
        (message(from_="romeo@evil.example"), b"<invalid-from", Code.X04),
        (message(from_=f"romeo@sub.{THEM}"), b"<invalid-from", Code.X04),
        (message(from_=f"romeo@{US}"), b"<invalid-from", Code.X04),
        (message(to="juliet@second.example"), b"<host-unknown", Code.A06),
        (message(to="juliet@evil.example"), b"<host-unknown", Code.A06),
        (f"<message to='juliet@{US}'/>", b"<improper-addressing", Code.X01),
        (f"<message from='romeo@{THEM}'/>", b"<improper-addressing", Code.X01),
        (message(to="juliet@two words.example"), b"<improper-addressing", Code.X01),
        (message(from_="romeo@"), b"<improper-addressing", Code.X01),
        ("<x xmlns='urn:x'/>", b"<unsupported-stanza-type", Code.X01),
        ("<!-- -->", b"<restricted-xml", Code.X02),
        ("<message></iq>", b"<not-well-formed", Code.X01),
    ],
)
def test_stream_ends_with_the_right_error_and_what_came_before_counts(
    world: World, stanza: str, condition: bytes, code: Code
) -> None:
    far = world.come_in()
    heard = far.says(message("before") + stanza + message("behind"))
    assert condition in heard and heard.endswith(b"</stream:stream>")
    assert [each.id for each in world.sink.stanzas] == ["before"]
    assert far.reason is not None and world.sink.codes("link.down") == [code]


def test_stream_gives_back_what_a_user_misaddressed_and_lives_on(world: World) -> None:
    far = world.come_in()
    far.says(message("bad", to=f"jul iet&lt;@{US}") + message("good"))
    assert [each.id for each in world.sink.stanzas] == ["good"]
    assert world.sink.codes("stanza.refused") == [Code.S08] and far.reason is None
    (dial,) = world.reactor.tcpClients
    back = world.go_out().all
    assert dial and b"id='bad'" in back and b"<jid-malformed" in back and f"to='romeo@{THEM}/orchard'".encode() in back


def test_stream_takes_large_stanzas_once_it_is_authenticated(world: World) -> None:
    far = world.come_in()
    far.says(message(body="x" * 200_000))
    (stanza,) = world.sink.stanzas
    assert isinstance(stanza, Message) and len(stanza.body) == 200_000
    assert b"<policy-violation" in far.says(message(body="x" * 300_000))
    assert world.sink.codes("link.down") == [Code.X03]


def test_stream_passes_a_chunk_up_in_one_call(world: World) -> None:
    far = world.come_in()
    for number in range(40):  # each in a TLS record of its own
        far.transport.write(message(f"m{number}").encode())
    far.cable.pump()
    assert [len(stanzas) for _, stanzas in world.sink.chunks] == [40]


def test_stream_joins_a_stanza_from_its_pieces(world: World) -> None:
    far = world.come_in()
    for letter in message("slow"):
        far.says(letter)
    assert [stanza.id for stanza in world.sink.stanzas] == ["slow"]


def test_stream_is_closed_in_answer_to_the_peer(world: World) -> None:
    far = world.come_in()
    assert far.says(message("last") + "</stream:stream>") == b"</stream:stream>"
    assert [stanza.id for stanza in world.sink.stanzas] == ["last"]
    assert far.reason is not None and world.sink.codes("link.down") == [None]


def test_stream_reports_a_cut_connection(world: World) -> None:
    world.come_in().cable.cut()
    assert world.sink.codes("link.down") == [Code.N03]


def test_stream_reports_the_peers_error(world: World) -> None:
    far = world.come_in()
    far.says("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
    ((_, fields),) = [event for event in world.sink.events if event[0] == "link.down"]
    assert (fields["code"], fields["text"]) == (Code.N03, "the peer ended the stream: reset")


def test_stream_is_closed_after_ten_idle_minutes(world: World) -> None:
    world.pool.start()
    far = world.come_in()
    world.wait(Streams().idle_seconds - 2, far.cable)
    far.says(message("alive"))
    world.wait(Streams().idle_seconds - 2, far.cable)
    assert far.reason is None
    world.wait(4, far.cable)
    assert far.hears().endswith(b"</stream:stream>") and far.reason is None, "it waits for the other side"
    far.says(message("late") + "</stream:stream>")
    assert [stanza.id for stanza in world.sink.stanzas] == ["alive", "late"]
    assert far.reason is not None and world.sink.codes("link.down") == [None]


def test_stream_that_is_closing_is_dropped_when_the_peer_does_not_close(world: World) -> None:
    world.pool.start()
    far = world.come_in()
    world.wait(Streams().idle_seconds + 2, far.cable)
    assert far.reason is None
    world.wait(xmpp_link.CLOSING + 1, far.cable)
    assert far.reason is not None and world.pool.links == frozenset()
