"""The initiating entity where dialback counts: when it is used, what is believed, and stanzas both ways."""

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.xmpp.dialback import FEATURES, Dialback, Keys
from edge.xmpp.element import Element
from edge.xmpp.initiating import BOTH_WAYS, Initiating
from edge.xmpp.negotiation import (
    BIDI_FEATURE,
    CLOSE,
    SASL,
    Allowed,
    End,
    Output,
    Proved,
    Ready,
    Restart,
    StartTLS,
    Unproved,
    Write,
)
from edge.xmpp.stream import StreamOpened
from tests.xmpp.test_dialback import reread
from tests.xmpp.test_initiating import (
    AUTH,
    HEADER,
    MESSAGE,
    OFFER_TLS,
    PROCEED,
    SUCCESS,
    code_of,
    features,
    header,
    mechanisms,
    written,
)

US, THEM = Domain("sip.example"), Domain("xmpp.example")
KEYS = Keys(b"ours")
RESULT = Dialback("result", US, THEM, KEYS.key(THEM, US, "id1"))
DIALBACK, BIDI = Element("dialback", FEATURES), Element("bidi", BIDI_FEATURE)
ANY = Allowed(external=True, dialback=True)
FAILURE = Element("failure", SASL, children=[Element("not-authorized", SASL)])


def secure(allowed: Allowed = ANY, fault: Code | None = None, direct: bool = False, legacy: bool = False) -> Initiating:
    """The initiating entity before the features behind TLS."""
    stream = Initiating(US, THEM, keys=KEYS, direct=direct)
    stream.start()
    if not direct:
        for event in (header(), OFFER_TLS, PROCEED):
            stream.receive(event)
    stream.secured()
    assert stream.verified(fault, allowed) == [Restart(), HEADER]
    assert stream.receive(StreamOpened(THEM, US, "id1", "1.0", "", "jabber:server", legacy)) == []
    return stream


def answer(kind: str, to: Dialback = RESULT) -> Element:
    return reread(to.answered(kind).to_bytes())


def test_initiating_prefers_its_certificate() -> None:
    assert secure().receive(features(DIALBACK, mechanisms("EXTERNAL"))) == [AUTH]


@pytest.mark.parametrize("offer", [features(DIALBACK), features(DIALBACK, mechanisms("PLAIN"))])
def test_initiating_dials_back_where_external_is_not_offered(offer: Element) -> None:
    stream = secure()
    assert stream.receive(offer) == [Write(RESULT.to_bytes())] and not stream.ready
    assert stream.receive(answer("valid")) == [Proved(THEM, US, "dialback"), Ready()] and stream.ready


def test_initiating_dials_back_where_the_header_alone_knows_of_it() -> None:
    assert secure(legacy=True).receive(features()) == [Write(RESULT.to_bytes())]
    assert code_of(secure().receive(features())) is Code.A11


def test_initiating_dials_back_where_external_does_not_count() -> None:
    stream = secure(Allowed(external=False, dialback=True))
    assert stream.receive(features(DIALBACK, mechanisms("EXTERNAL"))) == [Write(RESULT.to_bytes())]


def test_initiating_does_not_dial_back_where_that_does_not_count() -> None:
    assert code_of(secure(Allowed()).receive(features(DIALBACK))) is Code.A11
    stream = secure(Allowed())
    stream.receive(features(DIALBACK, mechanisms("EXTERNAL")))
    assert code_of(stream.receive(FAILURE)) is Code.A11


def test_initiating_falls_back_when_external_fails() -> None:
    stream = secure()
    stream.receive(features(DIALBACK, mechanisms("EXTERNAL")))
    noted, told = stream.receive(FAILURE)
    assert isinstance(noted, Unproved) and noted.code is Code.A11 and "not-authorized" in noted.text
    assert told == Write(RESULT.to_bytes())
    assert stream.receive(answer("valid")) == [Proved(THEM, US, "dialback"), Ready()]


def test_initiating_bears_a_bad_certificate_where_dialback_counts() -> None:
    assert secure(ANY, Code.C01).receive(features(DIALBACK)) == [Write(RESULT.to_bytes())]


def test_initiating_never_dials_back_in_clear() -> None:
    stream = Initiating(US, THEM, keys=KEYS)
    stream.start()
    stream.receive(StreamOpened(THEM, US, "id1", "1.0", "", "jabber:server", True))
    outputs = stream.receive(features(DIALBACK))
    assert code_of(outputs) is Code.T01 and b"<db:" not in written(outputs)


