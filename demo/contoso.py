"""The SIP partner of the demo: the edge of sip.example, where romeo is, over mutual TLS.

Orders: ``subscribe WHO``, ``approve``, ``presence ACTIVITY`` (or ``presence open``), ``message WHO TEXT``.
"""

import sys
from collections.abc import Sequence

from twisted.internet import reactor

from demo.partner import Place, Quiet, Shells, run, say
from demo.setting import EDGE, SIP_DOMAIN, XMPP_DOMAIN
from edge.bodies.pidf import Document as Pidf
from edge.bodies.pidf import Note, Person, Tuple, parse, render
from edge.domains import Domain
from edge.net.sip_link import SipLink
from edge.net.sip_pool import SipPool
from edge.partners import HostPort, System
from edge.sip.message import Request, Response, request_bytes, response_bytes
from edge.sip.notifier import Notifier
from edge.sip.subscriber import Subscriber
from edge.sip.subscription import (
    Active,
    Document,
    Ended,
    Left,
    Output,
    Pending,
    Rearm,
    RefreshDue,
    Renewed,
    Reply,
    SendRequest,
    UserAgent,
    usage_key,
)

ROMEO = f"sip:romeo@{SIP_DOMAIN}"

Usage = Subscriber | Notifier


class Contoso(Quiet):
    """Romeo and his server in one."""

    def __init__(self, place: Place) -> None:
        self._edge = System(
            name="edge",
            inside=False,
            protocol="sip",
            domains=(Domain(XMPP_DOMAIN),),
            hosts=(HostPort("127.0.0.1", place.edge_port),),
            peer_names=frozenset((Domain(EDGE),)),
            ca=place.ca,
        )
        shells = Shells(place, [self._edge])
        self._ids = shells.ids
        self.pool = SipPool(
            reactor, self, shells.turn, shells.directory, shells.contexts, shells.locator, SIP_DOMAIN, shells.rng
        )
        self.pool.listen("127.0.0.1", place.port)
        self._agent = UserAgent(f"{SIP_DOMAIN}:{place.port}", f"<{ROMEO};transport=tls>", shells.ids)
        self._usages: dict[tuple[str, str], Usage] = {}
        self._asking: dict[str, Usage] = {}  # by branch: whose request waits for its answer
        self._activity = "open"
        self._approved = False

    # --- orders ---------------------------------------------------------------------------------------------

    def act(self, order: str, who: str, text: str) -> None:
        if order == "subscribe":
            subscriber = Subscriber.open(self._agent, ROMEO, f"sip:{who}")
            self._usages[subscriber.key] = subscriber
            self._follow(subscriber, subscriber.subscribe(reactor.seconds()))
        elif order == "approve":
            self._approved = True
            self._tell_all()
        elif order == "presence":
            self._activity = who
            self._tell_all()
        elif order == "message":
            self._message(f"sip:{who}", text)
        else:
            say(f"unknown order {order}")

    # --- what comes from the edge -----------------------------------------------------------------------------

    def sip_received(self, link: SipLink, messages: Sequence[Request | Response]) -> None:
        for message in messages:
            if isinstance(message, Request):
                self._request(link, message)
            else:
                say(f"{message.status} {message.cseq.method}")
                usage = self._asking.pop(message.via.branch, None)
                if usage is not None:
                    self._follow(usage, usage.answered(message, reactor.seconds()))

    def _request(self, link: SipLink, request: Request) -> None:
        sender, now = request.from_.sip_uri, reactor.seconds()
        who = f"{sender.user}@{sender.host}"
        usage = self._usages.get(usage_key(request))
        if request.method == "MESSAGE":
            link.write(response_bytes(request, 200, to_tag=self._ids.tag()))
            say(f"MESSAGE {who} {request.body.decode()}")
        elif request.method == "SUBSCRIBE" and not request.to.tag:
            say(f"SUBSCRIBE {who}")
            notifier, outputs = Notifier.accept(self._agent, request, self._ids.tag(), now)
            self._usages[notifier.key] = notifier
            self._follow(notifier, outputs, link, request)
            self._tell(notifier)
        elif request.method == "SUBSCRIBE" and isinstance(usage, Notifier):
            self._follow(usage, usage.refreshed(request, now), link, request)
        elif request.method == "NOTIFY" and isinstance(usage, Subscriber):
            self._follow(usage, usage.notified(request, now), link, request)
        else:
            link.write(response_bytes(request, 481 if request.to.tag else 405, to_tag=self._ids.tag()))

    # --- usages -------------------------------------------------------------------------------------------------

    def _follow(
        self, usage: Usage, outputs: list[Output], link: SipLink | None = None, request: Request | None = None
    ) -> None:
        """Do what the usage says, in order."""
        now = reactor.seconds()
        for output in outputs:
            if isinstance(output, Reply) and link is not None and request is not None:
                tag = usage.dialog.local_tag
                link.write(response_bytes(request, output.status, to_tag=tag, headers=output.headers))
            elif isinstance(output, SendRequest):
                self._asking[output.branch] = usage
                self.pool.send(self._edge, Domain(XMPP_DOMAIN), output.data, None)
            elif isinstance(output, Rearm):
                reactor.callLater(output.seconds, lambda: self._follow(usage, usage.expire(reactor.seconds())))
            elif isinstance(output, Pending):
                say("NOTIFY pending")
            elif isinstance(output, Active):
                say("NOTIFY active")
            elif isinstance(output, Document) and output.body:
                say(f"PIDF {_read(parse(output.body))}")
            elif isinstance(output, Ended):
                say(f"ended {output.cause.value} {output.reason}")
            elif isinstance(output, RefreshDue) and isinstance(usage, Subscriber):
                self._follow(usage, usage.refresh(now))
            elif isinstance(output, Renewed) and isinstance(usage, Notifier):
                self._tell(usage)
            elif isinstance(output, Left) and isinstance(usage, Notifier):
                self._follow(usage, usage.terminate(now, "timeout", body=self._document()))

    def _tell_all(self) -> None:
        for usage in list(self._usages.values()):
            if isinstance(usage, Notifier):
                self._tell(usage)

    def _tell(self, notifier: Notifier) -> None:
        """Romeo's presence to one watcher, or that he has not decided yet."""
        body = self._document() if self._approved else b""
        self._follow(notifier, notifier.notify(reactor.seconds(), active=self._approved, body=body))

    def _document(self) -> bytes:
        away = () if self._activity == "open" else (Person("romeo", (self._activity,)),)
        notes = (Note("in Mantua" if away else "at the ball"),)
        return render(Pidf(ROMEO, (Tuple("desk", "open", contact=ROMEO, notes=notes),), persons=away))

    def _message(self, target: str, text: str) -> None:
        headers = [
            ("Via", self._agent.via(self._ids.branch())),
            ("Max-Forwards", "70"),
            ("From", f"<{ROMEO}>;tag={self._ids.tag()}"),
            ("To", f"<{target}>"),
            ("Call-ID", self._ids.call_id()),
            ("CSeq", "1 MESSAGE"),
            ("Content-Type", "text/plain;charset=utf-8"),
        ]
        self.pool.send(self._edge, Domain(XMPP_DOMAIN), request_bytes("MESSAGE", target, headers, text.encode()), None)


def _read(document: Pidf) -> str:
    """A document in three words: who, whether open, and what they do."""
    states = {item.basic for item in document.tuples}
    doing = [activity for person in document.persons for activity in person.activities]
    return " ".join([document.entity, "open" if "open" in states else "closed", *doing])


if __name__ == "__main__":
    partner = Contoso(Place.of(sys.argv[1:]))
    run(partner.act, partner.pool.stop)
