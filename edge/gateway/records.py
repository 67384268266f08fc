"""What the gateway writes into the store, and how: a record for each pair, notification dialog, message that waits.

Times are seconds of the Unix epoch, addresses are texts. A field is only ever added at the end of a record and with a
default, so that records of an older release can be read. Made and read by `edge.gateway.pairs`, `subscriber`,
`notifier` and `journal`.
"""

from enum import IntEnum

import msgspec

from edge.sip.dialog import Dialog
from edge.sip.subscription import PIDF

BLOCK = 64
"""CSeq numbers that a notification dialog reserves at once: one write for as many NOTIFYs. When the records are read
again the numbers go on a block behind what was reserved, because a power cut may have taken the last write."""


class Kind(IntEnum):
    """The first part of a record's key."""

    PAIR = 1
    NOTIFICATION = 2
    MESSAGE = 3


class DialogRecord(msgspec.Struct, array_like=True, frozen=True):
    """A dialog (RFC 3261 §12). ``local_cseq`` is the highest number that may have been used."""

    call_id: str
    local_tag: str
    remote_tag: str
    local_uri: str
    remote_uri: str
    remote_target: str
    route_set: tuple[str, ...]
    local_cseq: int
    remote_cseq: int | None


class WatchRecord(msgspec.Struct, array_like=True, frozen=True):
    """How the contact of a pair watches the user. Without a dialog there is none, or none that was confirmed."""

    asleep: bool
    shown: tuple[str, ...]  # the user's resources that the contact believes to be available
    dialog: DialogRecord | None = None
    active: bool = False
    expires: int = 0
    expires_at: float = 0.0


class PairRecord(msgspec.Struct, array_like=True, frozen=True):
    """The authorization of a pair (`edge.xmpp.authorization.State`), and the watch of its contact."""

    user: str
    contact: str
    state: int
    asked_at: float
    watch: WatchRecord | None = None


class NotificationRecord(msgspec.Struct, array_like=True, frozen=True):
    """One dialog in which the user of a pair is told about the contact.

    ``active`` is how it was when something else was to be written: it is so as soon as the pair is allowed.
    """

    user: str
    contact: str
    dialog: DialogRecord
    event: str
    active: bool
    expires_at: float
    content_type: str = PIDF


class MessageRecord(msgspec.Struct, array_like=True, frozen=True):
    """A message of an XMPP user that waits (`edge.gateway.journal`): what goes into the MESSAGE for it.

    ``id`` and ``type`` are those of the stanza. ``call_id`` and ``tag``, that of From, say that a request is the same
    as one before it. ``form`` is what is said first, if that is something else than the plain text.
    """

    sender: str
    recipient: str
    id: str
    type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    call_id: str | None = None
    tag: str = ""
    form: tuple[tuple[tuple[str, str], ...], bytes] | None = None


def dialog_record(dialog: Dialog, local_cseq: int) -> DialogRecord:
    call_id, remote_tag, local_uri, remote_uri = dialog.names
    return DialogRecord(
        call_id, dialog.local_tag, remote_tag, local_uri, remote_uri, dialog.remote_target, dialog.route_set,
        local_cseq, dialog.remote_cseq,
    )


def dialog_of(record: DialogRecord) -> Dialog:
    """The dialog of a record; its next request has a CSeq that none before it had."""
    return Dialog(
        record.call_id, record.local_tag, record.remote_tag, record.local_uri, record.remote_uri, record.remote_target,
        tuple(record.route_set), record.local_cseq + BLOCK, record.remote_cseq,
    )


encode = msgspec.msgpack.Encoder().encode
decode_pair = msgspec.msgpack.Decoder(PairRecord).decode
decode_message = msgspec.msgpack.Decoder(MessageRecord).decode
decode_notification = msgspec.msgpack.Decoder(NotificationRecord).decode
