"""Tests of `edge.bodies.pidf`."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from edge.bodies import pidf
from edge.bodies.document import Device, Document, Note, Person, Tuple
from edge.bodies.pidf import parse, render
from edge.errors import RemoteProtocolError

PIDF = "urn:ietf:params:xml:ns:pidf"
DRAFT = "urn:ietf:params:xml:ns:pidf:status:rpid-status"
TIME = "2024-01-01T00:00:00Z"


def document(content: str, attributes: str = "") -> Document:
    return parse(f"<presence xmlns='{PIDF}' entity='sip:a@x.example'{attributes}>{content}</presence>".encode())


def one_tuple(content: str) -> Tuple:
    (found,) = document(f"<tuple id='t'>{content}</tuple>").tuples
    return found


# RFC 3863 §4.3.1, §4.3.2 and RFC 4480 §4, shortened
RFC_EXAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf" entity="pres:someone@example.com"
    xmlns:myex="http://id.example.com/presence/" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
    xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid">
  <impp:tuple id="bs35r9">
    <impp:status>
      <impp:basic> open </impp:basic>
      <myex:extra><impp:basic>closed</impp:basic></myex:extra>
    </impp:status>
    <dm:deviceID>mac:8asd7d7d70</dm:deviceID>
    <impp:contact priority="0.8">im:someone@mobilecarrier.net</impp:contact>
    <impp:note xml:lang="en">Don't Disturb Please!</impp:note>
    <impp:note xml:lang="fr">Ne derangez pas, s'il vous plait</impp:note>
    <impp:timestamp>2001-10-27T16:49:29Z</impp:timestamp>
  </impp:tuple>
  <impp:tuple id="eg92n8">
    <impp:status><impp:basic>closed</impp:basic></impp:status>
    <impp:contact priority="1.0">mailto:someone@example.com</impp:contact>
  </impp:tuple>
  <impp:note>I'll be in Tokyo next week</impp:note>
  <dm:person id="p1">
    <rpid:activities from="2005-05-30T12:00:00+05:00"><rpid:note>Far away</rpid:note><rpid:away/>
      <rpid:other>Napping</rpid:other></rpid:activities>
    <rpid:mood><rpid:angry/></rpid:mood>
    <rpid:user-input idle-threshold="600" last-input="2004-10-21T13:20:00-05:00">idle</rpid:user-input>
    <dm:note>Scoring 120</dm:note>
  </dm:person>
  <dm:device id="pc147"><rpid:user-input>idle</rpid:user-input></dm:device>
</impp:presence>"""


def test_parse_reads_the_examples_of_the_rfcs() -> None:
    assert parse(RFC_EXAMPLE) == Document(
        entity="pres:someone@example.com",
        tuples=(
            Tuple(
                id="bs35r9",
                basic="open",
                contact="im:someone@mobilecarrier.net",
                priority=800,
                notes=(Note("Don't Disturb Please!", "en"), Note("Ne derangez pas, s'il vous plait", "fr")),
                timestamp="2001-10-27T16:49:29Z",
            ),
            Tuple(id="eg92n8", basic="closed", contact="mailto:someone@example.com", priority=1000),
        ),
        notes=(Note("I'll be in Tokyo next week"),),
        persons=(
            Person(
                id="p1",
                activities=("away", "napping"),
                user_input="idle",
                last_input="2004-10-21T13:20:00-05:00",
                notes=(Note("Scoring 120"),),
            ),
        ),
        devices=(Device("pc147", "idle"),),
    )


def test_parse_reads_the_form_of_microsoft_edges() -> None:
    found = parse(
        b"""<presence xmlns="urn:ietf:params:xml:ns:pidf"
              xmlns:ep="urn:ietf:params:xml:ns:pidf:status:rpid-status" xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid"
              entity="sip:juliet@example.com">
          <tuple id="0">
            <status><basic>open</basic><ep:activities><ep:activity>Busy</ep:activity></ep:activities></status>
          </tuple><ci:display-name>Juliet</ci:display-name></presence>"""
    )
    assert found == Document(
        "sip:juliet@example.com", (Tuple("0", "open", activities=("busy",)),), display_name="Juliet"
    )


