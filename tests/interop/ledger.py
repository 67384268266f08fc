"""The books of `tests.interop.kills`: what everybody said, and what became of it.

A message is settled when it has arrived, or when its sender knows that it may not have: he got an error or a failure,
or his own server had not taken it from him when it died. Nobody guesses: senders say what they sent, and those who
listen what they got.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

XMPP, SIP = "xmpp", "sip"  # where it comes from


@dataclass
class Said:
    """One message. ``number`` is which of its pair's it was in its repetition."""

    key: str
    way: str
    recipient: str
    seed: int
    victim: str
    accepted: bool | None = None  # by the sender's own server, if that is an XMPP server
    error: str = ""  # the text of the error stanza that came back
    status: int | None = None  # of the final response
    first: int | None = None  # the same, where the message was said again because that was a failure
    arrived: list[str] = field(default_factory=list)  # the stanza id or Call-ID of each time

    @property
    def reported(self) -> bool:
        """Whether its sender was told that it failed, or may have failed."""
        return bool(self.error) or (self.status is not None and not 200 <= self.status < 300)

    @property
    def repeated(self) -> bool:
        return self.first is not None

    @property
    def unaccepted(self) -> bool:
        """Whether the sender's client knows by itself that nobody has taken it."""
        return self.accepted is False

    @property
    def settled(self) -> bool:
        if self.way == SIP and self.status is None:
            return False
        return bool(self.arrived) or self.reported or self.unaccepted

    def __str__(self) -> str:
        facts = f"accepted={self.accepted} error={self.error!r}" if self.way == XMPP else f"status={self.status}"
        return f"{self.key} to {self.recipient}: {facts} arrived={self.arrived}"


class Ledger:
    """All messages by their keys. ``record`` is the file of those who listen."""

    def __init__(self, record: Path) -> None:
        self.said: dict[str, Said] = {}
        self._open: dict[str, Said] = {}
        self._record = record
        self._read = 0

    def say(self, said: Said) -> None:
        self.said[said.key] = self._open[said.key] = said

    def accepted(self, key: str, accepted: bool) -> None:
        self.said[key].accepted = accepted

    def returned(self, key: str, text: str) -> None:
        self.said[key].error = text or "an error without words"

    def answered(self, key: str, status: int) -> Said:
        said = self.said[key]
        said.status = status
        return said

    def repeat(self, said: Said) -> None:
        """Its sender says it once more, and forgets the failure."""
        said.first, said.status = said.status, None

    def open(self) -> list[Said]:
        """What is not settled."""
        if self._record.exists():
            with self._record.open("rb") as file:
                file.seek(self._read)
                lines = file.read().rpartition(b"\n")[0]
            self._read += len(lines) + bool(lines)
            for line in lines.decode().splitlines():
                key, id = line.split(" ")
                self.said[key].arrived.append(id)
        self._open = {key: said for key, said in self._open.items() if not said.settled}
        return list(self._open.values())

    def close(self, said: Said) -> None:
        """It is lost, and that has been seen."""
        self._open.pop(said.key, None)

    def doubles(self, agent: str, gateway: str) -> list[Said]:
        """What has arrived twice without a reason, or under two names.

        A SIP user may have said it twice. Who listened in the process ``agent``, which was killed, may not have told
        his server that he had it: an XMPP server then gives it to him again. A ``gateway`` that was killed may not
        have heard that a SIP user has a message that it had kept, and sends the same request again.
        """

        def explained(said: Said) -> bool:
            if said.way == XMPP:
                return said.victim == gateway
            return said.repeated or said.victim == agent

        return [
            said
            for said in self.said.values()
            if len(said.arrived) > 1 and (len(set(said.arrived)) > 1 or not explained(said))
        ]

    def counts(self) -> dict[str, Counter[str]]:
        """For each way how many were said, arrived, and so on."""
        counts: dict[str, Counter[str]] = {XMPP: Counter(), SIP: Counter()}
        for said in self.said.values():
            count = counts[said.way]
            count["said"] += 1
            count["arrived"] += bool(said.arrived)
            count["reported"] += said.reported
            count["arrived and reported"] += bool(said.arrived) and (said.reported or said.repeated)
            count["not accepted"] += said.unaccepted
            count["repeated"] += said.repeated
            count["twice, repeated"] += len(said.arrived) > 1 and said.repeated
            count["twice"] += len(said.arrived) > 1 and not said.repeated
        return counts
