"""Failures across the two worlds: stanza error conditions <-> SIP status codes (RFC 7247 §7).

Both tables are total: every condition of RFC 6120 §8.3.3 has a status, every status from 300 to 699 has a condition.
They are published in docs/mapping.md. Called by the gateway whenever one side refuses what the other side sent.
"""

import re
from dataclasses import dataclass, replace

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.addresses import jid_of, jid_of_xmpp_uri, uri_of, xmpp_uri_of
from edge.sip.message import Response
from edge.sip.uri import SipUri
from edge.xmpp.conditions import STANZA_CONDITIONS
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import StanzaError

UNDISTURBED = frozenset((486, 600, 603))
"""Busy, busy everywhere, declined: what the client of somebody answers who takes no messages now.

COMPAT(lync): so do theirs for a user in Do Not Disturb, and give no number that would tell more; since OCS 2007.
"""

MAX_REASON = 200  # characters of a peer's text in our status line; a sentence, not an essay


@dataclass(frozen=True, slots=True)
class Failure:
    """A final SIP response that says what a stanza error said. ``reason`` is empty for the status's own phrase."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def status_of(condition: str, *, full: bool, address: str = "", message: bool = True) -> int:
    """Return the SIP status code of a stanza error condition (RFC 7247 §7.1 table 2).

    ``full``: the error concerns a full JID. ``address``: the new address that `gone` or `redirect` carry.
    ``message``: the stanza was a message; else it was about presence. The result is fit for non-INVITE requests.
    """
    if condition == "gone":
        return 301 if address else 410
    if condition == "redirect":
        return 302 if address else 480
    if condition == "service-unavailable":
        return 480 if message else 403
    row = _STATUS.get(condition, 400)
    return row if isinstance(row, int) else row[0 if full else 1]


def failure_of(
    error: StanzaError, *, full: bool, message: bool = True, allow: str = "", in_session: bool = False, accept: str = ""
) -> Failure:
    """Return the whole SIP answer to a stanza error: status, phrase, and the headers that the status demands.

    ``allow`` is the value of the Allow header of a 405 (RFC 3261 §8.2.1), ``accept`` that of the Accept header of a
    415. A new address goes into Contact, when it can be expressed in SIP; an address that cannot is as good as none.
    ``in_session``: the message came within a session of text.
    """
    contact = _contact_of(error.address) if error.address else ""
    status = status_of(error.condition, full=full, address=contact, message=message)
    if in_session:
        status = _IN_SESSION.get(error.condition, status)
    headers: tuple[tuple[str, str], ...] = ()
    if status in (301, 302):
        headers = (("Contact", f"<{contact}>"),)
    elif status == 405:
        headers = (("Allow", allow),)
    elif status == 415:
        headers = (("Accept", accept),)
    return Failure(status, _one_line(error.text), headers)


def status_of_code(code: Code) -> int:
    """Return the status that a peer is told when we ourselves fail it with ``code``.

    A 503 would make the peer stop using the whole gateway (RFC 7247 §7.1, RFC 3261 §21.5.4), and a 408 must not
    answer a non-INVITE request (RFC 4320 §4.2): both become 504.
    """
    if code.status in (408, 503):
        return 504
    return code.status or 500


def condition_of(status: int, *, retry_after: int | None = None, address: str = "") -> tuple[str, str]:
    """Return the stanza error condition and the error type of a SIP failure (RFC 7247 §7.2 table 3).

    ``address`` is the new address of a 3xx as an xmpp: URI; a 301 without one cannot be `gone`. With a
    ``retry_after`` (seconds) trying again makes sense, so the type is ``wait``.
    """
    if status == 301:
        condition = "gone" if address else "item-not-found"
    else:
        condition = _CONDITION.get(status) or _CONDITION_OF_CLASS.get(status // 100, "undefined-condition")
    return condition, "wait" if retry_after is not None else STANZA_CONDITIONS[condition]


def condition_of_response(response: Response) -> tuple[str, str, str]:
    """Return condition, type, and the xmpp: URI of the new address (empty if there is none) for a SIP failure."""
    status = response.status
    address = _address_of(response) if 300 <= status < 400 else ""
    condition, kind = condition_of(status, retry_after=response.retry_after, address=address)
    better = _CONDITION_OF_ID.get(_diagnosis(response)[0])
    if better is not None and status >= 400:
        condition = better
        kind = "wait" if response.retry_after is not None else STANZA_CONDITIONS[condition]
    return condition, kind, address if condition in ("gone", "redirect") else ""


def code_of_response(response: Response) -> Code:
    """The reason code of a message that a SIP failure has ended: that the recipient is not to be disturbed, or M03."""
    return Code.M05 if response.status in UNDISTURBED else Code.M03


def sentence_of(response: Response, condition: str) -> str:
    """What a SIP failure, which is the stanza error ``condition``, means for the person who has written."""
    return _SENTENCE_OF_STATUS.get(response.status) or _SENTENCE.get(condition, "the message was refused")


def said_by(response: Response) -> str:
    """What a SIP failure says of itself: its status line, and the reason that a Microsoft edge gives behind it.

    The number is what the partner's administrator finds in his logs.
    """
    said = f"{response.status} {_one_line(response.reason)}"
    number, reason = _diagnosis(response)
    return f"{said} ({f'{number} {reason}'.rstrip()})" if number else said


# --- private: the tables ----------------------------------------------------------------------------------------------

# RFC 7247 §7.1 table 2. A pair is (about a full JID, about a bare JID). `gone`, `redirect` and `service-unavailable`
# depend on more than that and stand in `status_of`.
_STATUS: dict[str, int | tuple[int, int]] = {
    "bad-request": 400,
    "conflict": 400,
    "feature-not-implemented": (405, 501),
    "forbidden": (403, 603),
    "internal-server-error": 500,
    "item-not-found": (404, 604),
    "jid-malformed": 400,
    "not-acceptable": (406, 606),
    "not-allowed": 403,
    "not-authorized": 403,  # table 2 says 401, which needs a challenge that nobody could answer (RFC 3261 §20.44)
    "policy-violation": 403,
    "recipient-unavailable": (480, 600),
    "registration-required": 403,  # table 2 says 407: as for 401
    "remote-server-not-found": 404,
    "remote-server-timeout": 504,  # table 2 says 408, which must not answer a non-INVITE request (RFC 4320 §4.2)
    "resource-constraint": 500,
    "subscription-required": 400,
    "undefined-condition": 400,
    "unexpected-request": 491,
}

# RFC 7247 §7.2 table 3; 301 stands in `condition_of`.
_CONDITION = {
    380: "not-acceptable",
    401: "not-authorized",
    403: "forbidden",
    404: "item-not-found",
    405: "feature-not-implemented",
    406: "not-acceptable",
    407: "registration-required",
    408: "remote-server-timeout",
    410: "gone",
    413: "policy-violation",
    414: "policy-violation",
    415: "not-acceptable",
    416: "not-acceptable",
    420: "feature-not-implemented",
    421: "not-acceptable",
    423: "resource-constraint",
    430: "recipient-unavailable",
    439: "feature-not-implemented",
    440: "policy-violation",
    # COMPAT(kamailio): its 477, "error on sending to next hop", is in no standard and would count as 400, but says that
    # a phone is gone whose registration has not expired; since 5.6 or before
    477: "recipient-unavailable",
    480: "recipient-unavailable",
    481: "item-not-found",
    482: "not-acceptable",
    483: "not-acceptable",
    484: "item-not-found",
    485: "item-not-found",
    486: "recipient-unavailable",
    487: "recipient-unavailable",
    488: "not-acceptable",
    489: "policy-violation",
    491: "unexpected-request",
    501: "feature-not-implemented",
    502: "remote-server-not-found",
    504: "remote-server-timeout",
    505: "not-acceptable",
    513: "policy-violation",
    604: "item-not-found",
    606: "not-acceptable",
}

# COMPAT(lync): the status of RFC 7247 §7.1 makes Microsoft's clients say something else than what happened, for example
# that an administrator has forbidden it (606) or that the service is down (603); since Communicator 2005.
_IN_SESSION = {
    "feature-not-implemented": 415,  # "cannot be sent to this recipient", and so for the next one
    "forbidden": 403,
    "item-not-found": 404,
    "not-acceptable": 415,
    "policy-violation": 403,
    "recipient-unavailable": 480,
    "remote-server-not-found": 504,
}

# COMPAT(lync): the reason behind a status, by its number in ms-diagnostics; 403, 404, 480 and 504 are all used for
# several of them, and a number that is not here says no more than the status does; since OCS 2007.
_CONDITION_OF_ID = {
    1001: "forbidden",  # we may not send as a public provider
    1002: "forbidden",  # their user may not talk to partners
    1003: "item-not-found",  # no such user
    1005: "remote-server-not-found",  # they do not know the domain
    1006: "recipient-unavailable",  # the way to the client is broken
    1007: "remote-server-timeout",  # cannot be routed just now
    1008: "remote-server-not-found",  # they do not find our domain in DNS
    1009: "remote-server-not-found",  # what they find of us is in another domain
    1010: "remote-server-not-found",  # they do not trust our certificate
    1012: "forbidden",  # our user may not talk to theirs
    1014: "remote-server-not-found",  # they find no address for our host
    1017: "forbidden",  # these domains do not go together
    4003: "forbidden",  # the user is not enabled for it
    4005: "item-not-found",  # the user is not enabled for SIP
}

# One sentence each, for those who know nothing of SIP. Every condition that `condition_of_response` gives has one.
_SENTENCE = {
    "bad-request": "the other side did not understand the message",
    "feature-not-implemented": "the other side takes no messages of this kind",
    "forbidden": "the other side does not allow you to write to this contact",
    "gone": "this address is not in use any more",
    "internal-server-error": "the server of this contact has failed",
    "item-not-found": "there is no such contact",
    "not-acceptable": "the contact's client does not take messages of this kind",
    "not-authorized": "the other side does not allow you to write to this contact",
    "policy-violation": "the other side does not take this message",
    "recipient-unavailable": "the contact cannot be reached now",
    "redirect": "the contact is reached at another address",
    "registration-required": "the other side does not allow you to write to this contact",
    "remote-server-not-found": "the server of this contact cannot be found",
    "remote-server-timeout": "the other side has not answered in time",
    "resource-constraint": "the other side is too busy to take the message",
    "unexpected-request": "the other side was busy with something else: please try again",
}
_SENTENCE_OF_STATUS = {
    413: "the message is too long for the other side",
    486: "the contact does not want to be disturbed",
    513: "the message is too long for the other side",
    600: "the contact does not want to be disturbed",
    603: "the contact does not want the message",
}
_CONDITION_OF_CLASS = {3: "redirect", 4: "bad-request", 5: "internal-server-error", 6: "recipient-unavailable"}


# --- private: addresses and text --------------------------------------------------------------------------------------


def _contact_of(address: str) -> str:
    """The SIP URI for the address in `gone` or `redirect`; empty if it has none."""
    scheme = address.partition(":")[0].lower()
    try:
        if scheme in ("sip", "sips", "im", "pres"):
            return str(replace(SipUri.parse(address.strip()), headers=""))  # headers of a URI are never obeyed
        # COMPAT(jabberd): a plain JID instead of a URI, from before RFC 6120 asked for one; since 2004
        jid = jid_of_xmpp_uri(address.strip()) if scheme == "xmpp" else JID.parse(address.strip())
        return uri_of(jid)
    except RemoteProtocolError:
        return ""


def _address_of(response: Response) -> str:
    """The xmpp: URI for the Contact of a redirection; empty if it has none."""
    try:
        contact = response.contact
        return xmpp_uri_of(jid_of(contact.sip_uri)) if contact is not None else ""
    except RemoteProtocolError:
        return ""


_DIAGNOSTICS = ("ms-diagnostics-public", "ms-diagnostics", "ms-client-diagnostics")
_NUMBER = re.compile(r"[ \t]*([0-9]{1,9})[ \t]*(?:;|$)")
_REASON = re.compile(r';[ \t]*reason[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)


def _diagnosis(response: Response) -> tuple[int, str]:
    """Number and reason of the first header with diagnostics that can be read; 0 if there is none."""
    for name in _DIAGNOSTICS:
        for row in response.headers.rows(name):
            number = _NUMBER.match(row)
            if number is not None:
                reason = _REASON.search(row)
                return int(number[1]), _one_line(reason[1].replace("\\", "")) if reason is not None else ""
    return 0, ""


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()[:MAX_REASON]
