"""A SIP connection that asks one thing: OPTIONS (RFC 3261 §11.1). Made by `edge.admin.probing`.

The request names the domain and no user, and has Max-Forwards 0: the server at the border answers by itself, be it
with 483, and nothing of it goes on into the partner's network.
"""

from typing import cast

from edge.admin.evidence import Fault, Reach
from edge.admin.probes import TEXT, Aim, Kit, Probe
from edge.certificates.handshake import Handshake
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.net.sip_link import PONG
from edge.net.sip_owner import Transport
from edge.sip.framing import Framer, Garbled, Ping
from edge.sip.message import Request, Response, check_response, request_bytes, response_bytes
from edge.sip.microsoft import DIAGNOSTICS, UNANSWERED

EXPLAINING = ("warning", DIAGNOSTICS, "ms-diagnostics", "server", "user-agent")  # headers of an answer that are shown


class SipProbe(Probe):
    """``expected`` are the names of which the certificate must carry one."""

    def __init__(self, kit: Kit, aim: Aim, reach: Reach, expected: frozenset[Domain]) -> None:
        super().__init__(kit, aim, reach)
        self._expected = expected
        self._call_id = kit.ids.call_id()
        self._framer = Framer(name=str(kit.host))
        reach.expected = tuple(sorted(expected))

    def secured(self, handshake: Handshake) -> None:
        peer = self.kit.contexts.sip_peer(self.kit.directory, handshake, self.aim.system, self._expected)
        if peer.fault is not None:
            self.reach.minded = Fault(peer.fault)
            self.end(peer.fault, peer.fault.sentence)
        else:
            self.enter("options")
            cast(Transport, self.wire).write(self._request())

    def heard(self, data: bytes) -> None:
        for message in self._framer.feed(data):
            if isinstance(message, Response):
                self._answered(message)
            elif isinstance(message, Ping):
                cast(Transport, self.wire).write(PONG)
            elif isinstance(message, Garbled):
                self.end(message.code, message.text)
            elif isinstance(message, Request) and message.method not in UNANSWERED:
                # it takes this for one of our links, and will use another
                cast(Transport, self.wire).write(response_bytes(message, 503))

    def _answered(self, response: Response) -> None:
        try:
            check_response(response)
        except RemoteProtocolError:
            return  # as a client transaction drops it
        if response.status < 200 or response.call_id != self._call_id:
            return
        self.took("options")
        self.reach.status = response.status
        said = [f"{response.status} {response.reason}"]
        for name in EXPLAINING:
            rows = response.headers.raw(name.encode())
            said += [f"{name}: {row.strip().decode('utf-8', 'replace')[:TEXT]}" for row in rows[:1]]
        self.reach.answer = "; ".join(said)
        self.end()

    def _late(self) -> None:
        if self.reach.stage == "options":
            self.end()  # a test that asks in vain still says how far it came
        else:
            super()._late()

    def _request(self) -> bytes:
        kit, local, domain = self.kit, self.aim.local, self.aim.domain
        return request_bytes("OPTIONS", f"sip:{domain}", [
            ("Via", f"SIP/2.0/TLS {kit.host}:{kit.port};branch={kit.ids.branch()}"),
            ("Max-Forwards", "0"),
            ("From", f"<sip:{local}>;tag={kit.ids.tag()}"),
            ("To", f"<sip:{domain}>"),
            ("Call-ID", self._call_id),
            ("CSeq", "1 OPTIONS"),
            ("Accept", "application/sdp"),
        ])
