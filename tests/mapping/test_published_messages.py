"""What docs/mapping.md publishes of messages is what `edge.mapping` does."""

import re
from pathlib import Path

from edge.bodies import imdn, keyboard
from edge.bodies.html import LINKS, MAX_LENGTH, MAX_TOKENS
from edge.bodies.mime import Entity
from edge.bodies.multipart import MAX_BYTES, MAX_DEPTH, MAX_PARTS
from edge.bodies.xhtml import MAX_DEPTH as MAX_NESTING
from edge.mapping import payloads
from edge.mapping.payloads import MAX_FORMATTED, REFRESH, TAKEN, read
from edge.mapping.said import Receipt, Typing

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mapping.md").read_text()


def section(heading: str) -> str:
    return re.split(r"(?m)^#+ ", PAGE.partition(heading + "\n")[2])[0]


def rows(heading: str) -> list[list[str]]:
    lines = [line for line in section(heading).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def test_types_are_as_published() -> None:
    published = {name for row in rows("### 3.3 Types of bodies") for name in re.findall("`([^`]+)`", row[0])}
    assert published == {*TAKEN, keyboard.MEDIA_TYPE}


def test_limits_are_as_published() -> None:
    text = section("### 3.3 Types of bodies")
    assert MAX_BYTES == MAX_LENGTH and MAX_DEPTH == 4
    limits = f"{MAX_BYTES:,} octets", f"{MAX_PARTS} parts", f"{MAX_TOKENS:,} tags", f"{MAX_NESTING} elements inside"
    assert f"{MAX_FORMATTED} formatted texts" in text
    assert all(limit in text for limit in limits)
    assert all(scheme in text for scheme in LINKS)


def test_chat_states_are_as_published() -> None:
    found: dict[str, str] = {}
    for sip, xmpp, _, state, said in rows("### 3.5 Chat states"):
        found |= {sip: xmpp.strip("`")}
        for name in re.findall("`([a-z]+)`", state):
            written = payloads.typing_entity(Typing(name)).body.decode() if name != "gone" else ""
            assert f"<state>{said.partition(',')[0].strip('`')}</state>" in written or said == "-"
    assert f"{REFRESH} seconds" in section("### 3.5 Chat states")
    head = "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>"
    for state in ("active", "idle"):
        entity = Entity("application/im-iscomposing+xml", {}, f"{head}{state}</state></isComposing>".encode())
        said_ = read(entity, "x")
        assert isinstance(said_, Typing) and said_.state == found[f"`{state}`"]
    for typing in ("type", "idle"):
        said_ = read(Entity(keyboard.MEDIA_TYPE, {}, keyboard.render(typing == "type")), "x")
        assert isinstance(said_, Typing) and said_.state == found[f"KeyboardActivity `{typing}`"]


def test_receipts_are_as_published() -> None:
    published = {}
    for sip, xmpp in rows("### 3.6 Receipts")[2:]:
        for status in re.findall("`([a-z]+)`", sip):
            published[status] = xmpp != "-"
    for kind, statuses in imdn.STATUSES.items():
        for status in statuses:
            said = read(Entity(imdn.MEDIA_TYPE, {}, imdn.render(imdn.Report("1", kind, status))), "x")
            assert published[status] is isinstance(said, Receipt)