def test_initiating_makes_its_key_for_the_id_behind_tls() -> None:
    stream = secure()
    (told,) = stream.receive(features(DIALBACK))
    assert isinstance(told, Write) and KEYS.key(THEM, US, "id1").encode() in told.data


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("invalid", Code.A11),
        ("item-not-found", Code.A11),
        ("not-authorized", Code.A11),
        ("remote-connection-failed", Code.X07),
        ("remote-server-timeout", Code.X07),
        ("resource-constraint", Code.X07),
    ],
)
def test_initiating_says_what_its_dialback_came_to(kind: str, code: Code) -> None:
    stream = secure()
    stream.receive(features(DIALBACK))
    assert stream.receive(answer(kind)) == [Write(CLOSE), End(code, f"the peer refused our dialback: {kind}")]
    assert not stream.ready


@pytest.mark.parametrize(
    "wrong",
    [
        answer("valid", Dialback("result", US, Domain("other.example"), "k")),
        answer("valid", Dialback("result", Domain("other.example"), THEM, "k")),
        answer("valid", Dialback("verify", US, THEM, "k", "id1")),
        reread(Dialback("result", THEM, US, "their key").to_bytes()),
        Element("result", "jabber:server:dialback", {"type": "valid"}),
    ],
)
@pytest.mark.parametrize("when", ["before", "asked", "ready"])
def test_initiating_believes_no_answer_to_another_question(wrong: Element, when: str) -> None:
    """CVE-2012-3525, CVE-2021-32919: ignored once, and the end the second time."""
    stream = secure()
    if when != "before":
        stream.receive(features(DIALBACK))
    if when == "ready":
        stream.receive(answer("valid"))
    was_ready = stream.ready
    (noted,) = stream.receive(wrong)
    assert isinstance(noted, Unproved) and noted.code is Code.X07 and stream.ready is was_ready
    outputs = stream.receive(wrong)
    assert code_of(outputs) is Code.X07 and b"<policy-violation" in written(outputs)


def test_initiating_believes_its_own_answer_once() -> None:
    stream = secure()
    stream.receive(features(DIALBACK))
    stream.receive(answer("valid"))
    assert isinstance(stream.receive(answer("invalid"))[0], Unproved) and stream.ready


def test_initiating_begins_with_tls_where_that_is_so() -> None:
    stream = Initiating(US, THEM, direct=True)
    assert stream.start() == [StartTLS()]
    assert secure(direct=True).receive(features(mechanisms("EXTERNAL"))) == [AUTH]


# --- both ways (XEP-0288) -------------------------------------------------------------------------------

BOTH = Allowed(external=True, dialback=True, bidi=True)


def ready(stream: Initiating, offer: Element) -> list[Output]:
    outputs = stream.receive(offer)
    if stream.receive(SUCCESS):
        stream.receive(header())
        stream.receive(features())
    return outputs


def test_initiating_asks_for_both_ways_before_it_proves_its_name() -> None:
    stream = secure(BOTH)
    (told,) = ready(stream, features(BIDI, mechanisms("EXTERNAL")))
    assert isinstance(told, Write) and isinstance(AUTH, Write) and told.data == BOTH_WAYS + AUTH.data
    assert stream.ready and stream.receives
    assert stream.offence(THEM, US) is None
    assert stream.offence(Domain("other.example"), US) is Code.X04
    assert stream.offence(THEM, Domain("other.example")) is Code.A06


def test_initiating_asks_for_both_ways_with_dialback_too() -> None:
    stream = secure(BOTH)
    assert stream.receive(features(BIDI, DIALBACK)) == [Write(BOTH_WAYS + RESULT.to_bytes())]
    assert not stream.receives, "not before the proof"
    stream.receive(answer("valid"))
    assert stream.receives


def test_initiating_says_it_once_when_it_falls_back() -> None:
    stream = secure(BOTH)
    stream.receive(features(BIDI, DIALBACK, mechanisms("EXTERNAL")))
    assert BOTH_WAYS not in written(stream.receive(FAILURE))


@pytest.mark.parametrize(
    ("allowed", "fault", "offer"),
    [
        (ANY, None, features(BIDI, mechanisms("EXTERNAL"))),
        (BOTH, Code.C01, features(BIDI, mechanisms("EXTERNAL"))),
        (BOTH, None, features(mechanisms("EXTERNAL"))),
    ],
    ids=["not wanted", "the far end has proved nothing", "not offered"],
)
def test_initiating_keeps_to_one_way(allowed: Allowed, fault: Code | None, offer: Element) -> None:
    stream = secure(allowed, fault)
    assert BOTH_WAYS not in written(ready(stream, offer))
    assert stream.ready and not stream.receives and code_of(stream.receive(MESSAGE)) is Code.S01
