"""No message disappears when one of four processes is killed: the proxy, the gateway, the XMPP server, a user agent.

Many users talk in both directions all the time. One process gets a SIGKILL at any moment, and perhaps another while
it comes back; then every message has arrived, or its sender was told that it may not have, or his own client knows
that its server has never taken it. What has arrived twice was said twice, or its acknowledgement was lost, and has
the same id both times. The exceptions are those of docs/interop.md, "What can be lost"; each needs its proof in the
logs, and is counted.

The user agent that is killed is that of those who listen, XMPP clients and SIP user agents in one process, because
then their servers have to answer for what they cannot deliver. Those who talk live on, or nobody could be told.

A repetition is a seed, which says who is killed and when: `EDGE_KILLS=1 EDGE_KILLS_FROM=SEED` repeats one alone.
"""

import asyncio
import os
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.kills import VICTIMS, Kills
from tests.interop.process import Addresses

pytestmark = pytest.mark.slow

SHARE = 4  # repetitions, one for each process and one of them killed twice; `make kills` does 200 in ten minutes
REPETITIONS = int(os.environ.get("EDGE_KILLS", SHARE))
FIRST = int(os.environ.get("EDGE_KILLS_FROM", "4"))


@pytest.mark.parametrize("kind", ["prosody s2s", "prosody component"])
def test_no_message_disappears(
    kind: str, tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses
) -> None:
    with ExitStack() as stack:
        kills = Kills(kind, stack, tmp_path_factory, authority, addresses)
        asyncio.run(kills.run(range(FIRST, FIRST + REPETITIONS)))
        print(kills.summary())
    assert not kills.faults, "\n".join([*kills.faults, kills.summary()])
    assert len(VICTIMS) > REPETITIONS or set(kills.killed) == set(VICTIMS)
    assert all(count["said"] and count["arrived"] for count in kills.ledger.counts().values())
