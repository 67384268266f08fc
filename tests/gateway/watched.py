"""Romeo watches Juliet on a bench: what he says, and what he hears."""

from edge.gateway.effects import Effect
from edge.gateway.settings import PresenceSettings
from edge.sip.message import Request
from tests.gateway.bench import Bench, presence, requested, responses, sends


def state(request: Request) -> str:
    told = request.subscription_state
    return told.state if told is not None else ""


def reason(request: Request) -> str:
    told = request.subscription_state
    return (told.reason or "") if told is not None else ""


class Watched:
    """Romeo subscribes to Juliet's presence, with one device or several; nothing is paced unless the bench says so."""

    def __init__(self, bench: Bench | None = None, expires: int = 3600, **changes: str) -> None:
        self.bench = bench or Bench(presence=PresenceSettings(pace=0))
        self.request = self.bench.subscribe(expires, **changes)
        effects = self.bench.sip(self.request)
        self.first = self.take(effects)
        self.answer = responses(effects)[0]
        self.number = self.request.cseq.number

    def take(self, effects: list[Effect]) -> list[Effect]:
        """Answer every NOTIFY among the effects with 200, and those that follow."""
        taken = list(effects)
        for send in sends(effects, "NOTIFY"):
            taken += self.take(self.bench.answer(send))
        return taken

    def approved(self) -> "Watched":
        self.take(self.bench.stanzas(presence("subscribed")))
        return self

    def again(self, expires: int, **changes: str) -> Request:
        """A SUBSCRIBE within the dialog."""
        self.number += 1
        within = {
            "call_id": self.request.call_id, "from_": str(self.request.from_), "to": str(self.answer.to),
            "cseq": f"{self.number} SUBSCRIBE", **changes,
        }
        return self.bench.subscribe(expires, **within)

    def leaves(self) -> list[Effect]:
        return self.take(self.bench.sip(self.again(0)))

    def hears(self, effects: list[Effect]) -> list[str]:
        """What the NOTIFYs say: their state, and "+" if there is a document with somebody available."""
        return [
            state(request) + ("+" if b">open<" in request.body else "") for request in requested(effects, "NOTIFY")
        ]

    @property
    def left(self) -> tuple[int, int, int]:
        """What is still remembered: pairs, dialogs, transactions and timers."""
        gateway = self.bench.gateway
        return len(gateway.pairs), len(gateway.notifiers), self.bench.open


NOTHING = (0, 0, 0)
AUTHORIZATION = (1, 0, 0)  # or an open request for one
