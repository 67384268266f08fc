"""What becomes of messages that wait for a session, when none comes about.

Called by `edge.gateway.chat`.
"""

from edge.codes import Code
from edge.gateway.conversation import Call, Chat
from edge.gateway.effects import Effect
from edge.gateway.modes import OTHER_MODE, PAGE, Modes
from edge.gateway.node import Node
from edge.gateway.pager import Pager
from edge.gateway.submission import Submission, Submissions
from edge.sip.message import Response
from edge.sip.session_outputs import Cause, Ended

NEVER_BEGAN = frozenset((Cause.REFUSED, Cause.UNANSWERED, Cause.UNUSABLE, Cause.CANCELLED))
CROSSING_SECONDS = 2.0  # before the second attempt, as for other requests that cross (RFC 3261 §14.1)
SAME_CONVERSATION = "52035"
# COMPAT(lync): 488 with this diagnostic: the client still has a window for the conversation; since OCS 2007


class Unopened:
    """``chats`` is told by `expire` when the time has come for another attempt."""

    def __init__(self, node: Node, submissions: Submissions, modes: Modes, pager: Pager, chats: object) -> None:
        self._node = node
        self._submissions = submissions
        self._modes = modes
        self._pager = pager
        self._chats = chats

    def give_up(self, call: Call, ended: Ended) -> list[Effect]:
        """No session came about: try once more, or another way, or tell everybody who waits."""
        chat = call.chat
        chat.tries += 1
        response = ended.message if isinstance(ended.message, Response) and ended.cause is Cause.REFUSED else None
        is_same = response is not None and _same_conversation(response)
        if is_same and chat.tries == 1:  # what waits goes into another session, unless theirs comes meanwhile
            chat.not_before = self._node.wheel.now + CROSSING_SECONDS
            self._node.wheel.start(CROSSING_SECONDS, (self._chats, chat))
            return []
        turns = response is not None and response.status in OTHER_MODE and not is_same
        turns = turns and self._modes.may_switch(chat.sip)
        if turns:
            self._modes.learn(chat.sip, chat.user, PAGE)
        effects: list[Effect] = []
        for submission in self._emptied(chat):
            if turns and (submission.is_long or not submission.was_turned):
                submission.was_turned = True
                effects += self._pager.send(submission)
            elif response is not None:
                effects += self._submissions.refused(submission, response)
            else:
                effects += self._submissions.failed(submission, *_why(call, ended))
        return effects

    def give_back(self, chat: Chat, code: Code, text: str) -> list[Effect]:
        """All that waits comes back, for this reason."""
        effects: list[Effect] = []
        for submission in self._emptied(chat):
            effects += self._submissions.failed(submission, code, text)
        return effects

    def page(self, chat: Chat) -> list[Effect]:
        """All that waits goes by itself."""
        effects: list[Effect] = []
        for submission in self._emptied(chat):
            effects += self._pager.send(submission)
        return effects

    def _emptied(self, chat: Chat) -> list[Submission]:
        """All that waits for its turn, which waits no more."""
        waiting = list(chat.queue)
        chat.queue.clear()
        for submission in waiting:
            self._submissions.goes(submission)
        return waiting


def _why(call: Call, ended: Ended) -> tuple[Code, str]:
    """The reason when no answer gives one."""
    if ended.cause is Cause.UNANSWERED:
        return Code.M02, "nobody has answered the invitation"
    return (Code.M03, ended.cause.value) if ended.cause is Cause.UNUSABLE else call.fault


def _same_conversation(response: Response) -> bool:
    if response.status != 488:
        return False
    said = (response.headers.get("ms-client-diagnostics") or "").partition(";")[0]
    return said.strip() == SAME_CONVERSATION
