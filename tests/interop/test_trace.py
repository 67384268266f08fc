"""`edge trace` among real servers: the ladder of a message each way, and a transcript of it that can be played."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.process import Addresses
from tests.interop.world import CAPULET, MONTAGUE, World
from tests.transcript import Performance

pytestmark = pytest.mark.slow

HEARS_INT = "env", "--default-signal=INT"  # which a shell makes those deaf to that it starts in the background


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[World]:
    with ExitStack() as stack:
        yield World("prosody component", stack, tmp_path_factory, authority, addresses, names=("juliet",), crowd=False)


def test_conversation_is_traced_and_can_be_played_back(world: World) -> None:
    who = ["trace", f"romeo@{MONTAGUE}", "--with", f"juliet@{CAPULET}", "--minutes", "1", "--transcript"]
    command = [*HEARS_INT, sys.executable, "-m", "edge.admin.cli", *who, "--config", str(world.edge.file)]
    with world.xmpp_user("juliet").log_in() as juliet, world.sip_user("romeo") as romeo:
        romeo.register()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as trace:
            assert trace.stderr is not None
            head = trace.stderr.readline()
            assert "bodies hidden" in head, head
            assert romeo.message(f"sip:juliet@{CAPULET}", "She speaks").status == 200
            juliet.expect("message", from_=f"romeo@{MONTAGUE}")
            juliet.message(f"romeo@{MONTAGUE}", "Who is there?")
            romeo.expect("MESSAGE")
            while "|--- 200" not in (line := trace.stderr.readline()):
                assert line, "the ladder has ended"
            trace.send_signal(signal.SIGINT)
            transcript, rest = trace.communicate(timeout=60)
    assert trace.returncode == 0 and rest.splitlines()[-1] == "verdict: 2 delivered", rest
    assert "speaks" not in transcript and MONTAGUE not in transcript and "edge.example;" not in transcript
    assert transcript.count("sends:") == 3, transcript
    Performance(transcript).play()
