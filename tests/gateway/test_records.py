"""What is written into the store can be read again, also by what is older or newer than who wrote it."""

import msgspec
import pytest

from edge.gateway.records import (
    BLOCK,
    DialogRecord,
    MessageRecord,
    NotificationRecord,
    PairRecord,
    WatchRecord,
    decode_message,
    decode_notification,
    decode_pair,
    dialog_of,
    dialog_record,
    encode,
)
from edge.sip.dialog import Dialog

DIALOG = Dialog(
    "call", "ours", "theirs", "<sip:juliet@xmpp.example>", '"Romeo" <sip:romeo@sip.example>;epid=7', "sip:10.0.0.1",
    ("<sip:a.example;lr>", "<sip:b.example;lr>"), 7, 12,
)
RECORD = dialog_record(DIALOG, 7)


def test_dialog_is_the_same_but_for_its_next_cseq() -> None:
    again = dialog_of(RECORD)
    assert again.local_cseq == 7 + BLOCK
    same = [name for name in Dialog.__slots__ if name != "local_cseq"]
    assert [getattr(again, name) for name in same] == [getattr(DIALOG, name) for name in same]


WATCHES = [None, WatchRecord(True, ()), WatchRecord(False, ("a", "b"), RECORD, True, 3600, 1.5)]


@pytest.mark.parametrize("watch", WATCHES)
def test_pair_is_read_as_it_was_written(watch: WatchRecord | None) -> None:
    record = PairRecord("romeo@sip.example", "juliet@xmpp.example", 8, 1_700_000_000.25, watch)
    assert decode_pair(encode(record)) == record


def test_notification_is_read_as_it_was_written() -> None:
    record = NotificationRecord("romeo@sip.example", "juliet@xmpp.example", RECORD, "presence;id=7", True, 1.5)
    assert decode_notification(encode(record)) == record


@pytest.mark.parametrize("form", [None, ((("Content-Type", "message/cpim"),), b"\xff\x00")])
def test_message_is_read_as_it_was_written(form: tuple[tuple[tuple[str, str], ...], bytes] | None) -> None:
    headers = (("Content-Type", "text/plain"), ("Subject", "Ü"))
    people = "juliet@xmpp.example/b", "romeo@sip.example"
    record = MessageRecord(*people, "m1", "chat", headers, b"\xc3\x9c", "call", "tag", form)
    assert decode_message(encode(record)) == record


def test_notification_of_an_older_release_is_told_in_pidf() -> None:
    old = msgspec.msgpack.encode(["romeo@sip.example", "juliet@xmpp.example", RECORD, "presence", True, 1.5])
    assert decode_notification(old).content_type == "application/pidf+xml"


def test_record_of_a_newer_release_is_read_without_what_it_adds() -> None:
    """Fields are only added, at the end: who has to go back to the release before keeps his state."""
    data = msgspec.msgpack.encode(["romeo@sip.example", "juliet@xmpp.example", 6, 0.0, None, "more", 7])
    assert decode_pair(data) == PairRecord("romeo@sip.example", "juliet@xmpp.example", 6, 0.0)


def test_record_of_an_older_release_is_read_with_the_defaults() -> None:
    data = msgspec.msgpack.encode(["romeo@sip.example", "juliet@xmpp.example", 6, 0.0, [True, ["a"]]])
    assert decode_pair(data).watch == WatchRecord(True, ("a",))


@pytest.mark.parametrize("data", [b"", b"\x00", encode(RECORD), msgspec.msgpack.encode([1, 2, 3, 4])])
def test_what_is_no_record_is_not_read(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_pair(data)


def test_records_are_read_by_other_names_than_python_has() -> None:
    """They are arrays: a field that is renamed in the code is the same field on the disk."""
    assert isinstance(msgspec.msgpack.decode(encode(RECORD)), list)
    assert DialogRecord.__struct_fields__[:3] == ("call_id", "local_tag", "remote_tag")
