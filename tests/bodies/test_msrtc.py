"""Tests of `edge.bodies.msrtc`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from edge.bodies.msrtc import MAX_BYTES, MAX_ELEMENTS, Presentity, parse, render
from edge.errors import RemoteProtocolError

NAMESPACE = "http://schemas.microsoft.com/2002/09/sip/presence"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def document(content: str, attributes: str = "uri='alice@contoso.example'") -> bytes:
    return f"<presentity xmlns='{NAMESPACE}' {attributes}>{content}</presentity>".encode()


# What a server makes of two devices, of which one is the more available.
OF_A_SERVER = f"""<?xml version="1.0" encoding="utf-8"?>
<presentity xmlns="{NAMESPACE}" xmlns:xsi="{XSI}" uri="alice@contoso.example">
  <availability aggregate="300" description="" epid="0123456789"/>
  <activity aggregate="600" description="" epid="0123456789"/>
  <displayName displayName="Alice &amp; Co."/>
  <email email="alice@contoso.example"/>
  <phoneNumber label="" number="+1 555 0100"/>
  <userInfo>
    <note>Back at five</note>
    <states><state avail="9500" since="2024-01-01T00:00:00Z" xsi:type="userState">do-not-disturb</state></states>
  </userInfo>
  <devices>
    <devicePresence epid="0123456789" ageOfPresence="12">
      <availability aggregate="300" description=""/><activity aggregate="600" description=""/>
      <userInfo><note>not this one</note></userInfo>
    </devicePresence>
    <devicePresence epid="9876543210" ageOfPresence="4000">
      <availability aggregate="0" description=""/><activity aggregate="0" description=""/><userInfo/>
    </devicePresence>
  </devices>
</presentity>""".encode()


def test_parse_reads_the_document_of_a_server() -> None:
    assert parse(OF_A_SERVER) == Presentity("alice@contoso.example", 300, 600, "Alice & Co.", "Back at five", 9500)


def test_parse_reads_what_a_user_says_in_a_namespace_of_its_own() -> None:
    info = "<userInfo xmlns:c='urn:client'><c:oof/><c:note>Holidays</c:note></userInfo>"
    assert parse(document(info)) == Presentity("alice@contoso.example", note="Holidays", out_of_office=True)


def test_parse_leaves_open_what_is_not_said() -> None:
    assert parse(document("")) == Presentity("alice@contoso.example", None, None)


@pytest.mark.parametrize("aggregate", ["", "-1", "1000", "3.5", "x", "\N{ARABIC-INDIC DIGIT THREE}"])
def test_parse_ignores_what_is_no_class(aggregate: str) -> None:
    assert parse(document(f"<availability aggregate='{aggregate}'/>")).availability is None


NO_STATES = ["avail='x'", "avail='123456'", "", f"xmlns:x='{XSI}' x:nil='true' avail='9500'"]


@pytest.mark.parametrize("attributes", NO_STATES)
def test_parse_ignores_a_state_that_is_none(attributes: str) -> None:
    assert parse(document(f"<userInfo><states><state {attributes}/></states></userInfo>")).state == 0


HOSTILE = {
    "empty": b"",
    "no XML": b"presentity",
    "cut": OF_A_SERVER[:-20],
    "another root": OF_A_SERVER.replace(b"presentity", b"presence"),
    "another namespace": OF_A_SERVER.replace(NAMESPACE.encode(), b"urn:x"),
    "no user": document("", ""),
    "an empty user": document("", "uri=' '"),
    "document type": b"<!DOCTYPE x>" + document(""),
    "entity": b"<!DOCTYPE x [<!ENTITY e 'x'>]>" + document("<userInfo><note>&e;</note></userInfo>"),
    "external": b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + document(""),
    "processing instruction": document("<?x y?>"),
    "not UTF-8": document("<userInfo><note>x</note></userInfo>").replace(b">x<", b">\xff<"),
    "deep": document("<a>" * 20 + "</a>" * 20),
    "many": document("<a/>" * MAX_ELEMENTS),
    "long": document("x" * MAX_BYTES),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_parse_answers_400_when_the_document_is_hostile_or_broken(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(HOSTILE[name])
    assert caught.value.status == 400


def test_parse_takes_as_much_as_the_limits_allow() -> None:
    assert parse(document("<a/>" * (MAX_ELEMENTS - 1))).availability is None
    assert parse(document(" " * (MAX_BYTES - len(document("")))))


def test_parse_reads_utf_8_whatever_the_document_claims() -> None:
    claims = b'<?xml version="1.0" encoding="utf-16"?>' + document("<userInfo><note>\u00e4</note></userInfo>")
    assert parse(claims).note == "\u00e4"


def test_render_keeps_the_order_of_the_schema() -> None:
    root = etree.fromstring(render(Presentity("a@x.example", 300, 400, "A", "B")))
    children = [etree.QName(child).localname for child in root]
    assert children == ["availability", "activity", "displayName", "userInfo", "devices"]
    (device,) = root[-1]
    assert device.get("ageOfPresence") == "0"
    assert [etree.QName(child).localname for child in device] == ["availability", "activity", "userInfo"]


def test_render_names_no_device_of_who_is_not_there() -> None:
    root = etree.fromstring(render(Presentity("a@x.example", 0, 0)))
    assert (root[0].get("aggregate"), root[1].get("aggregate"), len(root[-1])) == ("0", "0", 0)


def test_render_replaces_characters_that_xml_cannot_carry() -> None:
    found = parse(render(Presentity("a@x.example", 300, 400, "\x00<\"'>", "a\x1b&")))
    assert found.note == "a\N{REPLACEMENT CHARACTER}&"
    assert found.display_name == "\N{REPLACEMENT CHARACTER}<\"'>"


TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"))).map(str.strip)


AGGREGATES = st.integers(0, 999)


NOTHING = {"state": st.just(0), "out_of_office": st.just(False)}  # is never written


@given(st.builds(Presentity, TEXTS.filter(bool), AGGREGATES, AGGREGATES, TEXTS, TEXTS, **NOTHING))
def test_parse_undoes_render(value: Presentity) -> None:
    assert parse(render(value)) == value


@given(st.binary(max_size=200))
def test_parse_raises_nothing_else(body: bytes) -> None:
    try:
        parse(body)
    except RemoteProtocolError:
        return
    raise AssertionError("this was no document")
