"""Disposition notifications: what happened to a message (RFC 5438). Called by `edge.mapping.payloads`.

They are asked for by headers of a CPIM message, and given as a small document inside another one.
"""

from html import escape
from typing import NamedTuple

from edge.bodies.cpim import Extension, Message
from edge.bodies.simple import Node, read
from edge.bodies.text import legal
from edge.codes import Code
from edge.errors import RemoteProtocolError

MEDIA_TYPE = "message/imdn+xml"
NAMESPACE = "urn:ietf:params:imdn"  # of the CPIM headers (RFC 5438 §6.1)

MAX_ID = 256  # characters of a Message-ID that we keep; the RFC's examples have 12
MAX_ADDRESS = 512  # characters of an address that we copy

# RFC 5438 §11.1.9: kind of notification -> what it may say
STATUSES = {
    "delivery": ("delivered", "failed", "forbidden", "error"),
    "processing": ("processed", "stored", "forbidden", "error"),
    "display": ("displayed", "forbidden", "error"),
}


class Request(NamedTuple):
    """What a sender wants to be told of his message (RFC 5438 §6.2). Without an ``id`` nothing can be told."""

    id: str
    positive: bool = False
    negative: bool = False
    display: bool = False
    processing: bool = False


class Report(NamedTuple):
    """A notification. ``kind`` and ``status`` are those of `STATUSES`; times and addresses are the text as it came."""

    id: str
    kind: str
    status: str
    date_time: str = ""
    recipient: str = ""
    original_recipient: str = ""


def requested(message: Message) -> Request | None:
    """What a CPIM message asks for; None if that is nothing, or if it has no Message-ID to answer with."""
    identifier = message.extension(NAMESPACE, "Message-ID")
    asked = message.extension(NAMESPACE, "Disposition-Notification").lower()
    if not asked or not identifier or len(identifier) > MAX_ID:
        return None
    # parameters are for extensions of the mechanism, of which there are none
    words = {word.partition(";")[0].strip() for word in asked.split(",")}
    return Request(
        identifier,
        "positive-delivery" in words,
        "negative-delivery" in words,
        "display" in words,
        "processing" in words,
    )


def headers(request: Request) -> tuple[Extension, ...]:
    """The headers that ask: to be put into a CPIM message, which must have a DateTime too (RFC 5438 §7.1.1)."""
    words = [
        word
        for word, wanted in (
            ("positive-delivery", request.positive),
            ("negative-delivery", request.negative),
            ("processing", request.processing),
            ("display", request.display),
        )
        if wanted
    ]
    found = [Extension(NAMESPACE, "Message-ID", request.id)]
    if words:
        found.append(Extension(NAMESPACE, "Disposition-Notification", ", ".join(words)))
    return tuple(found)


def parse(body: bytes) -> Report:
    """Read a notification. `RemoteProtocolError` (400) if it is none, or says nothing that RFC 5438 knows."""
    root = read(body, "disposition notification")
    if root.name != f"{_NS} imdn":
        raise _malformed("the body is not a disposition notification")
    identifier = _text(root, "message-id")
    if not identifier or len(identifier) > MAX_ID:
        raise _malformed("the disposition notification does not say which message it is about")
    for kind, statuses in STATUSES.items():
        notification = root.child(f"{_NS} {kind}-notification")
        status = None if notification is None else notification.child(f"{_NS} status")
        if status is not None:
            for name in statuses:
                if status.child(f"{_NS} {name}") is not None:
                    return Report(
                        identifier,
                        kind,
                        name,
                        _text(root, "datetime"),
                        _text(root, "recipient-uri")[:MAX_ADDRESS],
                        _text(root, "original-recipient-uri")[:MAX_ADDRESS],
                    )
    raise _malformed("the disposition notification does not say what happened")


def render(report: Report) -> bytes:
    """Write a notification, its elements in the order of the schema (RFC 5438 §11.1)."""
    content = "".join(
        [
            f"<{name}>{escape(legal(text), quote=False)}</{name}>"
            for name, text in (
                ("message-id", report.id),
                ("datetime", report.date_time),
                ("recipient-uri", report.recipient),
                ("original-recipient-uri", report.original_recipient),
            )
            if text
        ]
    )
    if report.status not in STATUSES[report.kind]:
        raise ValueError(f"{report.status} is no status of a {report.kind} notification")
    kind = f"{report.kind}-notification"
    said = f"<{kind}><status><{report.status}/></status></{kind}>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<imdn xmlns="{_NS}">{content}{said}</imdn>'.encode()


_NS = "urn:ietf:params:xml:ns:imdn"


def _text(root: Node, name: str) -> str:
    child = root.child(f"{_NS} {name}")
    return "" if child is None else child.text


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)
