"""Stanzas: elements of a stream <-> values <-> bytes (RFC 6120 §8, RFC 6121 §4, §5).

`parse_stanza` is for what `edge.xmpp.stream` returned on an authenticated stream; the values and the
builders are for everybody above. Bytes made here carry no namespace of their own: they are valid in every
stream's content namespace, that of servers as well as that of components (RFC 6120 §4.8.2). Characters that
XML cannot hold never get out.

A stanza is never changed after it was made; only the speed of making one keeps the classes from being frozen.
"""

from dataclasses import dataclass, field

from edge.errors import RemoteProtocolError
from edge.xmpp.conditions import ERROR_TYPES, NS_STANZA_ERRORS, STANZA_CONDITIONS, StreamError
from edge.xmpp.element import CONTENT_NAMESPACES, LANG, Element, escape, escape_attribute, legal
from edge.xmpp.jid import JID

MESSAGE_TYPES = frozenset(("normal", "chat", "groupchat", "headline", "error"))  # RFC 6121 §5.2.2
PRESENCE_TYPES = frozenset(  # RFC 6121 §4.7.1; "" is available
    ("", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error")
)
IQ_TYPES = frozenset(("get", "set", "result", "error"))  # RFC 6120 §8.2.3
SHOWS = frozenset(("away", "chat", "dnd", "xa"))  # RFC 6121 §4.7.2.1

Texts = tuple[tuple[str, str], ...]  # (language or "", text), in the order of the wire


@dataclass(frozen=True, slots=True)
class StanzaError:
    """RFC 6120 §8.3.2. ``address`` is the new one that gone and redirect may name."""

    condition: str
    type: str = ""
    text: str = ""
    address: str = ""

    def to_xml(self) -> str:
        condition = self.condition if self.condition in STANZA_CONDITIONS else "undefined-condition"
        kind = self.type or STANZA_CONDITIONS[condition]
        address = escape(legal(self.address))
        filled = f">{address}</{condition}>" if address else "/>"
        text = (
            f"<text xmlns='{NS_STANZA_ERRORS}' xml:lang='en'>{escape(legal(self.text))}</text>" if self.text else ""
        )
        return f"<error type='{kind}'><{condition} xmlns='{NS_STANZA_ERRORS}'{filled}{text}</error>"


@dataclass(slots=True)
class Message:
    """RFC 6121 §5. A type that the RFC does not know counts as normal (§5.2.2).

    ``body`` is the one without a language of its own, else the first; ``bodies`` are all of them, and empty
    only if there is none. ``ticket`` is the link's own, for whoever answers for a message that has come in.
    """

    from_: JID | None
    to: JID | None
    id: str = ""
    type: str = "normal"
    lang: str = ""
    error: StanzaError | None = None
    extensions: tuple[Element, ...] = ()
    body: str = ""
    bodies: Texts = ()
    subject: str = ""
    thread: str = ""
    ticket: object | None = field(default=None, compare=False, repr=False)

    def to_bytes(self) -> bytes:
        kind = "" if self.type == "normal" else self.type
        subject = f"<subject>{escape(legal(self.subject))}</subject>" if self.subject else ""
        bodies = _texts("body", self.bodies or ((("", self.body),) if self.body else ()))
        thread = f"<thread>{escape(legal(self.thread))}</thread>" if self.thread else ""
        return _stanza("message", self, kind, subject + bodies + thread)


@dataclass(slots=True)
class Presence:
    """RFC 6121 §4.7. ``type`` is as received: what is not in `PRESENCE_TYPES` deserves a bad-request.

    An unknown ``show`` and a malformed ``priority`` count as not given. ``status`` and ``statuses`` are as
    body and bodies of a `Message`.
    """

    from_: JID | None
    to: JID | None
    id: str = ""
    type: str = ""
    lang: str = ""
    error: StanzaError | None = None
    extensions: tuple[Element, ...] = ()
    show: str = ""
    status: str = ""
    statuses: Texts = ()
    priority: int = 0

    def to_bytes(self) -> bytes:
        show = f"<show>{escape(legal(self.show))}</show>" if self.show else ""
        statuses = _texts("status", self.statuses or ((("", self.status),) if self.status else ()))
        priority = f"<priority>{self.priority}</priority>" if self.priority else ""
        return _stanza("presence", self, self.type, show + statuses + priority)


@dataclass(slots=True)
class Iq:
    """RFC 6120 §8.2.3. ``type`` is as received. A get or set has exactly one child, the ``payload``; if it has
    none or several, the payload is None, which deserves a bad-request, as does an empty ``id``.
    """

    from_: JID | None
    to: JID | None
    id: str = ""
    type: str = "get"
    lang: str = ""
    error: StanzaError | None = None
    extensions: tuple[Element, ...] = ()
    payload: Element | None = None

    def to_bytes(self) -> bytes:
        return _stanza("iq", self, self.type, self.payload.to_bytes().decode() if self.payload else "")


Stanza = Message | Presence | Iq

_jid_of = JID.parse  # bound once: Python binds a method of a class anew for each call


def parse_stanza(element: Element) -> Stanza:
    """Return the stanza that a first-level element is; `StreamError` if it is none, or not addressed."""
    if element.namespace not in CONTENT_NAMESPACES:
        raise StreamError("unsupported-stanza-type")
    attributes = element.attributes
    get = attributes.get
    try:
        from_ = _jid_of(attributes["from"])
        to = _jid_of(attributes["to"])
    except KeyError:
        raise StreamError("improper-addressing", "a stanza lacks its from or its to") from None
    except RemoteProtocolError as error:
        raise StreamError("improper-addressing", str(error)) from None
    name = element.name
    if name == "message":
        return _message(element, from_, to, get("id", ""), get("type", "normal"), get(LANG, ""))
    if name == "presence":
        return _presence(element, from_, to, get("id", ""), get("type", ""), get(LANG, ""))
    if name == "iq":
        return _iq(element, from_, to, get("id", ""), get("type", ""), get(LANG, ""))
    raise StreamError("unsupported-stanza-type")


def message_bytes(
    from_: JID, to: JID, body: str, *, id: str, type: str, subject: str = "", thread: str = "", lang: str = "",
    beside: str = "",
) -> bytes:
    """The bytes of a message with one body, the fast way. ``id`` and ``lang`` may be a peer's choice.

    ``beside`` is the markup of whatever else it says.
    """
    more = f" xml:lang='{escape_attribute(lang)}'" if lang else ""
    if subject:
        subject = f"<subject>{escape(subject)}</subject>"
    if thread:
        thread = f"<thread>{escape(thread)}</thread>"
    if "'" in id or "&" in id or "<" in id or not id.isprintable():
        id = escape_attribute(id)
    text = (
        f"<message from='{from_.quoted}' to='{to.quoted}' id='{id}' type='{type}'{more}>"
        f"{subject}<body>{escape(body)}</body>{thread}{beside}</message>"
    )
    try:
        data = text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return legal(text).encode()
    if data.translate(_WITHOUT_CONTROLS) == data and (0xEF not in data or b"\xef\xbf" not in data):
        return data
    return legal(text).encode()


def error_bytes(stanza: Stanza, condition: str, text: str, type: str = "", *, address: str = "") -> bytes:
    """The answer that refuses ``stanza``; ``b""`` for what must not be answered so (RFC 6120 §8.3.1, §8.2.3).

    ``text`` is one English sentence for the person who has sent it.
    """
    if stanza.type == "error" or (stanza.type == "result" and isinstance(stanza, Iq)):
        return b""
    name = stanza.__class__.__name__.lower()
    begin = _begin(name, stanza.to, stanza.from_, stanza.id, "error", "")
    return f"{begin}>{StanzaError(condition, type, text, address).to_xml()}</{name}>".encode()


_CONTROLS = bytes(sorted(set(range(0x20)) - {0x09, 0x0A, 0x0D}))  # illegal in XML 1.0, as U+FFFE and U+FFFF are
_WITHOUT_CONTROLS = bytes.maketrans(_CONTROLS, b"?" * len(_CONTROLS))  # what has none of them comes back as it is


def _begin(name: str, from_: JID | None, to: JID | None, id: str, type: str, lang: str) -> str:
    begin = f"<{name}"
    if from_ is not None:
        begin = f"{begin} from='{from_.quoted}'"
    if to is not None:
        begin = f"{begin} to='{to.quoted}'"
    if id:
        begin = f"{begin} id='{escape_attribute(legal(id))}'"
    if type:
        begin = f"{begin} type='{escape_attribute(legal(type))}'"
    if lang:
        begin = f"{begin} xml:lang='{escape_attribute(legal(lang))}'"
    return begin


def _stanza(name: str, stanza: Stanza, type: str, content: str) -> bytes:
    begin = _begin(name, stanza.from_, stanza.to, stanza.id, type, stanza.lang)
    if stanza.error is not None:
        content += stanza.error.to_xml()
    if stanza.extensions:
        content += b"".join([extension.to_bytes() for extension in stanza.extensions]).decode()
    return (f"{begin}>{content}</{name}>" if content else f"{begin}/>").encode()


def _texts(name: str, texts: Texts) -> str:
    return "".join(
        [
            f"<{name} xml:lang='{escape_attribute(legal(lang))}'>{escape(legal(text))}</{name}>"
            if lang
            else f"<{name}>{escape(legal(text))}</{name}>"
            for lang, text in texts
        ]
    )


def _message(element: Element, from_: JID, to: JID, id: str, type: str, lang: str) -> Message:
    texts: list[tuple[str, str]] = []
    subjects: list[tuple[str, str]] = []
    thread = ""
    error = None
    extensions: list[Element] = []
    for child in element.children:
        if isinstance(child, str):
            continue
        if child.namespace != element.namespace:
            if child.namespace not in CONTENT_NAMESPACES:  # written by us, it would become a part of the stanza
                extensions.append(child)
        elif child.name == "body":
            texts.append((child.attributes.get(LANG, ""), child.text))
        elif child.name == "subject":
            subjects.append((child.attributes.get(LANG, ""), child.text))
        elif child.name == "thread":
            thread = child.text
        elif child.name == "error" and type == "error":
            error = _error(child)
        else:
            extensions.append(child)
    return Message(
        from_,
        to,
        id,
        type if type in MESSAGE_TYPES else "normal",
        lang,
        error,
        tuple(extensions),
        _chosen(texts),
        tuple(texts),
        _chosen(subjects),
        thread,
    )


def _presence(element: Element, from_: JID, to: JID, id: str, type: str, lang: str) -> Presence:
    statuses: list[tuple[str, str]] = []
    show = ""
    priority = 0
    error = None
    extensions: list[Element] = []
    for child in element.children:
        if isinstance(child, str):
            continue
        if child.namespace != element.namespace:
            if child.namespace not in CONTENT_NAMESPACES:  # written by us, it would become a part of the stanza
                extensions.append(child)
        elif child.name == "show":
            show = child.text if child.text in SHOWS else ""
        elif child.name == "status":
            statuses.append((child.attributes.get(LANG, ""), child.text))
        elif child.name == "priority":
            priority = _priority(child.text)
        elif child.name == "error" and type == "error":
            error = _error(child)
        else:
            extensions.append(child)
    return Presence(
        from_, to, id, type, lang, error, tuple(extensions), show, _chosen(statuses), tuple(statuses), priority
    )


def _iq(element: Element, from_: JID, to: JID, id: str, type: str, lang: str) -> Iq:
    error = None
    payload: list[Element] = []
    for child in element.elements():
        if type == "error" and child.name == "error" and child.namespace == element.namespace:
            error = _error(child)
        else:
            payload.append(child)
    if len(payload) == 1:
        return Iq(from_, to, id, type, lang, error, (), payload[0])
    return Iq(from_, to, id, type, lang, error, tuple(payload), None)


def _chosen(texts: list[tuple[str, str]]) -> str:
    """The text for those who want one: RFC 6121 §5.2.3."""
    if len(texts) == 1:
        return texts[0][1]
    for lang, text in texts:
        if not lang:
            return text
    return texts[0][1] if texts else ""


def _priority(text: str) -> int:
    """RFC 6121 §4.7.2.3: an integer from -128 to +127."""
    text = text.strip(" \t\r\n")
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 3):
        return 0
    priority = int(text)
    return priority if -128 <= priority <= 127 else 0


def _error(element: Element) -> StanzaError:
    """RFC 6120 §8.3.2; an unknown condition is undefined-condition (§8.3.3.21)."""
    condition = text = address = ""
    for child in element.elements():
        if child.namespace != NS_STANZA_ERRORS:
            continue
        if child.name == "text":
            text = text or child.text
        elif not condition:
            condition = child.name
            address = child.text.strip() if condition in ("gone", "redirect") else ""
    if condition not in STANZA_CONDITIONS:
        condition = "undefined-condition"
    kind = element.attributes.get("type", "")
    return StanzaError(condition, kind if kind in ERROR_TYPES else STANZA_CONDITIONS[condition], text, address)
