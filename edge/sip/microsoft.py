"""What Microsoft's edges (LCS 2005, OCS, Lync, Skype for Business) do in SIP that no standard knows.

Pure functions, called by the gateway, the transaction layer and the usages of subscriptions; MS-SIP, MS-SIPRE and
MS-OCER are the specifications. What they put into their headers beside that is copied back byte for byte by
`edge.sip.dialog` and `edge.sip.serialise`; bodies are in `edge.sip.sdp` and `edge.bodies.msrtc`. What is not named
anywhere, such as their headers about trust, is ignored and goes nowhere, because nothing copies headers to XMPP.
"""

from typing import Final

from edge.codes import Code
from edge.sip.message import Request
from edge.sip.status import reason

# COMPAT(lync): NEGOTIATE asks for compression on a new connection, with Max-Forwards 0; it is about the link alone,
# so it is refused whoever it names, and the link goes on uncompressed; since Live Communications Server 2005.
NEGOTIATE: Final = "NEGOTIATE"

# COMPAT(lync): BENOTIFY is a NOTIFY that must never be answered, not even when it is malformed. It is sent only to
# who offered `ms-benotify`, which we do not: nothing is lost; since Live Communications Server 2005.
BENOTIFY: Final = "BENOTIFY"
UNANSWERED: Final = frozenset(("ACK", BENOTIFY))

PIGGYBACK: Final = "ms-piggyback-first-notify"  # the option tag: the 200 to a SUBSCRIBE may be the first NOTIFY too

DIAGNOSTICS: Final = "ms-diagnostics-public"
BLOCK: Final = 90_000  # ids of ours are this and 999 more, which Microsoft's tables leave to others
SUPERSEDED: Final = 2139  # another subscription has taken the place of this one


def extensions(method: str) -> frozenset[str]:
    """The option tags that a request of this method may require: session timers are kept (RFC 4028 §9).

    COMPAT(lync): a notifier puts eventlist into Require of plain single-resource NOTIFYs; since OCS 2007.
    """
    return _OF_EVENTS if method in ("NOTIFY", "SUBSCRIBE") else _OF_SESSIONS


def diagnostics(code: Code, text: str = "") -> tuple[str, str]:
    """Why a request was refused, as the partner's administrator sees it in the logs of his edge.

    COMPAT(lync): an edge that gets a failure without it blames us for having given no reason (1034); since OCS 2007.
    """
    number = BLOCK + 100 * _AREAS.index(code.name[0]) + int(code.name[1:])
    return DIAGNOSTICS, f'{number};reason="{code} {quotable(text or code.sentence)}"'


def plain_diagnostics(status: int) -> tuple[str, str]:
    """The same for a failure without a reason code, which is the protocol's own."""
    return DIAGNOSTICS, f'{BLOCK};reason="{reason(status)}"'


def quotable(text: str) -> str:
    """A text that cannot break out of the quotes it is put into."""
    return text.replace("\\", "").replace('"', "'")


def is_superseded(notify: Request) -> bool:
    """Whether a NOTIFY that ends a subscription says that a newer one has replaced it.

    COMPAT(lync): the reason, if there is one, may be that of a denial, which it is not; since OCS 2007.
    """
    rows = (*notify.headers.rows(DIAGNOSTICS), *notify.headers.rows("ms-diagnostics"))
    return any(row.partition(";")[0].strip() == str(SUPERSEDED) for row in rows)


def is_asserted(request: Request) -> bool:
    """Whether the partner says that it has verified the sender. Asked only where we have to take a partner's word.

    COMPAT(lync): the header and its parameter are as reported from the field; what says nothing has not been verified,
    as with Microsoft's UseSourceVerification; since Lync 2010.
    """
    rows = (row.lower().replace(" ", "") for row in request.headers.rows("ms-asserted-verification-level"))
    return any("ms-source-verified-user=verified" in row for row in rows)


def is_multiparty(invite: Request) -> bool:
    """Whether an INVITE without `Require: com.microsoft.rtc-multiparty` is to a session of more than two all the same.

    COMPAT(lync): such sessions were made of ordinary ones before there were conferences; since LCS 2003.
    """
    headers = invite.headers
    if (headers.get("triggeredinvite") or "").lower() == "true":
        return True
    return sum(row.count("<") or row.count(",") + 1 for row in headers.rows("endpoints")) > 2


def offers(request: Request, tag: str) -> bool:
    """Whether a request says that its sender supports an extension; it may have a line for each."""
    return any(tag == said.strip().lower() for row in request.headers.rows("supported") for said in row.split(","))


def with_header(data: bytes, header: str) -> bytes:
    """A request of ours with one more header line, the first: the marker of verification, where a partner wants it."""
    if not header:
        return data
    start, _, rest = data.partition(b"\r\n")
    return b"%b\r\n%b\r\n%b" % (start, header.encode("ascii"), rest)


_OF_EVENTS: Final = frozenset(("eventlist",))
_OF_SESSIONS: Final = frozenset(("timer",))
_AREAS: Final = "DNTCASXPMLK"  # of reason codes, in the order of `edge.codes`
