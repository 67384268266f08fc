"""Error conditions of stanzas and of streams (RFC 6120 §8.3.3, §4.9.3), and the error that ends a stream."""

from collections.abc import Sequence

from edge.codes import Code
from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.xmpp.element import escape, legal

NS_STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"

ERROR_TYPES = frozenset(("auth", "cancel", "continue", "modify", "wait"))  # RFC 6120 §8.3.2

# Each stanza error condition with the error type the RFC gives it first.
STANZA_CONDITIONS = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}

STREAM_CONDITIONS = frozenset(
    (
        "bad-format",
        "bad-namespace-prefix",
        "conflict",
        "connection-timeout",
        "host-gone",
        "host-unknown",
        "improper-addressing",
        "internal-server-error",
        "invalid-from",
        "invalid-namespace",
        "invalid-xml",
        "not-authorized",
        "not-well-formed",
        "policy-violation",
        "remote-connection-failed",
        "reset",
        "resource-constraint",
        "restricted-xml",
        "see-other-host",
        "system-shutdown",
        "undefined-condition",
        "unsupported-encoding",
        "unsupported-feature",
        "unsupported-stanza-type",
        "unsupported-version",
    )
)


class StreamError(RemoteProtocolError):
    """A peer's offence that ends the stream: answer `stream_error_bytes`, then close (RFC 6120 §4.9.1.1)."""

    def __init__(self, condition: str, text: str = "", code: Code | None = None) -> None:
        if condition not in STREAM_CONDITIONS:
            raise LocalProtocolError(f"{condition} is no stream error condition")
        code = code or _CODES.get(condition, Code.X01)
        super().__init__(text or code.sentence, code, condition=condition)
        self.text = text
        self.events: Sequence[object] = ()  # what `edge.xmpp.stream` had completed before the offence


def stream_error_bytes(condition: str, text: str = "", detail: str = "") -> bytes:
    """The stream error and the end of the stream; our own stream header must have gone before.

    ``detail`` is an element of an application (RFC 6120 §4.9.4).
    """
    if condition not in STREAM_CONDITIONS:
        raise LocalProtocolError(f"{condition} is no stream error condition")
    explanation = f"<text xmlns='{NS_STREAM_ERRORS}' xml:lang='en'>{escape(legal(text))}</text>" if text else ""
    return (
        f"<stream:error><{condition} xmlns='{NS_STREAM_ERRORS}'/>{explanation}{detail}</stream:error></stream:stream>"
    ).encode()


_CODES = {
    "connection-timeout": Code.X06,
    "host-unknown": Code.A06,
    "invalid-from": Code.X04,
    "invalid-namespace": Code.X05,
    "not-well-formed": Code.X01,
    "policy-violation": Code.X03,
    "resource-constraint": Code.L03,
    "restricted-xml": Code.X02,
    "unsupported-encoding": Code.X02,
}
