"""The change to TLS under a protocol that goes on: its bytes go through TLS, and it gets what came through."""

from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock

from edge.net.xmpp_tls import begin_tls
from tests.net.cable import THEIRS, Cable, Far
from tests.net.loopback import EDGE, Creator


class Near(Protocol):
    """Our end, which remembers what it has read."""

    def __init__(self) -> None:
        self.read = b""
        self.chunks = 0

    def dataReceived(self, data: bytes) -> None:
        self.read += data

    def chunk_ended(self) -> None:
        self.chunks += 1


def test_bytes_go_through_tls_from_now_on() -> None:
    near, far = Near(), Far()
    cable = Cable(near, far)
    far.says("clear")
    wire = begin_tls(near.transport, near, Creator(EDGE), False, MemoryReactorClock())
    far.secure(Creator(THEIRS), client=True)
    before = len(cable.near.writes)
    wire.write(b"the answer")
    assert far.says("the secret") == b"the answer"
    assert near.read == b"clearthe secret" and near.chunks
    assert not any(b"the answer" in data for data in cable.near.writes[before:])
    assert not any(b"the secret" in data for data in cable.far.writes)
