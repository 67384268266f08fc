"""The gateway itself as a child process, the way an administrator runs it: two files, certificates, `twistd`."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.authority import Authority
from tests.interop.process import Addresses, Process, accepts, wait_until

NAME = "edge.example"
TWISTD = Path(sys.executable).with_name("twistd")
CONNECTS_WITHIN = 60.0  # seconds
ENDS_WITHIN = 60.0  # seconds for a gateway that is expected to refuse its configuration

ACCEPTED = re.compile(r"--- 200 [^|]*\(MESSAGE\) ")  # on the ladder

Keys = dict[str, str | float | Sequence[str]]


@dataclass(frozen=True)
class System:
    """One ``[[inside]]`` or ``[[partner]]``; ``keys`` are those besides name, domains and via."""

    name: str
    domain: str
    via: str
    keys: Keys = field(default_factory=dict)
    tls: Keys = field(default_factory=dict)
    limits: Keys = field(default_factory=dict)
    secret: str = ""
    xmpp: Keys = field(default_factory=dict)


class Edge(Process):
    """Address, ports and certificate are known before the start, so that peers and DNS can be told of them.

    The certificate carries `NAME` and ``domains``, those for which it speaks to servers.
    """

    def __init__(self, folder: Path, addresses: Addresses, authority: Authority, domains: Sequence[str] = ()) -> None:
        super().__init__("edge", folder)
        self.address = addresses.of("edge")
        self.sip, self.xmpp = (addresses.port("edge") for _ in range(2))
        self.file = folder / "edge.toml"
        self._begun = 0  # how long the log was when it was started last
        authority.issue("", dns=[NAME, *domains]).write(folder, "edge")
        (folder / "ca.pem").write_bytes(authority.pem)

    @property
    def sip_address(self) -> str:
        return f"{self.address}:{self.sip}"

    def configure(
        self,
        inside: Sequence[System],
        partners: Sequence[System],
        *,
        dns: str = "",
        dnssec: bool = False,
        presence: Keys | None = None,
        sip: Keys | None = None,
        more: str = "",
    ) -> Self:
        """Write edge.toml and partners.toml. ``more`` is put at the end of the partner file."""
        sections = [
            table("edge", {"name": NAME, "partners": "partners.toml"}),
            table("tls", {"certificate": "edge.pem", "key": "edge.key", "ca": "ca.pem"}),
            table("sip", {"listen": [self.sip_address], **(sip or {})}),
        ]
        if any(system.keys.get("link", "s2s") == "s2s" for system in [*inside, *partners] if system.via == "xmpp"):
            sections.append(table("xmpp", {"listen": [f"{self.address}:{self.xmpp}"]}))
        else:
            self.xmpp = 0
        if dns:
            sections.append(table("dns", {"servers": [dns], "dnssec": dnssec}))
        if presence:
            sections.append(table("presence", presence))
        self.file.write_text("\n".join([*sections, *(self._system("inside", each) for each in inside)]))
        written = ["version = 1\n", *(self._system("partner", each) for each in partners), more]
        (self.folder / "partners.toml").write_text("\n".join(written))
        return self

    def start(self) -> Self:
        """Start and wait until it listens."""
        self._begun = self.log.stat().st_size if self.log.exists() else 0
        ports = [port for port in (self.sip, self.xmpp) if port]
        self.launch(self.command, lambda: all(accepts(self.address, port) for port in ports))
        return self

    def refuse(self) -> subprocess.CompletedProcess[str]:
        """Start it where it is expected to end by itself."""
        return subprocess.run(
            self.command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN,
            check=False,
        )

    @property
    def command(self) -> list[object]:
        return [TWISTD, "--nodaemon", "--pidfile=", "edge", "--config", self.file, "--ladder"]

    def says(self, *words: str) -> bool:
        """True if one line of the log has all of ``words``."""
        return any(all(word in line for word in words) for line in self.log.read_text(errors="replace").splitlines())

    def accepted(self) -> int:
        """How many of the MESSAGEs that it has sent were answered with 200."""
        return len(ACCEPTED.findall(self.log.read_text(errors="replace")))

    def is_connected(self, partner: str, *domains: str) -> None:
        """Wait until it has a component stream for each since its start: before, the server returns what is for us."""

        def up(domain: str) -> bool:
            words = ("link.up", f"partner={partner} stream=component local={domain} ")
            return any(all(word in line for word in words) for line in lines)

        def all_up() -> bool:
            nonlocal lines
            lines = self.log.read_bytes()[self._begun :].decode(errors="replace").splitlines()
            return all(map(up, domains))

        lines: list[str] = []
        wait_until(all_up, f"{partner} is connected", CONNECTS_WITHIN)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; a gateway that has died or logged a traceback fails the test, whatever its peers saw."""
        alive = self.running
        super().__exit__(kind, value, trace)
        if kind is None:
            assert alive, f"the gateway has ended; its log ends with\n{self.tail()}"
            said = self.log.read_text(errors="replace")
            assert "Traceback" not in said and "internal.error" not in said, said

    def _system(self, kind: str, system: System) -> str:
        keys: Keys = {"name": system.name, "domains": [system.domain], "via": system.via, **system.keys}
        if system.secret:
            (self.folder / f"{system.name}.secret").write_text(system.secret + "\n")
            keys["secret_file"] = f"{system.name}.secret"
        sections = {"tls": system.tls, "limits": system.limits, "xmpp": system.xmpp}
        parts = ((f"[{kind}]", keys), *((f"{kind}.{name}", part) for name, part in sections.items()))
        return "\n".join(table(name, part) for name, part in parts if part)


def table(name: str, keys: Keys) -> str:
    """One table of TOML; JSON's strings, numbers and lists are TOML's."""
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""])
