"""Conversations of an external component with its server (XEP-0114)."""

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.errors import LocalProtocolError
from edge.xmpp.component import COMPONENT, Action, Component, Input, State, handshake
from edge.xmpp.element import NS_COMPONENT, NS_STREAMS, Element
from edge.xmpp.negotiation import CLOSE, End, Ready, Write
from edge.xmpp.stream import StreamClosed, StreamOpened, StreamParser

US, SERVER = Domain("sip.example"), Domain("xmpp.example")
SECOND = Domain("second.example")
OPENED = StreamOpened(US, "", "3BF96D32", "", "", NS_COMPONENT, False)
PROVED = Element("handshake", NS_COMPONENT)
MESSAGE = Element("message", NS_COMPONENT, {"from": "a@xmpp.example", "to": "b@sip.example"})
ERROR = Element("error", NS_STREAMS, children=[Element("not-authorized", "x")])


def component(*events: StreamOpened | Element | StreamClosed) -> Component:
    made = Component(US, SERVER, "s3cret", frozenset((US, SECOND)))
    made.start()
    for event in events:
        made.receive(event)
    return made


def test_handshake_is_the_sha1_of_id_and_secret() -> None:
    """Checked with `printf 3BF96D32s3cret | sha1sum`."""
    assert handshake("3BF96D32", "s3cret") == "a984b871214a298f0f743fcd25f99b10838ba12b"


def test_component_opens_a_stream_to_its_own_domain() -> None:
    (output,) = Component(domain("münchen.example"), SERVER, "s3cret", frozenset()).start()
    assert isinstance(output, Write)
    (event,) = StreamParser().feed(output.data)
    assert isinstance(event, StreamOpened)
    assert (event.to, event.default_namespace, event.version) == ("münchen.example", NS_COMPONENT, "")


def test_component_proves_the_secret_without_sending_it() -> None:
    (output,) = component().receive(OPENED)
    assert output == Write(f"<handshake>{handshake('3BF96D32', 's3cret')}</handshake>".encode())
    assert isinstance(output, Write) and b"s3cret" not in output.data


def test_component_is_ready_when_the_server_says_so() -> None:
    made = component(OPENED)
    assert not made.ready
    assert made.receive(PROVED) == [Ready()]
    assert made.ready


def test_component_ends_when_the_secret_is_refused() -> None:
    made = component(OPENED)
    assert made.receive(ERROR) == [Write(CLOSE), End(Code.A11, "the peer ended the stream: not-authorized")]
    assert made.ended and made.receive(PROVED) == []


@pytest.mark.parametrize("events", [(), (OPENED,)])
def test_component_takes_no_stanza_before_it_is_ready(events: tuple[StreamOpened, ...]) -> None:
    made = component(*events)
    outputs = made.receive(MESSAGE)
    assert outputs[-1] == End(Code.S01, "this does not belong here in the stream") and not made.ready


def test_component_is_not_ready_by_a_handshake_before_the_header() -> None:
    made = component(PROVED)
    assert made.ended and not made.ready


def test_component_answers_the_closing_tag() -> None:
    assert component(OPENED, PROVED).receive(StreamClosed()) == [Write(CLOSE), End()]


def test_component_leaves_senders_to_admission_and_insists_on_a_domain_that_the_server_was_given() -> None:
    made = component(OPENED, PROVED)
    assert made.offence(Domain("anybody.example"), US) is None
    assert made.offence(SERVER, SECOND) is None, "ejabberd does not mind which of our streams it takes"
    assert made.offence(SERVER, Domain("other.example")) is Code.A06


def test_component_has_no_tls() -> None:
    with pytest.raises(LocalProtocolError):
        component().secured()
    with pytest.raises(LocalProtocolError):
        component().verified(None)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("given", Input)
def test_component_table_reaches_ready_only_through_the_handshake(state: State, given: Input) -> None:
    following, action = COMPONENT.step(state, given)
    assert (action is Action.BE_READY) == ((state, given) == (State.HANDSHAKE, Input.HANDSHAKE))
    assert following is not State.READY or given is Input.HANDSHAKE
    assert state is not State.ENDED or following is State.ENDED
