"""The two kinds of protocol error: a peer's offence and our own bug.

Raised by the protocol cores (`edge.sip`, `edge.xmpp`, `edge.bodies`), turned into an answer by whoever
called them. A *refusal by policy* is no error: it is a value (`edge.partners.Refuse`).
"""

from edge.codes import Code


class ProtocolError(Exception):
    """Something that the rules of a protocol forbid. Never raised itself, only its two children."""


class LocalProtocolError(ProtocolError):
    """We were about to break a rule: a bug of ours, never a peer's fault."""


class RemoteProtocolError(ProtocolError):
    """A peer broke a rule. Carries the answer the peer gets.

    ``status`` is the SIP status code and ``condition`` the XMPP error condition of the answer; both
    default to those of ``code``. ``str(error)`` is one sentence for the log and for the peer; it never
    holds names of ours.
    """

    def __init__(self, text: str, code: Code = Code.S01, *, status: int = 0, condition: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.status = status or code.status
        self.condition = condition or code.condition