@pytest.mark.parametrize(
    "namespace",
    [
        "urn:ietf:params:xml:ns:pidf:rpid",
        "urn:ietf:params:xml:ns:pidf:rpid-tuple",
        "urn:ietf:params:xml:ns:pidf:rpid:rpid-person",
        "urn:ietf:params:xml:ns:pidf:status:rpid-status",
        "urn:ietf:params:xml:ns:pidf:rpid:status:rpid-status",
    ],
)
def test_parse_reads_activities_in_every_namespace_of_the_drafts(namespace: str) -> None:
    activities = f"<e:activities xmlns:e='{namespace}'><e:activity>on-the-phone</e:activity><e:away/></e:activities>"
    expected = ("on-the-phone", "away")
    assert one_tuple(f"<status><basic>open</basic>{activities}</status>").activities == expected
    assert one_tuple(f"<status><basic>open</basic></status>{activities}").activities == expected


def test_parse_reads_show_of_xmpp_gateways() -> None:
    assert one_tuple("<status><basic>open</basic><show xmlns='jabber:client'>xa</show></status>").show == "xa"
    assert one_tuple("<status><basic>open</basic><show>xa</show></status>").show == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("open", "open"), ("CLOSED", "closed"), (" open\n", "open"), ("maybe", ""), ("", "")],
)
def test_parse_reads_basic(text: str, expected: str) -> None:
    assert one_tuple(f"<status><basic>{text}</basic></status>").basic == expected


def test_parse_leaves_basic_open_when_it_is_missing() -> None:
    assert one_tuple("<status/>").basic == one_tuple("").basic == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[("0", 0), ("0.", 0), ("1", 1000), ("1.", 1000), ("1.000", 1000), ("0.5", 500), ("0.05", 50), (" 0.5 ", 500)],
        *[(text, None) for text in ("1.001", "2", "-1", "-0", "0.1234", ".5", "", "high", "1e-1", "٠.5", "0,5")],
    ],
)
def test_parse_reads_priority_in_thousandths(text: str, expected: int | None) -> None:
    assert one_tuple(f"<status/><contact priority='{text}'>sip:a@x.example</contact>").priority == expected


def test_priority_survives_render_and_parse_at_every_value() -> None:
    for thousandths in range(1001):
        assert pidf._priority(pidf._render_priority(thousandths)) == thousandths


def test_parse_inherits_the_language_of_notes() -> None:
    found = document(
        "<tuple id='a' xml:lang='fr'><status/><note>un</note><note xml:lang='en'>two</note></tuple><note>drei</note>"
        "<note xml:lang=\"'>\">vier</note>",
        " xml:lang='de'",
    )
    assert found.tuples[0].notes == (Note("un", "fr"), Note("two", "en"))
    assert found.notes == (Note("drei", "de"), Note("vier", ""))


def test_parse_ignores_what_it_does_not_know() -> None:
    found = document(
        "<!-- c --><?pi x?><x:a xmlns:x='urn:x'><tuple id='inner'><status/></tuple></x:a>"
        "<tuple id='t'><x:b xmlns:x='urn:x' mustUnderstand='1'>b</x:b>"
        "<status><basic>op<!-- c -->en</basic><x:c xmlns:x='urn:x'/></status><note>  </note></tuple>"
    )
    assert found == Document("sip:a@x.example", (Tuple("t", "open"),))


BOMB = (
    "<!DOCTYPE p [<!ENTITY a 'ha'>" + "".join(f"<!ENTITY a{n} '{'&a;' * 9}'>" for n in range(9)) + "]>"
    f"<presence xmlns='{PIDF}' entity='sip:a@x.example'><note>&a8;</note></presence>"
)


def with_entity(declaration: str, content: str = "&x;") -> bytes:
    return f"<!DOCTYPE p [{declaration}]><presence xmlns='{PIDF}' entity='a'>{content}</presence>".encode()


def about_a(content: str) -> bytes:
    return f"<presence xmlns='{PIDF}' entity='a'>{content}</presence>".encode()


