"""Session-mode instant messages: each MESSAGE within a dialog that an INVITE has opened, as Microsoft clients have it.

A `Chat` is a SIP user and an XMPP contact who talk; it has one session at a time, opened by whoever speaks first, and a
queue of what the contact has said. A session that turns out to be over is opened anew, and what was not confirmed is
said again. Called by `edge.gateway.core`.
"""

from typing import cast

from edge.bodies import cpim, imdn
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.conversation import TIME, Call, Chat, Conversations
from edge.gateway.delivery import Deliveries
from edge.gateway.effects import Effect, Report, SendSip
from edge.gateway.farewell import Farewell
from edge.gateway.modes import PAGE, SESSION, Modes
from edge.gateway.node import Node
from edge.gateway.pager import Pager
from edge.gateway.receipts import wraps
from edge.gateway.submission import Aside, Submission, Submissions
from edge.gateway.terms import session_types
from edge.gateway.typing import Talk, Typists
from edge.gateway.unopened import NEVER_BEGAN, Unopened
from edge.mapping import messages
from edge.mapping.addresses import SipsNotAllowed, jid_of, uri_of
from edge.mapping.messages import MessageFacts, Typing
from edge.partners import Admit, Changes
from edge.sip import microsoft, sdp
from edge.sip.message import Response
from edge.sip.session import GONE, Session
from edge.sip.session_outputs import (
    Answered,
    Arrived,
    Cancel,
    Cause,
    Ended,
    Idle,
    Opened,
    Output,
    Repeat,
    Respond,
    SendAck,
)
from edge.sip.subscription import Rearm, SendRequest, usage_key
from edge.sip.transaction import ServerTransaction
from edge.sip.uri import SipUri
from edge.xmpp.jid import JID

RECEIPT_TYPES = (cpim.MEDIA_TYPE, imdn.MEDIA_TYPE)  # what we say we accept to who is known to know them

MOST_CROSSED = 5  # times that a message may meet a session which the other side has given up for the other one

LEAVING = "the gateway is stopping"


