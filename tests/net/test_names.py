"""Questions to name servers: which are asked, and that each question ends."""

from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.names import dns
from twisted.names.authority import FileAuthority
from twisted.names.server import DNSServerFactory
from twisted.python.filepath import FilePath
from twisted.trial.unittest import TestCase

from edge.codes import Code
from edge.net import names
from edge.net.names import LocateError, Names
from edge.partners import HostPort
from tests.net.loopback import folder_of

HOST = HostPort("pool.test", 5061)


class Zone(FileAuthority):
    """Two addresses, without a file."""

    def loadFile(self, filename: None) -> None:
        soa = dns.Record_SOA(b"ns.test", b"root.test", 1, 1, 1, 1, 1)
        self.soa = (b"test", soa)
        self.records = {b"test": [soa], b"pool.test": [dns.Record_A("192.0.2.31", 60), dns.Record_A("192.0.2.32", 60)]}


class Asking(TestCase):
    """A name server that answers, and one that is up and says nothing."""

    timeout = 20

    def server(self, protocol: dns.DNSDatagramProtocol) -> HostPort:
        protocol.noisy = False
        listening = reactor.listenUDP(0, protocol, "127.0.0.1")
        self.addCleanup(listening.stopListening)
        return HostPort("127.0.0.1", listening.getHost().port)

    def asking(self, *servers: HostPort) -> Names:
        made = Names(reactor, servers)
        self.addCleanup(made.stop)
        return made

    def good(self) -> HostPort:
        return self.server(dns.DNSDatagramProtocol(DNSServerFactory(authorities=[Zone(None)])))

    async def test_name_without_records_has_none(self) -> None:
        asking = self.asking(self.good())
        assert await asking.ask("pool.test", dns.SRV) == []
        assert await asking.ask("gone.test", dns.A) == []
        assert await asking.addresses(HostPort("gone.test", 5061)) == []
        assert len(await asking.ask("pool.test", dns.A)) == 2
        assert asking.lookups == {("SRV", "none"): 1, ("A", "none"): 2, ("AAAA", "none"): 1, ("A", "ok"): 1}

    async def test_hosts_file_goes_before_dns(self) -> None:
        path = folder_of(self) / "hosts"
        path.write_text("192.0.2.77 pool.test pool\n")
        self.patch(names, "_HOSTS", FilePath(str(path)))
        assert await self.asking(self.good()).addresses(HOST) == ["192.0.2.77"]

    async def test_address_is_not_looked_up(self) -> None:
        assert await self.asking(self.server(Silence())).addresses(HostPort("192.0.2.9", 5061)) == ["192.0.2.9"]

    async def test_second_server_is_asked_when_the_first_is_silent(self) -> None:
        self.patch(names, "TRIES", (0.2, 0.2))
        asking = self.asking(self.server(Silence()), self.good())
        assert await asking.addresses(HOST) == ["192.0.2.31", "192.0.2.32"]

    async def test_silence_ends(self) -> None:
        self.patch(names, "TRIES", (0.05, 0.05))
        asking = self.asking(self.server(Silence()))
        assert await asking.addresses(HOST) is None
        with pytest.raises(LocateError) as raised:
            await asking.ask("pool.test", dns.SRV)
        assert raised.value.code is Code.D06


class Silence(dns.DNSDatagramProtocol):
    """It hears, and says nothing."""

    def __init__(self) -> None:
        super().__init__(None)

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        pass


def test_system_servers_are_those_of_the_file_at_that_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr(names, "RESOLV_CONF", path)
    assert names.system_servers() == [("127.0.0.1", 53)]
    path.write_text("# comment\nnameserver 192.0.2.53\nsearch a.test\nnameserver\nnameserver fe80::1%eth0\n")
    assert names.system_servers() == [("192.0.2.53", 53), ("fe80::1", 53)]
