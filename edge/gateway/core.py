"""The gateway's one door: events in, effects out.

`Gateway` admits (`edge.partners`), dispatches to the parts that own the usages (`pager`, `subscriber`, `notifier`, and
`edge.xmpp.service` for what the gateway itself answers), and correlates what comes back. It does no I/O; `edge.driver`
calls it and performs the effects. Order of the checks on a request: RFC 3261 §8.2.

An exception that leaves one of the parts is a bug of ours. It costs the one message it happened with: its sender is
told if he waits for an answer, it is reported as ``internal.error``, and what came with it goes its way.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, cast

from edge.codes import Code
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.gateway.chat import Chats
from edge.gateway.delivery import Deliveries
from edge.gateway.effects import Effect, Hold, Path, Report, RespondSip, SendSip, SendStanza, SipLink, XmppLink
from edge.gateway.modes import Modes
from edge.gateway.node import ALLOW, METHODS, Node, bug, malformed, refused_below, silenced, stanza_refused
from edge.gateway.notifier import Notifiers
from edge.gateway.pager import Pager
from edge.gateway.pairs import Pairs
from edge.gateway.paths import Paths
from edge.gateway.policy import Policy
from edge.gateway.receipts import Receipts
from edge.gateway.restoring import restore
from edge.gateway.resuming import Resuming
from edge.gateway.submission import Submission, Submissions
from edge.gateway.subscriber import Subscribers
from edge.gateway.typing import Typists
from edge.mapping.invitations import NO_ROOMS, decline, invitation_in, is_call, is_invitation, is_joining
from edge.partners import Admit, Changes, Refuse
from edge.sip import microsoft, session_timer
from edge.sip.checks import refusal
from edge.sip.layer import Acked, Answer, Cancelled, Deliver, Failed, Output, Overdue, Refused, Send
from edge.sip.message import Request, Response, check_request, response_bytes
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.sip.uri import SipUri
from edge.xmpp.service import Service
from edge.xmpp.stanzas import PRESENCE_TYPES, Iq, Message, Presence, Stanza, error_bytes

ACCEPT = "text/plain, application/pidf+xml, application/sdp"

FAILED = {408: Code.M02, 503: Code.N03}  # what the transaction layer says of a request without an answer


class Usage(Protocol):
    """What a client transaction belongs to: a message, a watch, a notification."""

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]: ...
    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]: ...


class Gateway:
    """A SIP/XMPP gateway without sockets. Every input returns the list of its effects, in order."""

    def __init__(self, node: Node, service: Service) -> None:
        self.node = node
        self._service = service
        modes = Modes()
        self.typists, self.receipts = Typists(node, modes), Receipts(node)
        self.deliveries = Deliveries(node, self.typists, self.receipts)
        self.submissions = Submissions(node, self.typists, self.receipts)
        self.pager = Pager(node, self.deliveries, self.submissions, modes, self.receipts)
        self.chats = Chats(node, self.deliveries, self.submissions, modes, self.pager, self.typists)
        self.typists.sessions, self.typists.pages = self.chats, self.pager
        self.receipts.sessions, self.receipts.pages = self.chats, self.pager
        self.pairs = Pairs(node)
        self.policy = Policy(node, self.pairs)
        self.subscribers = Subscribers(node, self.pairs)
        self.notifiers = Notifiers(node, self.pairs)
        self._paths = Paths(node, self.pairs, self.subscribers, self.notifiers)
        self._marks = any(system.verification_marker for system in node.directory.systems)

    def restored(self, records: Iterable[tuple[int, str, float, bytes]]) -> list[Effect]:
        """At the start: what the store has kept, as (kind, key, due, data) in the order of ``due``."""
        resuming = Resuming(self.node, self.submissions, self._say)
        effects = restore(self.node, self.pairs, self.subscribers, self.notifiers, resuming, records)
        return self._saved(effects + self._paths.restored())

    def reloaded(self, changes: Changes) -> list[Effect]:
        """The partner list is another one now; nothing of what it leaves alone is touched."""
        self._marks = any(system.verification_marker for system in self.node.directory.systems)
        for system in changes.removed:
            self.policy.forget(system)
        return self._door(lambda: self._paths.relisted(changes) + self.chats.relisted(changes))

    def subscriptions(self) -> dict[tuple[str, str, str], int]:
        """How many there are now, by (partner, direction, state): the dialogs, and the watches of XMPP users."""
        return self.pairs.subscriptions()

    @property
    def sessions(self) -> int:
        """How many there are now."""
        return len(self.chats)

    def leave(self) -> list[Effect]:
        """It is going to stop: `sessions` fall to none while time flows, but not quickly if there are many."""
        return self._door(self.chats.leave)

    def ordered(self, act: Callable[[], list[Effect]]) -> list[Effect]:
        """An administrator wants ``act`` done, which the parts can do by themselves."""
        return self._door(act)

    # --- from the SIP links ---------------------------------------------------------------------

    def sip_received(self, link: SipLink, messages: Iterable[Request | Response]) -> list[Effect]:
        """Whole messages of one chunk, in order. Called by the driver."""
        effects: list[Effect] = []
        layer = self.node.layer
        for message in messages:
            try:
                if isinstance(message, Request):
                    if self.node.directory.blocks and self.policy.silences(message):
                        effects.append(silenced(link, message))
                        continue
                    try:
                        check_request(message)
                    except RemoteProtocolError as error:
                        effects += malformed(link, message, error)
                        continue
                    self._follow(layer.receive_request(link, message, link.address), effects)
                else:
                    self._follow(layer.receive_response(message), effects)
            except Exception as error:  # a bug must not cost the other messages of the chunk, nor the link
                effects.append(bug(error))
                if isinstance(message, Request) and message.method not in microsoft.UNANSWERED:
                    headers = [microsoft.plain_diagnostics(500)]
                    effects.append(RespondSip(link, response_bytes(message, 500, headers=headers)))
        return self._saved(effects)

    def sip_sent(self, token: object, link: SipLink) -> None:
        """The request of ``token`` was written on ``link``: remember, in case the link is lost."""
        if isinstance(token, ClientTransaction):
            token.link = link

    def sip_lost(self, link: SipLink) -> list[Effect]:
        """A SIP link is gone: requests that wait for an answer on it have failed (RFC 3261 §17.1.4)."""
        effects: list[Effect] = []
        self._follow(self.node.layer.link_lost(link), effects)
        return self._saved(effects)

    # --- from the XMPP links --------------------------------------------------------------------

    def stanzas_received(self, link: XmppLink, stanzas: Iterable[Stanza]) -> list[Effect]:
        """Stanzas of one chunk of an authenticated stream, in order. Called by the driver."""
        effects: list[Effect] = []
        admit = self.node.directory.admit
        for stanza in stanzas:
            sender, recipient = stanza.from_, stanza.to
            assert sender is not None and recipient is not None, "the stream layer refuses stanzas without addresses"
            try:
                decision = admit(link.peer, sender.host, recipient.host)
                if isinstance(decision, Refuse):
                    effects += self._refuse_stanza(stanza, decision, link)
                elif type(stanza) is Message:
                    effects += self._message(stanza, decision)
                elif type(stanza) is Presence:
                    self.notifiers.echoes.heard(recipient.host, sender.host)
                    effects += self._presence(stanza, decision)
                elif type(stanza) is Iq:
                    self.notifiers.echoes.heard(recipient.host, sender.host)
                    effects += self._iq(stanza, decision)
            except Exception as error:  # as for SIP messages
                effects.append(bug(error))
                # Presence is not answered: an error would tell the sender's server that nobody is there any more.
                if type(stanza) is not Presence and stanza.type not in ("error", "result"):
                    data = error_bytes(stanza, "internal-server-error", "the gateway has failed, by a fault of its own")
                    effects.append(SendStanza(recipient.host, sender.host, data))
        try:
            effects += self.notifiers.approved()
        except Exception as error:
            effects.append(bug(error))
        return self._saved(effects)

    def taken(self, tokens: Sequence[object]) -> list[Effect]:
        """The next XMPP hop has acknowledged the stanzas of these tokens."""
        return self._door(lambda: self.deliveries.taken(tokens))

    # --- from below, either side ----------------------------------------------------------------

    def unsent(self, token: object, code: Code, text: str) -> list[Effect]:
        """What was given out with ``token`` did not get there, and never will."""
        return self._door(lambda: self._unsent(token, code, text))

    def advance(self, now: float, wall: float) -> list[Effect]:
        """Time has come: ``now`` for timers (seconds, monotonic), ``wall`` for documents (Unix epoch)."""
        node = self.node
        node.wall = wall
        effects: list[Effect] = []
        for item in node.wheel.advance(now):
            try:
                if isinstance(item, tuple):
                    usage, timer = item
                    effects += usage.expire(timer)
                else:
                    self._follow(node.layer.expire(item), effects)
            except Exception as error:  # an exception would stop the clock for everybody
                effects.append(bug(error))
        return self._saved(effects)

    def path_lost(self, path: Path, orderly: bool) -> list[Effect]:
        """The last link of a way is gone (`edge.gateway.paths`)."""
        return self._door(lambda: self._paths.lost(path, orderly))

    def path_failed(self, path: Path) -> list[Effect]:
        """A dial has failed, and there is no other link."""
        return self._door(lambda: self._paths.failed(path))

    def path_up(self, path: Path) -> list[Effect]:
        """A way can be used again."""
        return self._door(lambda: self._paths.up(path))

    # --- private --------------------------------------------------------------------------------

    def _door(self, act: Callable[[], list[Effect]]) -> list[Effect]:
        """One input of which a bug takes nothing else with it: a link that gives many tokens back gets through all."""
        try:
            return self._saved(act())
        except Exception as error:
            return self._saved([bug(error)])

    def _saved(self, effects: list[Effect]) -> list[Effect]:
        """At the end of an input the store hears what has changed; the driver commits before anything is sent."""
        if self._marks:
            for effect in effects:
                if type(effect) is SendSip and effect.system.verification_marker:
                    effect.data = microsoft.with_header(effect.data, effect.system.verification_marker)
        return effects + self.node.save() if self.node.unsaved else effects

    def _follow(self, outputs: list[Output], effects: list[Effect]) -> None:
        """Act on what the transaction layer says."""
        for output in outputs:
            try:
                if isinstance(output, Deliver):
                    effects += self._request(output.transaction)
                elif isinstance(output, Send):
                    effects.append(output)
                elif isinstance(output, Answer):
                    usage: Any = output.transaction.user  # a `Usage`
                    effects += usage.answered(output.transaction, output.response)
                elif isinstance(output, Failed):
                    code = FAILED.get(output.status, Code.N03)
                    effects += cast(Usage, output.transaction.user).failed(output.transaction, code, code.sentence)
                elif isinstance(output, Acked):
                    effects += self.chats.acked(output.transaction)
                elif isinstance(output, Cancelled):
                    effects += self.chats.cancelled(output.transaction)
                elif isinstance(output, Overdue):
                    effects += self.deliveries.overdue(output.transaction)
                elif isinstance(output, Refused):
                    effects.append(refused_below(output))
            except Exception as error:  # of all that waited on a lost link, one alone
                effects.append(bug(error))
                if isinstance(output, Deliver | Overdue):
                    effects += self.node.respond(output.transaction, 500)

    def _request(self, transaction: ServerTransaction) -> list[Effect]:
        """A new request: the checks of RFC 3261 §8.2 in order, then the part that serves its method."""
        node = self.node
        request = transaction.request
        if request.method == microsoft.NEGOTIATE:
            return node.refuse(transaction, Code.S03, 405, [("Allow", ALLOW)])
        try:
            sender = request.from_.sip_uri
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, 400, text=str(error))
        target: SipUri | None = None
        fault: RemoteProtocolError | None = None
        inside_dialog = bool(request.to.tag)
        try:
            target = request.request_uri
            recipient = request.to.sip_uri.host if inside_dialog else target.host
        except RemoteProtocolError as error:
            fault, recipient = error, node.name
        link: Any = transaction.link  # a `SipLink`
        decision = node.directory.admit(link.peer, sender.host, recipient)
        if isinstance(decision, Refuse) and not decision.of_recipient:
            return node.refuse(transaction, decision.code, 403)
        failure = refusal(request, methods=METHODS, extensions=microsoft.extensions(request.method))
        if failure is not None:
            status, headers, code = failure
            return node.refuse(transaction, code, status, headers)
        if fault is not None or target is None:
            fault = fault or RemoteProtocolError("the Request-URI is malformed")
            return node.refuse(transaction, fault.code, fault.status, text=str(fault))
        if request.method == "OPTIONS" and not inside_dialog:
            return self._options(transaction, recipient, decision)
        if request.max_forwards == 0:
            return node.refuse(transaction, Code.S02, 483)
        if isinstance(decision, Refuse):
            return node.refuse(transaction, decision.code)
        if (refused := self.policy.request(transaction, decision, sender, target)) is not None:
            return refused
        if request.method == "NOTIFY":
            return self.subscribers.notified(transaction, decision)
        if request.method == "SUBSCRIBE":
            return self.notifiers.subscribed(transaction, decision, sender, target)
        if inside_dialog:
            return self.chats.requested(transaction, decision)
        if request.method == "MESSAGE":
            return self.pager.message_received(transaction, decision, sender, target)
        if request.method == "INVITE":
            if microsoft.is_multiparty(request):
                return node.refuse(transaction, Code.S04, 488, text="the invitation is to a session of more than two")
            return self.chats.invited(transaction, decision, sender, target)
        return node.refuse(transaction, Code.S05, 481)

    def _options(self, transaction: ServerTransaction, recipient: Domain, decision: Admit | Refuse) -> list[Effect]:
        """Capabilities, of the edge itself or of a user behind it (RFC 3261 §11.2, RFC 6665 §4.4.4)."""
        if isinstance(decision, Refuse) and recipient != self.node.name:
            return self.node.refuse(transaction, decision.code)
        capabilities = [
            ("Allow", ALLOW), ("Accept", ACCEPT), ("Accept-Encoding", "identity"), ("Accept-Language", "*"),
            ("Allow-Events", "presence"), session_timer.SUPPORTED,
        ]
        return self.node.respond(transaction, 200, capabilities)

    def _unsent(self, token: object, code: Code, text: str) -> list[Effect]:
        if isinstance(token, ClientTransaction):
            if not self.node.layer.failed(token):
                return []  # it has timed out while it waited for a link: its user knows already
            return cast(Usage, token.user).failed(token, code, text)
        return self.deliveries.unsent(token, code, text)

    def _message(self, stanza: Message, decision: Admit) -> list[Effect]:
        if stanza.type == "error":
            return self.deliveries.error_received(stanza, decision)
        judge = self.policy.stanza
        if stanza.body or is_invitation(stanza):
            refused = judge(stanza, decision)
            if refused is not None:
                return refused
            submission = self.submissions.submit(stanza, decision)
        else:
            submission = self.submissions.submit(stanza, decision, judge)
        if not isinstance(submission, Submission):
            return submission
        effects = self._say(submission)
        return effects if stanza.ticket is None else [Hold(stanza.ticket), *effects]

    def _say(self, submission: Submission) -> list[Effect]:
        return self.chats.send(submission) if self.chats.takes(submission) else self.pager.send(submission)

    def _iq(self, stanza: Iq, decision: Admit) -> list[Effect]:
        if stanza.type in ("get", "set") and (decision.discovered or is_call(stanza.payload)):
            refused = self.policy.call(stanza, decision)
            if refused is not None:
                return refused
        answer = self._service.answer(stanza)
        if answer is None or stanza.from_ is None or stanza.to is None:
            return []
        return [SendStanza(stanza.to.host, stanza.from_.host, answer)]

    def _refuse_stanza(self, stanza: Stanza, decision: Refuse, link: XmppLink) -> list[Effect]:
        """A room is on no list, mostly: who has invited by it is told in any case."""
        code = decision.code
        partner = ",".join(sorted(link.peer.systems))
        report = Report("policy.denied", code, {"partner": partner}, stanza)
        if decision.silently:
            return [report]
        if type(stanza) is Message and stanza.from_ is not None and stanza.to is not None:
            invitation = invitation_in(stanza)
            if invitation is not None:
                data = decline(invitation, stanza.to, stanza.from_, self.node.aside_id())
                return [SendStanza(stanza.to.host, stanza.from_.host, data), report]
        condition = "service-unavailable" if type(stanza) is Iq else code.condition
        return stanza_refused(stanza, condition, code.sentence, code, partner)

    def _presence(self, stanza: Presence, decision: Admit) -> list[Effect]:
        """RFC 6121 §4.7.1: who is served by a presence stanza follows from its type alone."""
        if stanza.type not in PRESENCE_TYPES:
            return stanza_refused(stanza, "bad-request", "there is no such type", Code.S01, decision.sender.name)
        assert stanza.from_ is not None and stanza.to is not None
        if stanza.type in ("subscribe", "unsubscribe", "probe"):
            if stanza.type != "unsubscribe" and (refused := self.policy.stanza(stanza, decision)) is not None:
                return refused
            return self.subscribers.presence_received(stanza, decision)
        if not stanza.to.local:
            return self.subscribers.answer_received(stanza)
        if stanza.type == "" and stanza.to.resource and is_joining(stanza.extensions):
            return stanza_refused(stanza, "service-unavailable", NO_ROOMS, Code.S03, decision.sender.name)
        pair = self.pairs.get(stanza.to.bare(), stanza.from_.bare())
        if pair is None:
            return []
        effects = self.notifiers.presence_received(pair, stanza)
        if stanza.type == "error":
            effects += self.subscribers.error_received(pair, stanza)
        elif stanza.type == "unsubscribed":
            effects += self.subscribers.hidden(pair)
        elif stanza.type in ("", "unavailable"):
            effects += self.subscribers.session_changed(pair, stanza)
        return effects
