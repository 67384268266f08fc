"""A setting without a gateway: what a measurement writes is kept, and the test plays the gateway."""

from types import SimpleNamespace
from typing import Any, cast

from bench.setting import SIP_DOMAIN, Setting


class Wire:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class Loop:
    """Nothing comes by itself."""

    def step(self, timeout: float) -> None: ...
    def rest(self, seconds: float) -> None: ...


def setting(links: int = 2) -> Any:
    """As much of a `Setting` as a course needs."""
    opened = [Wire() for _ in range(links)]
    made = SimpleNamespace(
        loop=Loop(), component=SimpleNamespace(wires={SIP_DOMAIN: Wire()}), links=lambda count: opened[:links],
        sip_domains=[SIP_DOMAIN],
    )
    return cast(Setting, made)


def of(written: bytes) -> tuple[str, str, bytes]:
    """From, To and body of a SIP MESSAGE that was written."""
    head, _, body = written.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    bare = [fields[name].partition("<sip:")[2].partition(">")[0] for name in ("From", "To")]
    return bare[0], bare[1], body


def stanza(written: bytes) -> bytes:
    """What the gateway makes of a SIP MESSAGE."""
    sender, recipient, body = of(written)
    return f"<message from='{sender}' to='{recipient}' id='1' type='chat'><body>".encode() + body + b"</body></message>"


def request(written: bytes) -> bytes:
    """What the gateway makes of a stanza."""
    head, _, rest = written.decode().partition("<body>")
    fields = dict(pair.split("='") for pair in head.rstrip("'>").removeprefix("<message ").split("' "))
    body = rest.partition("</body>")[0]
    sender = fields["from"].partition("/")[0]
    head = (
        f"MESSAGE sip:{fields['to']} SIP/2.0\r\nVia: SIP/2.0/TLS e;branch=z9hG4bK1\r\n"
        f"From: <sip:{sender};gr=phone>;tag=1\r\nTo: <sip:{fields['to']}>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
