"""Whether messages to a SIP user go one by one or in a session: RFC 3428 or INVITE (`im_mode` of a partner).

With ``auto`` it is learnt: what the user himself used last, else what somebody of his system did, and what his side
refuses is not tried again. Called by `edge.gateway.pager` and `edge.gateway.chat`.
"""

from edge.partners import System
from edge.xmpp.jid import JID

PAGE, SESSION, AUTO = "page", "session", "auto"

MAX_LEARNT = 20_000  # users; each is one who has written to us, or to whom somebody of ours has

OTHER_MODE = frozenset((405, 415, 488, 501))
"""Answers that say that the other mode should be tried."""


class Modes:
    """What is known of how SIP users talk."""

    def __init__(self) -> None:
        self.of_user: dict[JID, str] = {}  # what each has done last
        self._of_system: dict[str, str] = {}

    def of(self, system: System, user: JID) -> str:
        """The mode for a message to ``user``."""
        if system.im_mode != AUTO:
            return system.im_mode
        return self.of_user.get(user) or self._of_system.get(system.name, PAGE)

    def learn(self, system: System, user: JID, mode: str) -> None:
        """He has used this mode, or has refused the other one."""
        if self.of_user.get(user) == mode:
            return
        if len(self.of_user) >= MAX_LEARNT:
            self.of_user.clear()
        self.of_user[user] = mode
        self._of_system[system.name] = mode

    def pages(self, system: System, user: JID) -> bool:
        """Whether it is known, and not only tried, that messages to him go one by one."""
        return self.of_user.get(user) == PAGE and self.of(system, user) == PAGE

    def may_switch(self, system: System) -> bool:
        """Whether a refusal of one mode is answered by the other."""
        return system.im_mode == AUTO
