"""The checks of a server before it looks at what a request is about (RFC 3261 §8.2.1, §8.2.2).

Called by the gateway after `edge.sip.message.check_request`. Admission comes before these checks, and what
needs state (merged requests, dialogs) or knowledge of content comes after them.
"""

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip.grammar import is_token
from edge.sip.message import METHODS, Request

Refusal = tuple[int, list[tuple[str, str]], Code]  # status, headers of the answer, reason code


def refusal(
    request: Request,
    *,
    methods: frozenset[str],
    extensions: frozenset[str],
    schemes: tuple[str, ...] = ("sip", "im", "pres"),
) -> Refusal | None:
    """What a request must be refused with, in the order of RFC 3261 §8.2; None if it may go on.

    ``methods`` and ``extensions`` are those we support. Proxy-Require binds proxies only and is not looked at.
    """
    if request.method not in methods:
        status = 405 if request.method in METHODS else 501
        return status, [("Allow", ", ".join(sorted(methods)))], Code.S03
    try:
        supported = request.request_uri.scheme in schemes
        secure = request.to.uri[:5].lower() == "sips:" and "sips" not in schemes
    except RemoteProtocolError as error:
        if error.status != 416:
            return error.status, [], error.code
        supported = secure = False
    if not supported:
        return 416, [], Code.S08
    if secure:  # nobody can promise TLS on every hop behind us (RFC 7247 §8)
        return 480, [], Code.S08
    if request.method in ("ACK", "CANCEL") or b"require" not in request.headers:
        return None
    try:
        required = request.headers.elements("require")
    except RemoteProtocolError as error:
        return error.status, [], error.code
    if not all(map(is_token, required)):
        return 400, [], Code.S01
    unknown = [tag for tag in required if tag.lower() not in extensions]
    return (420, [("Unsupported", ", ".join(unknown))], Code.S07) if unknown else None
