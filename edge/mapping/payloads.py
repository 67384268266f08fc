"""MIME bodies of messages -> what they say, and back (RFC 7572 §7, RFC 3922 §4, RFC 5438, RFC 3994).

Which part of a multipart body counts is decided here; the formats are read in `edge.bodies`. Called by
`edge.mapping.messages`, for every body that is not just plain text.
"""

import hashlib
from collections.abc import Callable, Set

from edge.bodies import cpim, html, imdn, iscomposing, keyboard, multipart, rtf, text, xhtml
from edge.bodies.iscomposing import IsComposing
from edge.bodies.mime import Entity
from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.dates import stamp_of, time_of_stamp
from edge.mapping.said import Asked, Content, Receipt, Said, Typing

PLAIN = "text/plain"
ALTERNATIVE = "multipart/alternative"

# What we take in a MESSAGE, in the order of our liking; RFC 7572 §7 demands the first
TAKEN = (
    PLAIN, html.MEDIA_TYPE, cpim.MEDIA_TYPE, iscomposing.MEDIA_TYPE, imdn.MEDIA_TYPE, ALTERNATIVE, "multipart/mixed",
    "multipart/related", "multipart/signed", *rtf.MEDIA_TYPES,
)
ACCEPT = ", ".join(TAKEN)

MAX_FORMATTED = 3  # formatted texts in one body; Microsoft's clients send HTML and RTF
REFRESH = 90  # seconds within which we repeat that somebody goes on writing (RFC 3994 §3.2: 60 at least)


def read(entity: Entity, host: str) -> Said | None:
    """Return what a body says; None if that is nothing for people, or if it may be left out.

    ``host`` is the authenticated domain of the sender, which a CPIM message must not contradict. Raises
    `RemoteProtocolError`: 415 as `UnsupportedBody`, 400 for what is not what it claims, 413 for too much, 403 for a
    sender of another domain.
    """
    return _read(entity, _Whose(host), 0)


def content_entity(content: Content, takes: Set[str]) -> Entity:
    """The body for ``content``: plain text, and for who takes HTML its form, beside it or alone (RFC 2046 §5.1.4)."""
    octets = text.encode(content.body)
    if not content.xhtml or html.MEDIA_TYPE not in takes:
        return Entity(PLAIN, _UTF8, octets)
    formatted = text.encode(f"<html><body>{content.xhtml}</body></html>")
    if ALTERNATIVE not in takes:
        return Entity(html.MEDIA_TYPE, _UTF8, formatted)
    boundary = hashlib.sha256(octets + formatted).hexdigest()[:32]  # neither can hold it
    parts = [
        f"--{boundary}\r\nContent-Type: {media};charset=UTF-8\r\n\r\n".encode() + body
        for media, body in ((PLAIN, octets), (html.MEDIA_TYPE, formatted))
    ]
    body = b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])
    return Entity(ALTERNATIVE, {"boundary": boundary}, body)


def asking_entity(entity: Entity, content: Content, people: tuple[str, str], now: float) -> Entity:
    """``entity`` in a CPIM message that asks for what ``content`` asks for (RFC 5438 §7.1.1); ``people`` are URIs."""
    asked = content.asked
    assert asked is not None
    request = imdn.Request(asked.id, asked.delivered, asked.failed, asked.displayed)
    return _wrapped(entity, people, now if content.sent is None else content.sent, imdn.headers(request))


def report_entity(receipt: Receipt, people: tuple[str, str], id: str, now: float) -> Entity:
    """The disposition notification that says ``receipt`` (RFC 5438 §7.2.1). ``id`` is its own Message-ID."""
    kind = "display" if receipt.kind == "displayed" else "delivery"
    report = imdn.Report(receipt.id, kind, receipt.kind, stamp_of(now), people[0], people[0])
    inner = Entity(imdn.MEDIA_TYPE, {}, imdn.render(report), disposition="notification")
    return _wrapped(inner, people, now, imdn.headers(imdn.Request(id)))


def typing_entity(typing: Typing) -> Entity:
    """The is-composing document for a chat state (RFC 3994 §3.4)."""
    active = typing.state == "composing"
    return Entity(iscomposing.MEDIA_TYPE, {}, iscomposing.render(IsComposing(active, REFRESH if active else 0)))


def keyboard_entity(typing: Typing) -> Entity:
    """The same for Microsoft's clients, in an INFO."""
    return Entity(keyboard.MEDIA_TYPE, {}, keyboard.render(typing.state == "composing"))


# --- private: reading -------------------------------------------------------------------------------------------------

_UTF8 = {"charset": "UTF-8"}


class _Whose:
    """Who has written a body, and how much he has asked of us with it."""

    __slots__ = ("host", "formatted")

    def __init__(self, host: str) -> None:
        self.host = host
        self.formatted = 0


def _read(entity: Entity, whose: _Whose, depth: int) -> Said | None:
    if depth == multipart.MAX_DEPTH:
        raise RemoteProtocolError("the body has too many bodies inside each other", Code.S09, status=413)
    if entity.type in _FORMATTED:
        whose.formatted += 1
        if whose.formatted > MAX_FORMATTED:
            raise RemoteProtocolError(f"the body has more than {MAX_FORMATTED} formatted texts", Code.S09, status=413)
    leaf = _LEAVES.get(entity.type)
    if leaf is not None:
        return leaf(entity)
    inner = _NESTED.get(entity.type)
    if inner is not None:
        return inner(entity, whose, depth + 1)
    if entity.type.startswith("multipart/"):  # RFC 2046 §5.1.3: an unknown one is mixed
        return _mixed(entity, whose, depth + 1)
    if entity.optional:
        return None
    raise UnsupportedBody(f"the body type {entity.type} is not supported", (("Accept", ACCEPT),))


