"""One gateway, SIP partners over mutual TLS, one XMPP server with a component port: what every measurement needs."""

import re
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from bench.process import Measured, wait_for
from bench.servers import ComponentSide, ServerSide
from bench.wire import Listener, Loop, SipFramer, Wire, tls_context
from demo.authority import Authority

SIP_DOMAIN = "sip.bench.example"
XMPP_DOMAIN = "xmpp.bench.example"
EDGE = "edge.bench.example"
HERE = Path(__file__).resolve().parent.parent  # the tree whose gateway is measured, unless another is given
KEEP_ALIVE = b"\r\n\r\n"  # half of it is the answer (RFC 5626 §4.4.1)
LAST_LINES = 5  # of the log of a gateway, when a measurement fails
LONG = 60.0  # seconds until everything is linked
RESUME = 2000  # requests a second to the XMPP server after a restart: all fifty partners' users probe the same one

SERVER = """
[inside.xmpp]
starttls = "direct"
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Setting:
    """Certificates, configuration and the two far sides; `command` is what is measured.

    ``link`` is how the XMPP server is linked: "component", or "s2s" with TLS; `component` is that server in any case,
    and ``fills`` says whether it fills TLS records.
    ``apart``: each partner has a certificate and a listener of his own, and not all the same ones. ``sampled`` is for
    `bench.profile`; ``tree`` is where the gateway's code is, if not here. With one ``loop`` for several, none of their
    gateways is left without answers while another one is measured.
    """

    kind = Measured
    environment: Mapping[str, str] = {}

    def __init__(
        self, floor: bool = False, partners: int = 1, im_mode: str = "page", sampled: bool = False,
        tree: Path | None = None, link: str = "component", apart: bool = False,
        loop: Loop | None = None, fills: bool = True,
    ) -> None:
        self.sip_domains = [SIP_DOMAIN, *(f"sip{number}.bench.example" for number in range(1, partners))]
        self._folder = tempfile.TemporaryDirectory(prefix="edge-bench-")
        folder = self.folder = Path(self._folder.name)
        authority = Authority("Bench CA")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(authority.pem)
        authority.issue(EDGE, dns=[EDGE, XMPP_DOMAIN, *([] if apart else self.sip_domains)]).write(folder, "edge")
        names = [SIP_DOMAIN] if apart else self.sip_domains
        certificate, _ = authority.issue(SIP_DOMAIN, dns=names).write(folder, "partner")
        self._certificates = dict.fromkeys(self.sip_domains, certificate)
        for domain in self.sip_domains if apart else []:
            self._certificates[domain], _ = authority.issue(domain, dns=[domain]).write(folder, domain)
        self.loop = loop or Loop()
        self.sip_in: list[Wire] = []  # links that the gateway opened to the SIP side
        self.on_request: Callable[[Wire, bytes], None] = lambda wire, message: None  # set by the measurement
        self.on_response: Callable[[Wire, bytes], None] = lambda wire, message: None  # on what `links` returns
        self.on_stanzas: Callable[[bytes], None] = lambda data: None
        accepting = {each: tls_context(ssl.Purpose.CLIENT_AUTH, each, self.ca) for each in self._certificates.values()}
        listeners = {each: Listener(self.loop, self._sip_accepted, context) for each, context in accepting.items()}
        self._ports = {domain: listeners[each].port for domain, each in self._certificates.items()}
        self.sip_port, self.xmpp_port = free_port(), free_port()
        self._links: dict[str, list[Wire]] = {}  # that `links` has opened, by domain
        self.link = link
        self.component: ComponentSide | ServerSide
        if link == "s2s":
            server, _ = authority.issue(XMPP_DOMAIN, dns=[XMPP_DOMAIN]).write(folder, "server")
            self._server_context = tls_context(ssl.Purpose.SERVER_AUTH, server, self.ca)
            context = tls_context(ssl.Purpose.CLIENT_AUTH, server, self.ca)
            self.component = ServerSide(self.loop, lambda data: self.on_stanzas(data), XMPP_DOMAIN, context, fills)
        else:
            self.component = ComponentSide(self.loop, lambda data: self.on_stanzas(data), "bench-secret")
        self.im_mode = im_mode
        self._tree = tree or HERE
        self._origin = folder / "origin"  # where the code that runs comes from, as it says itself
        self._log = folder / "edge.log"
        self._samples = folder / "samples" if sampled else None
        self.command = self._floor() if floor else self._gateway()

    def _gateway(self) -> list[str]:
        (self.folder / "secret").write_text("bench-secret")
        (self.folder / "edge.toml").write_text(
            f"""
[edge]
name = "{EDGE}"
partners = "partners.toml"
state = "edge.sqlite"
[presence]
pace_seconds = 0
[tls]
certificate = "edge.pem"
key = "edge.key"
ca = "ca.pem"
[sip]
listen = ["127.0.0.1:{self.sip_port}"]
[xmpp]
listen = ["127.0.0.1:{self.xmpp_port}"]
[[inside]]
name = "office"
domains = ["{XMPP_DOMAIN}"]
via = "xmpp"
link = "{self.link}"
hosts = ["127.0.0.1:{self.component.listener.port}"]
{SERVER if self.link == "s2s" else 'secret_file = "secret"'}
[inside.limits]
resume_per_s = {RESUME}
"""
        )
        partner = """
