"""A question to an XMPP contact's server for all that is known of him, and what has come of the answer (RFC 6121 §4.3).

The answer is one stanza for each available resource, and none of them says that it is the last. It becomes the new
state as a whole, so that no resource seems to go and come back, and nobody is shown one of several. News that comes
meanwhile is part of it. Made and taken by `edge.gateway.notifier`; it lives as long as the answer is waited for.
"""

from typing import TYPE_CHECKING

from edge.gateway.effects import Effect
from edge.gateway.presentities import MAX_RESOURCES, MAX_STATUS, kept
from edge.timers import Slot, Wheel
from edge.xmpp.stanzas import Presence

if TYPE_CHECKING:
    from edge.gateway.notifier import Notifiers
    from edge.gateway.view import View

PROBE_SECONDS = 10.0  # who does not answer a probe so long is not there (RFC 6121 §4.3.2 asks for an answer)
LONGEST_DOUBT = 300.0  # seconds until a domain that we cannot hear is asked again
SETTLE_SECONDS = 0.5  # between the first and the last resource that answers a probe

ANSWERED = "answered"  # the answer is complete, or there is none


class Probe:
    """The answer so far: ``states`` has the last stanza of each resource, ``note`` what the last of them to go said."""

    __slots__ = ("_notifiers", "view", "states", "note", "heard", "slot", "started", "asked", "seconds")

    def __init__(
        self, notifiers: "Notifiers", view: "View", wheel: Wheel[object], seconds: float = PROBE_SECONDS,
        started: float | None = None,
    ) -> None:
        """``started``: when the first of several probes went, which all were in vain."""
        self._notifiers = notifiers
        self.view = view
        self.states: dict[str, Presence] = {}
        self.note = ""
        self.heard = False
        self.asked = wheel.now
        self.started = wheel.now if started is None else started
        self.seconds = seconds
        self.slot: Slot[object] = wheel.start(seconds, (self, ANSWERED))

    def take(self, stanza: Presence, wheel: Wheel[object]) -> None:
        """One more stanza. The first one says that the others are not far."""
        assert stanza.from_ is not None
        resource, states = stanza.from_.resource, self.states
        if stanza.type:
            self.note = stanza.status[:MAX_STATUS]
            if resource:
                states.pop(resource, None)
            else:
                states.clear()
        elif resource in states or len(states) < MAX_RESOURCES:
            states[resource] = kept(stanza)
        if not self.heard:
            self.heard = True
            self.stop()
            self.slot = wheel.start(SETTLE_SECONDS, (self, ANSWERED))

    def stop(self) -> None:
        """The answer is not waited for any longer."""
        Wheel.stop(self.slot, (self, ANSWERED))

    def expire(self, timer: str) -> list[Effect]:
        return self._notifiers.probed(self.view)
