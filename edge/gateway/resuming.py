"""Messages that an earlier life of the gateway had taken and not settled: they go on, or back to their senders.

They go in the order in which they came. One that may have been written already is the very same request, with its
Call-ID, CSeq, From tag and body, on another branch: the SIP side may have got it. A message whose time is over, or that
may not go any more, comes back. Called by `edge.gateway.restoring`; `edge.gateway.journal` has kept them.
"""

from collections.abc import Callable

from edge.codes import Code
from edge.gateway.effects import Effect
from edge.gateway.journal import FOR_SO_LONG
from edge.gateway.node import Node
from edge.gateway.records import MessageRecord
from edge.gateway.submission import Submission, Submissions, bounce
from edge.mapping.addresses import uri_of
from edge.mapping.messages import MessageFacts
from edge.partners import Refuse
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

TOO_LATE = "the gateway was down while the message waited, for too long; it may not have been delivered"


class Resuming:
    """``send`` gives a message its way: by itself, or in a session."""

    def __init__(self, node: Node, submissions: Submissions, send: Callable[[Submission], list[Effect]]) -> None:
        self._node = node
        self._submissions = submissions
        self._send = send

    def take_up(self, key: str, due: float, record: MessageRecord) -> list[Effect] | None:
        """One message; None if nobody is there who could be told of it. Raises `RemoteProtocolError` for no address."""
        node, directory = self._node, self._node.directory
        sender, recipient = JID.parse(record.sender), JID.parse(record.recipient)
        home = directory.system_of(sender.host)
        if home is None or home.protocol != "xmpp" or node.wall > due + FOR_SO_LONG:
            return None
        stanza = Message(sender, recipient, record.id, record.type)
        kept = self._submissions.journal.read(key, due)
        decision = directory.admit(directory.identify("xmpp", frozenset((sender.host,))), sender.host, recipient.host)
        if isinstance(decision, Refuse):
            code = decision.code
            return kept.returned(bounce(stanza, code.condition, code.sentence, code))
        submission = Submission(
            stanza, decision, uri_of(recipient), record.headers, record.body, record.call_id, began=node.wheel.now
        )
        submission.kept, submission.tag, submission.until = kept, record.tag, due
        if record.form is not None:
            submission.asking = MessageFacts(*record.form, None)
        self._submissions.resumed(submission)
        if decision.im is not None:
            return self._submissions.failed(submission, decision.im, decision.im.sentence)
        if node.wall >= due:
            return self._submissions.failed(submission, Code.M02, TOO_LATE)
        return self._send(submission)