class Chats:
    """All chats, and their sessions."""

    def __init__(
        self, node: Node, deliveries: Deliveries, submissions: Submissions, modes: Modes, pager: Pager, typists: Typists
    ) -> None:
        self._node = node
        self._deliveries = deliveries
        self._submissions = submissions
        self._modes = modes
        self._pager = pager
        self._typists = typists
        self._all = Conversations()
        self._unopened = Unopened(node, submissions, modes, pager, self)
        self._is_leaving = False
        pager.other_way = self

    def __len__(self) -> int:
        return len(self._all.calls)

    def sessions(self) -> dict[tuple[str, str], int]:
        """How many there are by (SIP system, "in" or "out")."""
        return self._all.sessions()

    def takes(self, submission: Submission) -> bool:
        """Whether a message goes into a session. What the contact has said before, either way, stays before it."""
        stanza = submission.stanza
        assert stanza.from_ is not None and stanza.to is not None
        user = stanza.to.bare()
        chats = self._all.chats
        chat = chats.get((user, stanza.from_.bare())) if chats else None
        if chat is None:
            is_session = self._modes.of(submission.decision.recipient, user) == SESSION
            return is_session and not self._pager.is_busy(submission.target)
        return not chat.is_silent or not self._pager.is_busy(submission.target)  # in the dialog that there is

    # --- from SIP -------------------------------------------------------------------------------------

    def invited(
        self, transaction: ServerTransaction, decision: Admit, sender: SipUri, target: SipUri
    ) -> list[Effect]:
        """An INVITE outside any dialog. Whether the contact is there, each message will show."""
        node = self._node
        if self._is_leaving:
            return node.refuse(transaction, Code.N03, 503, text=LEAVING)
        try:
            user, contact = jid_of(sender).bare(), jid_of(target).bare()
            if not contact.local or not user.local:
                return node.refuse(transaction, Code.A06, 404)
            types = session_types(decision.sender, decision.recipient)
            if wraps(transaction.request.body):
                types += RECEIPT_TYPES
            session = Session.incoming(node.agent, transaction, types, idle=node.session_idle)
        except SipsNotAllowed as error:
            return node.refuse(transaction, error.code, error.status, error.headers, str(error))
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, _accept(error), str(error))
        chat = self._all.chat(user, contact, decision.sender, decision.recipient)
        if chat is None:
            return node.refuse(transaction, Code.M01, 500, text="there are too many sessions already")
        self._modes.learn(decision.sender, user, SESSION)
        before = chat.call
        effects = self._follow(self._all.begin(self, chat, session), session.accept(node.wheel.now))
        if before is not None and before.session.was_open:  # it replaces that one; what is still owed there will come
            effects += self._follow(before, before.session.bye(node.wheel.now))
        elif before is not None:  # it crosses ours: if each side took its own back, both would be over
            chat.spare, chat.crossed = before, MOST_CROSSED
        return effects

    def requested(self, transaction: ServerTransaction, decision: Admit) -> list[Effect]:
        """A request within a dialog, on whatever link of the partner."""
        node = self._node
        call = self._all.calls.get(usage_key(transaction.request))
        if call is None or call.chat.sip.name != decision.sender.name:
            return node.refuse(transaction, Code.S05, 481)
        try:
            outputs = call.session.requested(transaction, node.wheel.now)
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, _accept(error), str(error))
        return self._follow(call, outputs, decision)

    def acked(self, transaction: ServerTransaction) -> list[Effect]:
        """The ACK for our 2xx to an INVITE."""
        call = self._all.invited_by(transaction)
        return self._follow(call, call.session.acked(transaction, self._node.wheel.now)) if call is not None else []

    def cancelled(self, transaction: ServerTransaction) -> list[Effect]:
        """The CANCEL of an INVITE that we have not answered yet."""
        call = self._all.invited_by(transaction)
        return self._follow(call, call.session.cancelled(transaction, self._node.wheel.now)) if call is not None else []

    # --- from XMPP ------------------------------------------------------------------------------------

    def send(self, submission: Submission) -> list[Effect]:
        """Say it in the session with its user, in order behind what the contact has said before."""
        stanza, decision = submission.stanza, submission.decision
        assert stanza.from_ is not None and stanza.to is not None
        chat = self._all.chat(stanza.to.bare(), stanza.from_.bare(), decision.recipient, decision.sender)
        if chat is None or not self._submissions.may_wait(submission):
            if chat is not None:
                self._all.rest(chat)
            return self._submissions.failed(submission, Code.M01, Code.M01.sentence)
        chat.queue.append(submission)
        effects = self._go_on(chat)
        if chat.queue and chat.queue[-1] is submission:
            self._submissions.journal.waits(submission)
        return effects

    def has(self, user: JID, contact: JID) -> bool:
        """Whether these two have a session, or something to say in one."""
        return (user, contact) in self._all.chats

    def whisper(self, user: JID, contact: JID, facts: MessageFacts, talk: Talk) -> list[Effect] | None:
        """Say something beside the messages; None if it is not the time for it."""
        call = self._all.chats[user, contact].call
        if call is None or not call.session.can_inform:
            return None
        now = self._node.wheel.now
        return self._follow(call, call.session.send(facts.method, talk, now, facts.headers, facts.body))

    def wraps(self, user: JID, contact: JID) -> bool:
        """Whether these two have a session in which receipts are known."""
        chat = self._all.chats.get((user, contact))
        return chat is not None and chat.call is not None and chat.call.wraps

    def report(self, user: JID, contact: JID, facts: MessageFacts, aside: Aside) -> list[Effect] | None:
        """Say what became of a message, where `wraps`; None if it is not the time for it."""
        call = self._all.chats[user, contact].call
        if call is None or not call.session.can_send:
            return None
        now = self._node.wheel.now
        return self._follow(call, call.session.send(facts.method, aside, now, facts.headers, facts.body))

    def hang_up(self, user: JID, contact: JID) -> list[Effect]:
        """The contact has closed his window. What is not confirmed yet, or not opened, is waited for."""
        chat = self._all.chats.get((user, contact))
        if chat is None or not chat.is_silent:
            return []
        effects: list[Effect] = []
        for call in (chat.spare, chat.call):
            if call is not None:
                effects += self._follow(call, call.session.bye(self._node.wheel.now))
        return effects

    def leave(self) -> list[Effect]:
        """The gateway stops: no session begins any more, what waits for one comes back, and all are ended."""
        self._is_leaving = True
        effects: list[Effect] = []
        for chat in list(self._all.chats.values()):
            effects += self._unopened.give_back(chat, Code.N03, LEAVING)
        return effects + Farewell(self._node, self._all.calls.values(), self._leave).begin()

    def relisted(self, changes: Changes) -> list[Effect]:
        """Another partner list: who is blocked, or not on it any more, has no sessions, and gets none."""
        effects: list[Effect] = []
        directory = self._node.directory
        for chat in [each for each in self._all.chats.values() if changes.moved and each.fault_by(directory)]:
            fault = chat.fault_by(directory) or Code.A01
            effects += self._unopened.give_back(chat, fault, fault.sentence)
            for call in (chat.spare, chat.call):
                if call is not None:
                    effects += self._leave(call)
        return effects

    def _leave(self, call: Call) -> list[Effect]:
        return self._follow(call, call.session.bye(self._node.wheel.now))

    # --- what comes back, and time ----------------------------------------------------------------------

    def answered(self, call: Call, response: Response) -> list[Effect]:
        """A response to a request of ours."""
        return self._follow(call, call.session.answered(response, self._node.wheel.now))

    def failed(self, call: Call, branch: str, status: int) -> list[Effect]:
        """A request of ours got no answer (408), or did not leave (503)."""
        return self._follow(call, call.session.failed(branch, status, self._node.wheel.now))

    def expired(self, call: Call) -> list[Effect]:
        """The timer of a session has come."""
        call.slot = None
        return self._follow(call, call.session.expire(self._node.wheel.now))

    def expire(self, chat: Chat) -> list[Effect]:
        """The time has come at which two may try again."""
        return self._go_on(chat)

    # --- private ----------------------------------------------------------------------------------------

    def _follow(self, call: Call, outputs: list[Output], decision: Admit | None = None) -> list[Effect]:
        """Do what a session says, in order."""
        node, chat = self._node, call.chat
        effects: list[Effect] = []
        for output in outputs:
            if isinstance(output, SendRequest):
                invite = b""
                if output.method == "INVITE":
                    invite = microsoft.with_header(output.data, chat.sip.verification_marker)
                client = node.layer.open_client(
                    output.method, output.branch, call, call_id=output.call_id, invite=invite
                )
                effects.append(SendSip(chat.sip, chat.user.host, output.data, client))
                if output.method == "MESSAGE" and chat.pending is not None and chat.pending.stanza.ticket is None:
                    self._submissions.journal.gone.append((client, chat.pending, None))
            elif isinstance(output, Arrived):
                assert decision is not None
                effects += self._arrived(call, output, decision)
            elif isinstance(output, Answered):
                effects += self._answered(call, output)
            elif isinstance(output, Rearm):
                self._all.stop(call)
                call.slot = node.wheel.start(output.seconds, (call, TIME))
            elif isinstance(output, Respond):
                effects += node.respond(output.transaction, output.status, output.headers, body=output.body)
            elif isinstance(output, SendAck):
                effects.append(SendSip(chat.sip, chat.user.host, output.data, None))
            elif isinstance(output, Cancel):
                effects += node.layer.cancel(output.branch)
            elif isinstance(output, Repeat):
                effects += node.layer.repeat(output.transaction)
            elif isinstance(output, Opened):
                chat.tries = 0
                if chat.call is not call:
                    chat.spare = call
                if call.opened(output.response):
                    self._submissions.receipts.knows(chat.user)
                effects.append(Report("session.up", None, {"partner": chat.sip.name}, chat.pair))
                effects += self._go_on(chat)
            elif isinstance(output, Idle):
                if chat.is_silent:
                    effects += self._follow(call, call.session.bye(node.wheel.now))
            elif isinstance(output, Ended):
                effects += self._ended(call, output)
        return effects

    def _arrived(self, call: Call, arrived: Arrived, decision: Admit) -> list[Effect]:
        """What the SIP user says or does within the session."""
        chat = call.chat
        if arrived.method == "MESSAGE":
            return self._deliveries.deliver(
                arrived.transaction, decision, chat.user, chat.contact, in_session=True, asks=call.wraps
            )
        effects = self._node.respond(arrived.transaction, 200)
        try:
            said = messages.read_request(arrived.transaction.request, chat.user.host)
        except RemoteProtocolError:
            # COMPAT(lync): INFO says a lot that nobody else understands, and some hang up if it is refused; since 2005
            return effects
        return effects + self._typists.shows(chat.user, chat.contact, said) if isinstance(said, Typing) else effects

    def _go_on(self, chat: Chat) -> list[Effect]:
        """Say the next thing, if it is time and there is a session; open one if there is none."""
        if chat.pending is not None:
            return []
        call, now = chat.call, self._node.wheel.now
        if not chat.queue:
            self._all.rest(chat)
            return []
        if call is None:
            return self._open(chat) if now >= chat.not_before else []
        if not call.session.can_send:
            return []
        submission = chat.pending = chat.queue.popleft()
        self._submissions.goes(submission)
        form = call.form_of(submission)
        if form is submission and call.forms:
            form = self._submissions.formed(submission, call.forms) or submission
        return self._follow(call, call.session.send("MESSAGE", submission, now, form.headers, form.body))

    def _open(self, chat: Chat) -> list[Effect]:
        """Open a session with the SIP user, or do without, if that is what he wants by now."""
        node = self._node
        fault = Code.N03 if self._is_leaving else chat.fault_by(node.directory)
        if fault is not None:
            effects = self._unopened.give_back(chat, fault, LEAVING if self._is_leaving else fault.sentence)
            self._all.rest(chat)
            return effects
        if self._modes.of(chat.sip, chat.user) == PAGE and not any(each.is_long for each in chat.queue):
            effects = self._unopened.page(chat)
            self._all.rest(chat)
            return effects
        types = session_types(chat.sip, chat.xmpp)
        if self._submissions.receipts.takes(chat.user):
            types += RECEIPT_TYPES
        ours, theirs = uri_of(chat.contact), uri_of(chat.user)
        session = Session.call(node.agent, ours, theirs, types, idle=node.session_idle)
        # COMPAT(lync): each session is a conversation of its own, or the client refuses it (52035); since OCS 2007
        headers = [("Ms-Conversation-ID", node.ids.tag())]
        return self._follow(self._all.begin(self, chat, session), session.invite(node.wheel.now, headers))

    def _answered(self, call: Call, answered: Answered) -> list[Effect]:
        """The answer to a MESSAGE of ours, or that there is none."""
        chat, submission = call.chat, answered.token
        if not isinstance(submission, Submission):
            return cast(Aside, submission).over(answered.status) + self._go_on(chat)
        chat.pending = None
        submissions, response = self._submissions, answered.response
        effects: list[Effect] = []
        again = not submission.was_tried or (answered.status == 481 and chat.crossed > 0)
        if answered.status < 300:
            chat.crossed = 0
            effects = submissions.delivered(submission)
        elif call.takes_plain(submission, answered.status) and submissions.may_wait(submission):
            submission.asking = None
            submissions.receipts.unknown(chat.user)
            chat.queue.appendleft(submission)
        elif call.takes_no_form(submission, answered.status) and submissions.may_wait(submission):
            chat.queue.appendleft(submission)
        elif answered.status in GONE and again and submissions.may_wait(submission):
            submission.was_tried = True  # their BYE was lost: say it once more, in a new session
            chat.crossed = max(chat.crossed - 1, 0)
            chat.queue.appendleft(submission)
        elif response is not None:
            effects = submissions.refused(submission, response)
        else:
            effects = submissions.failed(submission, *call.fault)
            if answered.status == 503 and not call.left:  # there is no way: those that wait would not fare better
                effects += self._unopened.give_back(chat, *call.fault)
        effects += self._go_on(chat)
        if chat.queue and chat.queue[0] is submission:  # in a session that has to be opened
            submissions.journal.waits(submission)
        return effects

    def _ended(self, call: Call, ended: Ended) -> list[Effect]:
        """A session is no more."""
        chat = call.chat
        self._all.end(call)
        fields: dict[str, object] = {"partner": chat.sip.name, "cause": ended.cause.value, "status": ended.status}
        effects: list[Effect] = [Report("session.down", None, fields, chat.pair)]
        if chat.spare is call:
            chat.spare = None
        if chat.call is not call:
            return effects  # it was replaced
        chat.call, chat.spare = chat.spare, None
        if chat.call is None:
            effects += self._typists.left(chat.user, chat.contact, ended.cause is Cause.BYE)
            if chat.queue and ended.cause in NEVER_BEGAN:
                effects += self._unopened.give_up(call, ended)
        return effects + self._go_on(chat)


def _accept(error: RemoteProtocolError) -> list[tuple[str, str]]:
    """What an INVITE or UPDATE may hold (RFC 3261 §21.4.13)."""
    return [("Accept", sdp.SDP), ("Accept-Encoding", "identity")] if error.status == 415 else []
