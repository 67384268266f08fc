"""Tests of `edge.bodies.pidf`: the data model, RPID and its drafts, CIPID, and what need not be understood."""

import pytest

from edge.bodies.document import ACTIVITIES, Device, Document, Note, Person, Tuple
from edge.bodies.pidf import parse, render

SPACES = (
    "xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns:x='urn:x'"
    " xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:r='urn:ietf:params:xml:ns:pidf:rpid'"
    " xmlns:ep='urn:ietf:params:xml:ns:pidf:status:rpid-status' xmlns:et='urn:ietf:params:xml:ns:pidf:rpid-tuple'"
    " xmlns:ci='urn:ietf:params:xml:ns:pidf:cipid'"
)
SINCE = "2004-10-21T13:20:00-05:00"


def document(content: str) -> Document:
    return parse(f"<presence {SPACES} entity='sip:a@x.example'>{content}</presence>".encode())


def one_tuple(content: str) -> Tuple:
    (found,) = document(f"<tuple id='t'>{content}</tuple>").tuples
    return found


def one_person(content: str) -> Person:
    (found,) = document(f"<dm:person id='p'>{content}</dm:person>").persons
    return found


def test_person_does_several_things_at_once() -> None:
    names = sorted(ACTIVITIES)
    elements = "".join(f"<r:{name}/>" for name in names)
    assert one_person(f"<r:activities>{elements}</r:activities>").activities == tuple(names)
    assert one_person("<r:activities/><r:activities><r:away/></r:activities>").activities == ("away",)
    assert one_person("<r:activities><x:juggling/><r:other> Napping </r:other></r:activities>").activities == (
        "juggling", "napping",
    )


@pytest.mark.parametrize(
    "content",
    [
        "<r:mood><r:happy/><r:note>sunny</r:note></r:mood>",
        "<r:place-is><r:audio><r:noisy/></r:audio></r:place-is>",
        "<r:place-type><r:other>a tree</r:other></r:place-type>",
        "<r:privacy><r:audio/></r:privacy>",
        "<r:sphere>work</r:sphere>",
        "<r:class>biz</r:class>",
        "<r:status-icon>https://x.example/i.gif</r:status-icon>",
        "<r:time-offset description='far'>-300</r:time-offset>",
        "<r:relationship><r:self/></r:relationship>",
        "<r:service-class><r:electronic/></r:service-class>",
        "<dm:deviceID>urn:device:1</dm:deviceID>",
        "<dm:timestamp>2004-10-21T13:20:00Z</dm:timestamp>",
        "<r:user-input>dancing</r:user-input>",
        "<x:activities><x:away/></x:activities>",
        "text",
    ],
)
def test_what_means_nothing_in_xmpp_is_left_out(content: str) -> None:
    assert one_person(content) == Person("p")
    assert one_tuple(f"<status><basic>open</basic></status>{content}") == Tuple("t", "open")
    assert one_tuple(f"<status><basic>open</basic>{content}</status>") == Tuple("t", "open")
    assert document(f"<dm:device id='d'>{content}</dm:device>").devices == (Device("d"),)


def test_input_is_read_in_tuple_person_and_device() -> None:
    for prefix in ("r", "ep", "et"):
        said = f"<{prefix}:user-input idle-threshold='600' last-input='{SINCE}'>IDLE</{prefix}:user-input>"
        assert one_tuple(f"<status/>{said}") == Tuple("t", user_input="idle", last_input=SINCE)
        assert one_tuple(f"<status>{said}</status>") == Tuple("t", user_input="idle", last_input=SINCE)
        assert one_person(said) == Person("p", user_input="idle", last_input=SINCE)
        assert document(f"<dm:device id='d'>{said}</dm:device>").devices == (Device("d", "idle", SINCE),)


@pytest.mark.parametrize("prefix", ["ep", "et"])
def test_activities_of_the_drafts_are_texts_inside_status_or_tuple(prefix: str) -> None:
    said = f"<{prefix}:activities><{prefix}:activity>Busy</{prefix}:activity></{prefix}:activities>"
    assert one_tuple(f"<status><basic>open</basic>{said}</status>") == Tuple("t", "open", activities=("busy",))
    assert one_tuple(f"<status><basic>open</basic></status>{said}") == Tuple("t", "open", activities=("busy",))


def test_note_inside_activities_stands_in_for_one_of_the_person() -> None:
    said = "<r:activities xml:lang='en'><r:note>Far away</r:note><r:away/></r:activities>"
    assert one_person(said) == Person("p", ("away",), notes=(Note("Far away", "en"),))
    assert one_person(f"{said}<dm:note>Here</dm:note>").notes == (Note("Here"),)
    assert one_tuple(f"<status/>{said}<note>Here</note>").notes == (Note("Here"),)


def test_display_name_crosses() -> None:
    found = document("<ci:card>https://x.example</ci:card><ci:display-name> Juliet &amp; co. </ci:display-name>")
    assert found.display_name == "Juliet & co."
    assert parse(render(found)) == found


@pytest.mark.parametrize("must", ["p:mustUnderstand='1'", "p:mustUnderstand='true'"])
def test_what_must_be_understood_makes_an_optional_element_unknown(must: str) -> None:
    riddle = f"<x:riddle {must}/>"
    assert document(f"<dm:person id='p'><r:activities><r:away/></r:activities>{riddle}</dm:person>").persons == ()
    assert document(f"<dm:device id='d'>{riddle}</dm:device>").devices == ()
    assert one_person(f"<r:activities><r:away/>{riddle}</r:activities>") == Person("p")


def test_what_must_be_understood_does_no_harm_elsewhere() -> None:
    must = "p:mustUnderstand='1'"
    assert document(f"<x:riddle {must}/>") == Document("sip:a@x.example")
    assert one_tuple(f"<status><basic>open</basic><x:riddle {must}/></status><x:b {must}/>") == Tuple("t", "open")
    assert one_person(f"<r:mood {must}/>") == Person("p")  # known, and known to mean nothing
    assert one_person("<r:activities><r:away/><x:a p:mustUnderstand='0'/></r:activities>").activities == ("away", "a")


def test_same_body_is_read_once() -> None:
    body = f"<presence {SPACES} entity='sip:a@x.example'><tuple id='t'/></presence>".encode()
    assert parse(body) is parse(bytes(bytearray(body)))


def test_kept_documents_share_their_common_words() -> None:
    said = "<status><basic>open</basic></status><ep:activities><ep:activity>busy</ep:activity></ep:activities>"
    first, second = one_tuple(said), one_tuple(said + "<note>x</note>")
    assert first.id is second.id and first.activities is second.activities
