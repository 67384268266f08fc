"""Which stanzas a stream may carry, and what becomes of the others."""

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.xmpp.component import Component
from edge.xmpp.conditions import StreamError
from edge.xmpp.element import Element
from edge.xmpp.initiating import Initiating
from edge.xmpp.screening import Misaddressed, screen
from edge.xmpp.stanzas import Message

US, THEM = Domain("sip.example"), Domain("xmpp.example")
STREAM = Initiating(US, THEM)


def stanza(from_: str | None, to: str | None, name: str = "message", **more: str) -> Element:
    given = {"from": from_, "to": to, **more}
    return Element(name, "jabber:server", {key: value for key, value in given.items() if value is not None})


def test_screen_returns_the_stanza_of_the_streams_own_domains() -> None:
    seen = screen(STREAM, stanza("romeo@XMPP.example/orchard", "juliet@sip.example."))
    assert isinstance(seen, Message) and str(seen.from_) == "romeo@xmpp.example/orchard"


def test_screen_compares_domains_in_any_form() -> None:
    stream = Initiating(domain("münchen.example"), THEM)
    assert isinstance(screen(stream, stanza(THEM, "a@xn--mnchen-3ya.example")), Message)


@pytest.mark.parametrize(
    ("from_", "to", "condition", "code"),
    [
        ("romeo@evil.example", "juliet@sip.example", "invalid-from", Code.X04),
        ("sip.example", "juliet@sip.example", "invalid-from", Code.X04),
        ("romeo@evil.example", "b ad@sip.example", "invalid-from", Code.X04),
        ("romeo@xmpp.example", "juliet@evil.example", "host-unknown", Code.A06),
        ("romeo@xmpp.example", "b ad@evil.example", "host-unknown", Code.A06),
        (None, "juliet@sip.example", "improper-addressing", Code.X01),
        ("romeo@xmpp.example", None, "improper-addressing", Code.X01),
        ("", "juliet@sip.example", "improper-addressing", Code.X01),
        ("romeo@xmpp.example", "juliet@-.example", "improper-addressing", Code.X01),
        ("evil.example@xmpp.example@", "juliet@sip.example", "improper-addressing", Code.X01),
    ],
)
def test_screen_ends_the_stream_for_what_only_the_far_end_can_do(
    from_: str | None, to: str | None, condition: str, code: Code
) -> None:
    with pytest.raises(StreamError) as caught:
        screen(STREAM, stanza(from_, to))
    assert (caught.value.condition, caught.value.code) == (condition, code)


def test_screen_lets_the_component_link_carry_every_sender_to_every_domain_that_its_server_was_given() -> None:
    stream = Component(US, THEM, "s3cret", frozenset((US, Domain("second.example"))))
    for recipient in ("juliet@sip.example", "juliet@second.example"):
        assert isinstance(screen(stream, stanza("romeo@anywhere.example", recipient)), Message)
    assert isinstance(screen(stream, stanza("romeo@anywhere.example", "b ad@second.example")), Misaddressed)
    with pytest.raises(StreamError) as caught:
        screen(stream, stanza("romeo@anywhere.example", "juliet@other.example"))
    assert caught.value.condition == "host-unknown"


def test_screen_gives_back_what_a_user_addressed_to_nobody_possible() -> None:
    seen = screen(STREAM, stanza("romeo@xmpp.example/orchard", "a b\"'<&>@sip.example", id="i&1"))
    assert seen == Misaddressed(
        THEM,
        US,
        b"<message from='a b&quot;&apos;&lt;&amp;&gt;@sip.example' to='romeo@xmpp.example/orchard'"
        b" type='error' id='i&amp;1'>"
        b"<error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        b"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>this cannot be anybody's address</text>"
        b"</error></message>",
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("message", "error"), ("presence", "error"), ("iq", "result"), ("iq", "error")]
)
def test_screen_never_answers_an_error_or_a_result(name: str, kind: str) -> None:
    seen = screen(STREAM, stanza("romeo@xmpp.example", "a b@sip.example", name, type=kind))
    assert isinstance(seen, Misaddressed) and seen.answer == b""


def test_screen_refuses_what_is_no_stanza() -> None:
    with pytest.raises(StreamError) as caught:
        screen(STREAM, stanza(THEM, US, "query"))
    assert caught.value.condition == "unsupported-stanza-type"
