"""Asks the authoritative server about a dialback key, on a connection of its own (XEP-0220 §2.1.2).

The way to it is our own way to that partner, as for messages: never an address that somebody tells us. Only servers
of listed partners are asked, few at a time, and not for long. `edge.net.xmpp_pool` calls this when somebody claims a
domain.
"""

from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from edge.codes import Code
from edge.domains import Domain
from edge.net.links import DialError, cause_of, first_link
from edge.net.locate import Locator
from edge.net.xmpp_dialling import Connect, Dial
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_trust import Trust
from edge.partners import System
from edge.xmpp.dialback import INVALID, VALID, Dialback
from edge.xmpp.verifying import Verifying

LONGEST = 20.0  # seconds from DNS to the answer; whoever waits for it gives up after 30 (RFC 6120 has no number)
AT_ONCE = 5  # questions to one domain; a partner opens a stream for each of our domains, and hardly all at once
ALTOGETHER = 50  # questions under way; each costs a connection

NewLink = Callable[[Dial, Verifying, "Deferred[XmppLink]"], XmppLink]


class Verifier:
    """``connect`` dials one address, ``new_link`` makes the link for it."""

    def __init__(self, reactor: IReactorTime, locator: Locator, connect: Connect, new_link: NewLink) -> None:
        self._reactor = reactor
        self._locator = locator
        self._connect = connect
        self._new_link = new_link
        self._under_way: Counter[Domain] = Counter()

    def settle(self, trust: Trust, link: XmppLink, question: Dialback) -> None:
        """Tell ``link`` what becomes of the claim behind ``question``.

        The partner list is asked before the authoritative server and after it, because it may be another by then.
        """

        def refused() -> str:
            return trust.refuses(question.recipient, question.sender, link.handshake)

        system, why = trust.system_of(question.recipient), refused()
        if why or system is None:
            link.dialled_back(question, why)
        else:
            asked = self.ask(system, question)
            asked.addCallback(lambda answer: link.dialled_back(question, refused() or answer))

    def ask(self, system: System, question: Dialback) -> "Deferred[str]":
        """Ask the server of ``question.recipient``, a domain of ``system``: "valid", "invalid" or why it is neither."""
        remote = question.recipient
        if self._under_way[remote] >= AT_ONCE or self._under_way.total() >= ALTOGETHER:
            done: Deferred[str] = Deferred()
            done.callback("resource-constraint")
            return done
        self._under_way[remote] += 1
        asked = Deferred.fromCoroutine(self._ask(Dial(question.sender, remote, system), question))
        asked.addTimeout(LONGEST, self._reactor)
        return asked.addErrback(_reason).addBoth(self._over, remote)

    async def _ask(self, dial: Dial, question: Dialback) -> str:
        candidates = await self._locator.xmpp(dial.system, dial.remote)

        def make(to: Dial, ready: "Deferred[XmppLink]") -> XmppLink:
            stream = Verifying(to.local, to.remote, question.id, question.key, to.direct)
            return self._new_link(to, stream, ready)

        link = await first_link(candidates, lambda candidate: self._connect(dial, candidate, make))
        # whatever is wrong there, it is all the same to who asks us (XEP-0220 §2.5)
        return link.answer if link.answer in (VALID, INVALID) else "remote-server-not-found"

    def _over(self, answer: str, remote: Domain) -> str:
        self._under_way[remote] -= 1
        if not self._under_way[remote]:
            del self._under_way[remote]
        return answer


def _reason(failure: Failure) -> str:
    """Why there is no answer, as a condition of XEP-0220 §2.5."""
    failure.trap(DialError, CancelledError, TimeoutError)  # type: ignore[no-untyped-call]  # all others are bugs of ours
    code = cause_of(failure).code
    if code in (Code.X06, Code.N02, Code.D06):
        return "remote-server-timeout"
    return "remote-server-not-found" if code is Code.A11 else "remote-connection-failed"
