"""What is agreed about messages between two systems: their form, and the text beside an encrypted one.

Both are said of partners, not of systems of ours; between two partners the stricter word counts. What the client of a
SIP user reads is another question: a session is told (`edge.sip.sdp`), and outside of one `Accept` tells. Called by
`edge.gateway.submission`, `edge.gateway.delivery`, `edge.gateway.pager` and `edge.gateway.chat`.
"""

from edge.bodies import html
from edge.errors import RemoteProtocolError
from edge.mapping.payloads import ALTERNATIVE, PLAIN
from edge.partners import System
from edge.sip import sdp
from edge.sip.message import Request, Response
from edge.xmpp.jid import JID

FORMS = (html.MEDIA_TYPE, ALTERNATIVE)
NO_FORM: frozenset[str] = frozenset()

MAX_USERS = 20_000  # of whom we know what their clients read


def formatted(one: System, other: System) -> bool:
    """Whether the form of a text passes between these two (`System.html`)."""
    return (one.inside or one.html == "xhtml") and (other.inside or other.html == "xhtml")


def session_types(one: System, other: System) -> tuple[str, ...]:
    """What we say we read in a session. More is read, but who may choose then sends what a person has written."""
    return (PLAIN, *FORMS) if formatted(one, other) else (PLAIN,)


def forms_of(described: Request | Response) -> frozenset[str]:
    """The types of formatted text that the other side of a session says it reads, in its INVITE or its 200."""
    try:
        offer = sdp.offered(described) if isinstance(described, Request) else sdp.parse(described.body)
    except RemoteProtocolError:
        return NO_FORM
    return frozenset(filter(offer.takes, FORMS))


def encryption(one: System, other: System) -> str:
    """What becomes of an encrypted message: ``refuse``, or ``fallback`` for the text beside it."""
    falls_back = (one.inside or one.encrypted != "refuse") and (other.inside or other.encrypted != "refuse")
    return "fallback" if falls_back else "refuse"


class Readers:
    """Which SIP users read which forms outside of sessions: those that they have named in the Accept of a MESSAGE."""

    def __init__(self) -> None:
        self._forms: dict[JID, frozenset[str]] = {}

    def heard(self, user: JID, request: Request) -> None:
        """He has sent a MESSAGE by itself."""
        named = {
            each.partition(";")[0].strip().lower()
            for row in request.headers.rows("Accept")
            for each in row.split(",")
            if "q=0" not in each.replace(" ", "").split(";")
        }
        forms = frozenset(named.intersection(FORMS))
        if forms == self._forms.get(user, NO_FORM):
            return
        if len(self._forms) >= MAX_USERS:
            self._forms.clear()
        self._forms[user] = forms

    def forms(self, user: JID) -> frozenset[str]:
        return self._forms.get(user, NO_FORM)

    def refused(self, user: JID) -> None:
        """He has answered 415 to one of them."""
        self._forms.pop(user, None)
