"""SIP load from SIPp, which Debian builds without TLS, through stunnel, which has a certificate for it."""

import csv
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from demo.authority import Issued
from tests.interop.process import Addresses, Process, accepts, need

SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="requests">
  <send start_rtd="1"><![CDATA[
{method} {uri} SIP/2.0
Via: SIP/2.0/{transport} [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <{sender}>;tag=[call_number]
To: <{to}>
Call-ID: [call_id]
CSeq: 1 {method}
Contact: <{sender}>
{content}Content-Length: [len]

{body}]]></send>
  <recv response="100" optional="true"/>
  <recv response="200" rtd="1"/>
</scenario>
"""


class Stunnel(Process):
    """Takes plain TCP on `address`:`port` and speaks TLS with a client certificate to whoever it is told."""

    def __init__(self, folder: Path, addresses: Addresses, certificate: Issued, ca: bytes) -> None:
        super().__init__("stunnel", folder)
        self.address = addresses.of("stunnel")
        self.port = addresses.port("stunnel")
        self._certificate, self._key = certificate.write(folder, "client")
        self._ca = folder / "ca.pem"
        self._ca.write_bytes(ca)

    def start(self, *, to: str, name: str) -> Self:
        """``to`` is "ADDRESS:PORT", ``name`` what the certificate there must carry."""
        configuration = self.folder / "stunnel.conf"
        lines = [
            *("foreground = yes", "pid =", "debug = info", "syslog = no"),
            *("[sip]", "client = yes", f"accept = {self.address}:{self.port}", f"connect = {to}"),
            *(f"cert = {self._certificate}", f"key = {self._key}", f"CAfile = {self._ca}"),
            *("verifyChain = yes", f"checkHost = {name}", f"sni = {name}"),
        ]
        configuration.write_text("\n".join(lines) + "\n")
        self.launch([need("stunnel4"), configuration], lambda: accepts(self.address, self.port))
        return self


@dataclass(frozen=True)
class Counts:
    """How many requests were answered with 200, and how many were not."""

    successful: int
    failed: int


def load(
    folder: Path,
    *,
    to: tuple[str, int],
    source: tuple[str, int],
    method: str,
    uri: str,
    sender: str,
    body: str = "",
    count: int,
    rate: int,
    outstanding: int = 64,
    seconds: int = 180,
    transport: str = "TLS",
) -> Counts:
    """Send ``count`` requests at ``rate`` a second on one TCP connection, at most ``outstanding`` open.

    ``transport`` is what whoever is behind the connection takes it for.
    """
    program = need("sipp")
    folder.mkdir(parents=True, exist_ok=True)
    scenario, statistics = folder / "scenario.xml", folder / "statistics.csv"
    content = "Content-Type: text/plain\n" if body else ""
    text = {"method": method, "uri": uri, "to": uri, "sender": sender, "content": content, "body": body}
    text["transport"] = transport
    scenario.write_text(SCENARIO.format(**text))
    done = subprocess.run(
        [
            *(program, f"{to[0]}:{to[1]}", "-i", source[0], "-p", str(source[1])),
            *("-sf", scenario, "-t", "t1", "-nostdin"),
            *("-m", str(count), "-r", str(rate), "-l", str(outstanding)),
            *("-timeout", f"{seconds}s", "-timeout_error"),
            *("-trace_stat", "-stf", statistics, "-fd", "1", "-trace_err", "-error_file", folder / "errors.log"),
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds + 10,
        start_new_session=True,
    )
    assert statistics.exists(), (done.stdout + done.stderr).decode(errors="replace")[-2000:]
    with statistics.open() as rows:
        last = list(csv.DictReader(rows, delimiter=";"))[-1]
    return Counts(int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]))
