"""The end of all sessions when the gateway stops: a BYE for each, at the pace that its partner bears.

Not all of many thousands can be told before the gateway is gone. Who has not been told finds out by 481 when he speaks
next, and opens another session, as after a crash. Begun by `edge.gateway.chat`.
"""

from collections import deque
from collections.abc import Callable, Iterable

from edge.gateway.conversation import Call
from edge.gateway.effects import Effect
from edge.gateway.node import Node, bug
from edge.timers import TICK

MOST_AT_ONCE = 250  # requests to all systems in one tick, about 20 ms of work: what comes in is answered meanwhile

NEXT = "next"


class Farewell:
    """``leave`` ends one session; it does nothing for one that is over."""

    def __init__(self, node: Node, calls: Iterable[Call], leave: Callable[[Call], list[Effect]]) -> None:
        self._node = node
        self._leave = leave
        self._waiting: dict[str, deque[Call]] = {}  # by system
        self._allowance: dict[str, float] = {}  # of each: requests that it may get now
        for call in calls:
            self._waiting.setdefault(call.chat.sip.name, deque()).append(call)

    def begin(self) -> list[Effect]:
        """End the first ones; the others follow in the next ticks."""
        return self.expire(NEXT)

    def expire(self, timer: str) -> list[Effect]:
        """One tick's worth. The sessions that were opened last are ended first: they are the most likely to be used."""
        effects: list[Effect] = []
        left = MOST_AT_ONCE
        for name, calls in self._waiting.items():
            pace = calls[-1].chat.sip.resume_per_s * TICK
            allowance = min(self._allowance.get(name, 0.0) + pace, max(pace, 1.0))
            while calls and left and allowance >= 1.0:
                try:
                    effects += self._leave(calls.pop())
                except Exception as error:  # a bug costs one session, not all those behind it
                    effects.append(bug(error))
                allowance -= 1.0
                left -= 1
            self._allowance[name] = allowance
        self._waiting = {name: calls for name, calls in self._waiting.items() if calls}
        if self._waiting:
            self._node.wheel.start(0.0, (self, NEXT))
        return effects
