"""A SIP link whose peer stops reading: what it is owed has an end, and it is cut off."""

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from edge.codes import Code
from tests.net.loopback import LYNC, Creator, Setting, folder_of, partner


class Slow(TestCase):
    """A peer that stops reading, with the buffers of a real kernel between."""

    timeout = 30

    async def test_peer_that_reads_nothing_costs_bounded_memory(self) -> None:
        setting = Setting(folder_of(self), partner())
        self.addCleanup(setting.close)
        far = await setting.connect(setting.listen(), Creator(LYNC))
        await setting.sink.until(lambda: setting.sink.event("link.up"))
        (link,) = setting.pool.links
        far.transport.pauseProducing()
        written = 0
        while link.alive and written < 1 << 26:
            link.write(bytes(1 << 16))
            written += 1 << 16
            await deferLater(reactor, 0, lambda: None)
        assert not link.alive, "64 MB were taken for a peer that reads nothing"
        await setting.sink.until(lambda: setting.sink.lost)
        assert setting.sink.codes("link.down") == [Code.N03]
