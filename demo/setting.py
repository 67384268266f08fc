"""What the demo needs before it can begin: certificates, a configuration, ports that nobody has taken.

`standing` uses the repository's own folders and the fixed ports, `temporary` a folder and ports for one short run.
"""

import contextlib
import random
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from demo.authority import Authority
from demo.authority import main as write_certificates

REPOSITORY = Path(__file__).resolve().parents[1]

EDGE = "edge.example.net"
SIP_DOMAIN = "sip.example"
XMPP_DOMAIN = "xmpp.example"
PORTS = {"sip": 5061, "xmpp": 5269, "contoso": 15061, "capulet": 15269}

THROW_AWAY = "Throw-away CA of the edge demo"  # who has issued a certificate that may be replaced


class Unfit(Exception):
    """The demo cannot begin; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Setting:
    """``folder`` holds certs/ and demo/, as the repository does."""

    folder: Path
    ports: Mapping[str, int]

    @property
    def configuration(self) -> Path:
        return self.folder / "demo" / "edge.toml"


def standing() -> Setting:
    """The setting of ``make run``. Raises `Unfit`."""
    for port in PORTS.values():
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError as error:
                raise Unfit(f"127.0.0.1:{port} cannot be listened on ({error.strerror}): stop what uses it") from None
    _write_ours(REPOSITORY / "certs")
    _write_partners(REPOSITORY / "demo" / "state")
    return Setting(REPOSITORY, PORTS)


def temporary(folder: Path) -> Setting:
    """The same in ``folder``, with ports that are free now."""
    ports = _free_ports()
    (folder / "demo").mkdir()
    for name in ("edge.toml", "partners.toml"):
        text = (REPOSITORY / "demo" / name).read_text()
        for which, port in PORTS.items():
            text = text.replace(f'"127.0.0.1:{port}"', f'"127.0.0.1:{ports[which]}"')
        (folder / "demo" / name).write_text(text)
    _write_ours(folder / "certs")
    _write_partners(folder / "demo" / "state")
    return Setting(folder, ports)


def _write_ours(folder: Path) -> None:
    """The gateway's certificate and its authority's, unless they are there; those of ours that are too old go."""
    certificate = folder / "edge.pem"
    if certificate.exists():
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        if THROW_AWAY not in leaf.issuer.rfc4514_string() or not (folder / "ca.pem").exists():
            raise Unfit(f"{certificate} is not the demo's: a gateway of its own is started with `twistd edge`")
        if leaf.not_valid_after_utc < datetime.now(UTC):
            certificate.unlink()
    write_certificates([str(folder), EDGE, XMPP_DOMAIN, SIP_DOMAIN])


def _write_partners(folder: Path) -> None:
    """An authority of the partners' own, and a certificate for each of them."""
    shutil.rmtree(folder, ignore_errors=True)
    authority = Authority("Throw-away CA of the demo's partners")
    authority.issue(SIP_DOMAIN, dns=[SIP_DOMAIN]).write(folder, "contoso")
    authority.issue(XMPP_DOMAIN, dns=[XMPP_DOMAIN]).write(folder, "capulet")
    (folder / "partners.pem").write_bytes(authority.pem)


def _free_ports() -> dict[str, int]:
    """None of those that the kernel gives meanwhile to whoever asks for any."""
    ports: dict[str, int] = {}
    names = iter(PORTS)
    for port in random.sample(range(10_000, 32_000), 1000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports[next(names)] = port
        if len(ports) == len(PORTS):
            break
    return ports
