"""A real DNS server for the tests: dnsmasq, which knows what it is told and nothing else."""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.interop.process import Addresses, Process, need

SRV = 33
ZONE = "example"  # everything below is answered here, with NXDOMAIN if it is not known


@dataclass(frozen=True)
class Service:
    """An SRV record."""

    name: str  # "_sipfederationtls._tcp.montague.example"
    target: str
    port: int
    priority: int = 0
    weight: int = 0


class Dns(Process):
    """``hosts`` maps names to addresses. `server` is what a resolver has to be told. ``more``: lines for dnsmasq."""

    def __init__(
        self,
        folder: Path,
        addresses: Addresses,
        hosts: dict[str, str],
        services: list[Service],
        more: Sequence[str] = (),
    ) -> None:
        super().__init__("dnsmasq", folder)
        self.address = addresses.of("dns")
        self.port = addresses.port("dns")
        self.server = f"{self.address}:{self.port}"
        self._hosts = hosts
        self._services = services
        self._more = more

    def start(self) -> Self:
        lines = [
            *("no-resolv", "no-hosts", "no-poll", "bind-interfaces", "keep-in-foreground"),
            *("log-queries", "log-facility=-", "pid-file=", "user=", "group="),
            *(f"listen-address={self.address}", f"port={self.port}", f"local=/{ZONE}/"),
            *(f"host-record={name},{address}" for name, address in self._hosts.items()),
            *(f"srv-host={s.name},{s.target},{s.port},{s.priority},{s.weight}" for s in self._services),
            *self._more,
        ]
        configuration = self.folder / "dnsmasq.conf"
        configuration.write_text("\n".join(lines) + "\n")
        self.launch([need("dnsmasq"), f"--conf-file={configuration}"], self._answers)
        return self

    def _answers(self) -> bool:
        try:
            query(self.address, self.port, f"ready.{ZONE}", SRV)
        except OSError:
            return False
        return True


def query(address: str, port: int, name: str, kind: int) -> bytes:
    """Ask once over UDP; returns the answer as it came."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(1)
        asker.connect((address, port))
        asker.send(question)
        return asker.recv(4096)