[[partner]]
name = "{domain}"
domains = ["{domain}"]
via = "sip"
hosts = ["127.0.0.1:{port}"]
im_mode = "{mode}"
[partner.tls]
peer_names = ["{domain}"]
[partner.limits]
messages_per_s = 1000000
burst = 1000000
"""
        mode = self.im_mode
        listed = [partner.format(domain=domain, port=port, mode=mode) for domain, port in self._ports.items()]
        (self.folder / "partners.toml").write_text("version = 1\n" + "".join(listed))
        arguments = ["-n", "--pidfile=", "edge", "--config", str(self.folder / "edge.toml")]
        if self._samples is None and self._tree == HERE:
            return [str(Path(sys.executable).with_name("twistd")), *arguments]
        launched = str(Path(__file__).with_name("launched.py"))
        return [sys.executable, launched, str(self._origin), str(self._samples or "-"), *arguments]

    def _floor(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "bench.floor",
            str(self.folder),
            str(self.sip_port),
            str(self._ports[SIP_DOMAIN]),
            str(self.component.listener.port),
        ]

    def start(self, linked: bool = True) -> Measured:
        """Start what is measured and, if ``linked``, wait until the XMPP side is linked with it."""
        environment = {"PYTHONPATH": str(self._tree), **self.environment}
        measured = self.kind(self.command, self._log, environment, self._tree, self._samples)
        if not linked:
            return measured
        try:
            def are_up() -> bool:
                self.loop.rest(0.05)
                return len(self.component.wires) == len(self.sip_domains)

            if isinstance(self.component, ServerSide):
                self._connect_server(self.component)
            wait_for("the links with the XMPP server", are_up, LONG)
            if self._origin.exists():
                origin = Path(self._origin.read_text())
                assert origin.is_relative_to(self._tree), f"the code measured is {origin}, not that in {self._tree}"
        except BaseException:
            measured.__exit__(None, None, None)
            raise
        return measured

    def lose(self, measured: Measured) -> None:
        """Kill the gateway; `start` can begin another one, with the same state."""
        self.loop.losing = True
        measured.kill()
        while self.loop.open:
            self.loop.step(1.0)
        self.loop.losing = False
        self.sip_in.clear()
        self._links.clear()
        self.component.wires.clear()

    def connect(self, domain: str = SIP_DOMAIN) -> tuple[Wire, SipFramer]:
        """A mutual TLS link of the SIP side to the gateway."""
        context = tls_context(ssl.Purpose.SERVER_AUTH, self._certificates[domain], self.ca)
        raw = socket.create_connection(("127.0.0.1", self.sip_port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = context.wrap_socket(raw, server_hostname=EDGE)
        framer = SipFramer()
        return Wire(self.loop, connection, lambda data: None), framer

    def links(self, count: int, domain: str = SIP_DOMAIN) -> list[Wire]:
        """So many links of ``domain`` to the gateway, the same whenever asked; what comes goes to `on_response`."""
        links = self._links.setdefault(domain, [])
        while len(links) < count:
            wire, framer = self.connect(domain)
            wire.received = self._framing(wire, framer, lambda *said: self.on_response(*said))
            links.append(wire)
        return links[:count]

    def _connect_server(self, server: ServerSide) -> None:
        """Open its streams as soon as the gateway listens."""
        def listens() -> bool:
            try:
                socket.create_connection(("127.0.0.1", self.xmpp_port)).close()
            except OSError:
                return False
            return True

        wait_for("the listener", listens)
        for domain in self.sip_domains:
            server.connect(self._server_context, self.xmpp_port, domain)

    @staticmethod
    def _framing(wire: Wire, framer: SipFramer, to: Callable[[Wire, bytes], None]) -> Callable[[bytes], None]:
        def received(data: bytes) -> None:
            if data.startswith(KEEP_ALIVE):
                wire.write(KEEP_ALIVE[2:])
            for message in framer.feed(data):
                to(wire, message)

        return received

    def _sip_accepted(self, connection: socket.socket) -> None:
        wire = Wire(self.loop, connection, lambda data: None)
        wire.received = self._framing(wire, SipFramer(), lambda *said: self.on_request(*said))
        self.sip_in.append(wire)

    def __enter__(self) -> "Setting":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if value is not None and self._log.exists():
            lines = [line for line in self._log.read_text(errors="replace").splitlines() if "#info" not in line]
            value.add_note("\n".join(["what the gateway complained of last:", *lines[-LAST_LINES:]]))
        self._folder.cleanup()


ECHOED = re.compile(rb"(?:^|\r\n)((?:Via|From|To|Call-ID|CSeq):[^\r]*)", re.I)


def sip_answer(request: bytes, extra: bytes = b"", body: bytes = b"") -> bytes:
    """A 200 to ``request``."""
    head = request[: request.index(b"\r\n\r\n")]
    lines = ECHOED.findall(head)
    lines = [line + b";tag=bench" if line[:3].lower() == b"to:" and b";tag=" not in line else line for line in lines]
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"SIP/2.0 200 OK\r\n" + b"\r\n".join(lines) + b"\r\n" + extra + length + body