HOSTILE = {
    "empty": b"",
    "no XML": b"hello",
    "NUL": b"<presence\x00/>",
    "cut off": about_a("")[:-1],
    "no UTF-8": about_a("<note>?</note>").replace(b"?", b"\xff"),
    "illegal character": about_a("<note>&#1;</note>"),
    "unbound prefix": about_a("<x:note/>"),
    "undeclared entity": about_a("&x;"),
    "DOCTYPE": b"<!DOCTYPE presence>" + about_a(""),
    "entity bomb": BOMB.encode(),
    "entity bomb in UTF-16": BOMB.encode("utf-16"),
    "entity bomb in UTF-32": BOMB.encode("utf-32"),
    "entity bomb in UTF-7": b"<?xml version='1.0' encoding='utf-7'?>" + BOMB.encode("utf-7"),
    "entity bomb in EBCDIC": ("<?xml version='1.0' encoding='cp037'?>" + BOMB).encode("cp037"),
    "external entity": with_entity("<!ENTITY x SYSTEM 'file:///etc/passwd'>"),
    "parameter entity": with_entity("<!ENTITY % x SYSTEM 'http://x.example/'> %x;", ""),
    "entity in an attribute": with_entity("<!ENTITY x 'y'>", "<tuple id='&x;'/>"),
    "DOCTYPE behind a byte order mark": b"\xef\xbb\xbf" + with_entity("<!ENTITY x 'y'>"),
    "DOCTYPE with attribute defaults": with_entity("<!ATTLIST note y CDATA 'z'>", "<note/>"),
    "control character": about_a("<note>\x08</note>"),
    "control character in an attribute": about_a("<tuple id='&#27;'/>"),
    "lone surrogate": about_a("<note>?</note>").replace(b"?", b"\xed\xa0\x80"),
    "overlong UTF-8": about_a("<note>?</note>").replace(b"?", b"\xc0\xbc"),
    "one attribute twice": about_a("<tuple id='a' id='b'/>"),
    "two roots": about_a("") * 2,
    "as deep as a recursion": about_a("<a>" * 300 + "</a>" * 300),
    "another root": f"<tuple xmlns='{PIDF}' entity='a'/>".encode(),
    "no namespace": b"<presence entity='a'/>",
    "no entity": f"<presence xmlns='{PIDF}'/>".encode(),
    "blank entity": f"<presence xmlns='{PIDF}' entity=' '/>".encode(),
    "deep": about_a("<a>" * 5000 + "</a>" * 5000),
    "long": about_a(f"<note>{'x' * pidf.MAX_BYTES}</note>"),
    "many tuples": about_a("<tuple id='t'/>" * (pidf.MAX_TUPLES + 1)),
    "long id": about_a(f"<tuple id='{'ü' * (pidf.MAX_ID // 2 + 1)}'/>"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_parse_answers_400_when_the_document_is_hostile_or_broken(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(HOSTILE[name])
    assert caught.value.status == 400


def test_parse_takes_as_much_as_the_limits_allow() -> None:
    tuples = [f"<tuple id='{'i' * 50}{n}'><status><basic>open</basic></status></tuple>" for n in range(pidf.MAX_TUPLES)]
    assert len(parse(about_a("".join(tuples))).tuples) == pidf.MAX_TUPLES
    assert parse(about_a(f"<tuple id='{'ü' * (pidf.MAX_ID // 2)}'/>")).tuples[0].id == "ü" * (pidf.MAX_ID // 2)
    assert len(document("<note>x</note>" * (pidf.MAX_NOTES + 1)).notes) == pidf.MAX_NOTES


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=200), st.text("<>/&;!?='\" atuplepresence[]", max_size=80).map(str.encode)))
def test_parse_raises_nothing_else(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse(body)


@settings(max_examples=200)
@given(st.data())
def test_parse_survives_cuts_and_changes(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(RFC_EXAMPLE) - 1))
    changed = RFC_EXAMPLE[:at] + data.draw(st.binary(max_size=3)) + RFC_EXAMPLE[at + 1 :]
    try:
        found = parse(changed)
    except RemoteProtocolError:
        return
    assert isinstance(found, Document)
    assert parse(render(found)).entity == found.entity


def children(element: etree._Element) -> list[str]:
    return [etree.QName(child).localname for child in element]


def test_render_keeps_the_order_of_the_schema() -> None:
    everything = Document(
        "pres:a@x.example",
        (Tuple("ID-1", "open", "dnd", ("busy",), "idle", "sip:a@x.example", 500, (Note("n", "en"),), TIME),),
        (Note("about all"),),
        (Person("person", ("busy", "juggling"), "idle", TIME, (Note("p"),)),),
        "A <&> B",
    )
    data = render(everything)
    root = etree.fromstring(data)
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert children(root) == ["tuple", "note", "person", "display-name"]
    assert children(root[0]) == ["status", "user-input", "contact", "note", "timestamp"]
    assert children(root[0][0]) == ["basic", "activities", "show"]
    assert children(root[2]) == ["activities", "user-input", "note"]
    assert children(root[2][0]) == ["busy", "other"]
    assert parse(data) == everything


def test_render_writes_both_forms_of_an_activity() -> None:
    data = render(
        Document("sip:a@x.example", (Tuple("ID-1", "open", activities=("away",)),), (), (Person("p", ("away",)),))
    )
    root = etree.fromstring(data)
    assert root.findtext(f".//{{*}}status/{{{DRAFT}}}activities/{{{DRAFT}}}activity") == "away"
    person = "{urn:ietf:params:xml:ns:pidf:data-model}person/{urn:ietf:params:xml:ns:pidf:rpid}activities"
    assert root.find(f"{person}/{{urn:ietf:params:xml:ns:pidf:rpid}}away") is not None


def test_render_declares_only_the_namespaces_it_uses() -> None:
    data = render(Document("sip:a@x.example", (Tuple("ID-1", "closed"),)))
    assert data.count(b"xmlns") == 1


@pytest.mark.parametrize(
    ("thousandths", "expected"),
    [(0, "0"), (7, "0.007"), (15, "0.015"), (100, "0.1"), (102, "0.102"), (500, "0.5"), (999, "0.999"), (1000, "1")],
)
def test_render_writes_priority_as_a_short_decimal(thousandths: int, expected: str) -> None:
    data = render(Document("sip:a@x.example", (Tuple("t", "open", contact="sip:a@x.example", priority=thousandths),)))
    assert f'<contact priority="{expected}">'.encode() in data


def test_render_replaces_characters_that_xml_cannot_carry() -> None:
    data = render(Document("sip:a@x.example", (Tuple("t", "open", notes=(Note("a\x00<b>\ufffe"),)),)))
    assert parse(data).tuples[0].notes == (Note("a\ufffd<b>\ufffd"),)


LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="\ufffe\uffff")
WORDS = st.text(LETTERS, min_size=1, max_size=12)
NAMES = st.text(string.ascii_letters + string.digits + ".-_", max_size=8).map(lambda text: f"i{text}")
NOTES = st.lists(st.builds(Note, WORDS, st.sampled_from(["", "en", "de-CH"])), max_size=3).map(tuple)
ACTIVITIES = st.lists(st.sampled_from(["away", "busy", "on-the-phone", "juggling"]), max_size=2).map(tuple)
INPUTS = st.sampled_from(["", "active", "idle"])
TIMES = st.sampled_from(["", TIME])
TUPLES = st.builds(
    Tuple,
    id=NAMES,
    basic=st.sampled_from(["", "open", "closed"]),
    show=st.sampled_from(["", "away", "dnd"]),
    activities=ACTIVITIES,
    user_input=INPUTS,
    contact=WORDS,
    priority=st.one_of(st.none(), st.integers(0, 1000)),
    notes=NOTES,
    timestamp=TIMES,
    last_input=TIMES,
).map(lambda item: item if item.user_input else item._replace(last_input=""))
PERSONS = st.builds(Person, NAMES, ACTIVITIES, INPUTS, TIMES, NOTES).map(
    lambda person: person if person.user_input else person._replace(last_input="")
)
DEVICES = st.builds(Device, NAMES, st.sampled_from(["active", "idle"]), TIMES)
DOCUMENTS = st.builds(
    Document,
    entity=WORDS,
    tuples=st.lists(TUPLES, max_size=3, unique_by=lambda item: item.id).map(tuple),
    notes=NOTES,
    persons=st.lists(PERSONS, max_size=2).map(tuple),
    display_name=st.one_of(st.just(""), WORDS),
    devices=st.lists(DEVICES, max_size=2).map(tuple),
)


@settings(max_examples=200)
@given(DOCUMENTS)
def test_parse_undoes_render(value: Document) -> None:
    assert parse(render(value)) == value


@pytest.mark.parametrize(
    ("basics", "kept"), [(("closed", "open"), "open"), (("open", "closed"), "open"), (("", "closed"), "closed")]
)
def test_parse_lets_the_most_certain_win_when_an_id_stands_twice(basics: tuple[str, str], kept: str) -> None:
    told = [f"<basic>{basic}</basic>" if basic else "" for basic in basics]
    tuples = [f"<tuple id='a'><status>{each}</status></tuple>" for each in told]
    (item,) = parse(
        f"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@x.example'>{''.join(tuples)}</presence>".encode()
    ).tuples
    assert item.basic == kept
