"""In which formats a SIP system is told of presence, and tells us: PIDF, or for Microsoft's servers their own as well.

Everything else in the gateway knows documents as values (`edge.bodies.document`). Called by the subscribers and
notifiers of `edge.gateway`.
"""

from edge.bodies import msrtc, pidf
from edge.bodies.document import Document
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.msrtc import document_from, presentity_of
from edge.partners import System
from edge.sip.subscription import PIDF

MSRTC = msrtc.MEDIA_TYPE


def formats(system: System) -> tuple[str, ...]:
    """The formats that a system may use, the preferred one first."""
    return (MSRTC, PIDF) if system.presence_format == "msrtc" else (PIDF,)


def rendered(document: Document, media_type: str) -> bytes:
    """A document in one of the formats."""
    return msrtc.render(presentity_of(document)) if media_type == MSRTC else pidf.render(document)


def understood(media_type: str, body: bytes) -> Document | RemoteProtocolError:
    """The document of a NOTIFY, or why it cannot be read. Which of the formats it has is the notifier's choice."""
    try:
        if media_type == MSRTC:
            return document_from(msrtc.parse(body))
        if media_type == PIDF:
            return pidf.parse(body)
    except RemoteProtocolError as error:
        return error
    return RemoteProtocolError(f"a presence document is {PIDF}", Code.S04)