def _plain(entity: Entity) -> Content:
    return Content(_text(entity), lang=text.language_tag(entity.lang))


def _html(entity: Entity) -> Content:
    markup = _text(entity)
    return Content(html.text_of(markup), xhtml.sanitised(markup), lang=text.language_tag(entity.lang))


def _rtf(entity: Entity) -> Content:
    return Content(rtf.text_of(entity.octets), lang=text.language_tag(entity.lang))


def _text(entity: Entity) -> str:
    return text.decode(entity.octets, entity.parameters.get("charset", ""))


def _composing(entity: Entity) -> Typing:
    """RFC 7573 §6 table 3: idle is `active`, because the user is still there."""
    composing = iscomposing.parse(entity.octets)
    if not composing.active:
        return Typing("active")
    return Typing("composing", composing.refresh or iscomposing.ASSUMED_REFRESH)


def _keyboard(entity: Entity) -> Typing:
    return Typing("composing" if keyboard.parse(entity.octets) else "active")


def _report(entity: Entity) -> Receipt | None:
    """That nothing can or may be said of a message, or that a relay has stored it, is nothing for people."""
    report = imdn.parse(entity.octets)
    return Receipt(report.id, report.status) if report.status in ("delivered", "displayed", "failed") else None


def _alternative(entity: Entity, whose: _Whose, depth: int) -> Said | None:
    """The plain part is the text, and the last that is formatted its form (RFC 2046 §5.1.4)."""
    plain: Content | None = None
    best: Said | None = None
    formatted = ""
    refusal: UnsupportedBody | None = None
    for part in multipart.split(entity.body, entity.parameters):
        try:
            said = _read(part, whose, depth)
        except UnsupportedBody as error:
            refusal = error
            continue
        if isinstance(said, Content):
            formatted = said.xhtml or formatted
            if plain is None and part.type == PLAIN:
                plain = said
        best = said or best
    if plain is not None:
        return plain._replace(xhtml=formatted)
    if best is None and refusal is not None:
        raise refusal
    return best._replace(xhtml=formatted) if isinstance(best, Content) else best


def _mixed(entity: Entity, whose: _Whose, depth: int) -> Said | None:
    """The first part that says something; what is signed is the first part of two (RFC 1847 §2.1)."""
    parts = multipart.split(entity.body, entity.parameters)
    if entity.type == "multipart/related":
        parts = [multipart.root(parts, entity.parameters)]
    refusal: UnsupportedBody | None = None
    for part in parts:
        try:
            said = _read(part, whose, depth)
        except UnsupportedBody as error:
            refusal = refusal or error
            continue
        if said is not None:
            return said
    if refusal is not None:
        raise refusal
    return None


def _cpim(entity: Entity, whose: _Whose, depth: int) -> Said | None:
    """RFC 3922 §4.2: of the headers the subject, the time and what is asked for pass."""
    message = cpim.parse(entity.octets)
    if not cpim.agrees(message.from_, whose.host):
        raise RemoteProtocolError("the CPIM message is from another domain than its request", Code.A05, status=403)
    unknown = message.unknown(imdn.NAMESPACE)
    if unknown:
        raise UnsupportedBody("the CPIM message requires headers that are not supported", (("Accept", ACCEPT),))
    said = _read(message.content, whose, depth)
    if not isinstance(said, Content):
        return said
    subject = next((value for lang, value in message.subjects if not lang), "")
    if not subject and message.subjects:
        subject = message.subjects[0][1]
    wanted = imdn.requested(message)
    asked = wanted and Asked(wanted.id, wanted.positive, wanted.negative, wanted.display)
    return said._replace(subject=subject, sent=time_of_stamp(message.date_time), asked=asked)


_LEAVES: dict[str, Callable[[Entity], Said | None]] = {
    PLAIN: _plain,
    html.MEDIA_TYPE: _html,
    "application/xhtml+xml": _html,
    iscomposing.MEDIA_TYPE: _composing,
    keyboard.MEDIA_TYPE: _keyboard,
    imdn.MEDIA_TYPE: _report,
    **dict.fromkeys(rtf.MEDIA_TYPES, _rtf),
}
_FORMATTED = frozenset((html.MEDIA_TYPE, "application/xhtml+xml", *rtf.MEDIA_TYPES))  # which take the most time
_NESTED: dict[str, Callable[[Entity, _Whose, int], Said | None]] = {
    cpim.MEDIA_TYPE: _cpim,
    ALTERNATIVE: _alternative,
}


# --- private: writing -------------------------------------------------------------------------------------------------


def _wrapped(
    inner: Entity, people: tuple[str, str], time: float, extensions: tuple[cpim.Extension, ...]
) -> Entity:
    from_, to = people
    message = cpim.Message(
        cpim.Address("", from_), (cpim.Address("", to),), inner, stamp_of(time), extensions=extensions
    )
    return Entity(cpim.MEDIA_TYPE, {}, cpim.render(message))

