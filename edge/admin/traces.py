"""The traces that are under way, as verbs of the administrator's: begun, looked at, ended.

`edge.admin.verbs` offers them. While there is one, and only then, the driver has a recorder: it hands everything to
each trace (`edge.admin.tracing`), and to the one that was there before (``--ladder``).
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.admin.local import Answer, Wrong
from edge.admin.shown import stamp
from edge.admin.subs import address
from edge.domains import Domain, unicode
from edge.driver import Driver, Recorder
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Report, SipLink, XmppLink
from edge.gateway.node import Node, bug
from edge.partners import System
from edge.sip.message import Request, Response, parse_message
from edge.xmpp.stanzas import Stanza

if TYPE_CHECKING:
    from edge.admin.tracing import Trace

MOST = 4  # traces at a time: each costs something for every message of everybody
MINUTES = 10.0  # if nobody says how long
LONGEST = 60.0  # minutes
KEPT_SECONDS = 300.0  # for which a trace that is over can be looked at
ID_BYTES = 4  # of the name of a trace
SETTINGS = (
    "direction", "im_mode", "html", "encrypted", "allow", "traffic", "identity", "subscribe", "presence_format",
    "piggyback", "message_bytes", "transit", "messages_per_s", "burst", "resume_per_s", "page_type",
)


class Traces:
    """All of them. A `edge.driver.Recorder`."""

    def __init__(self, driver: Driver, node: Node, reactor: IReactorTime, wall: Callable[[], float]) -> None:
        self._driver, self._node, self._reactor, self._wall = driver, node, reactor, wall
        self._traces: dict[str, Trace] = {}
        self._calls: dict[str, IDelayedCall] = {}  # when each is over, or forgotten
        self._before: Recorder | None = None
        self._watching = False

    # --- verbs ----------------------------------------------------------------------------------------

    def start(self, said: Mapping[str, str]) -> Answer:
        """``address``, if one likes ``with`` another, ``minutes`` and ``bodies``."""
        from edge.admin.tracing import Trace  # only who looks at it pays for it

        wanted = tuple(address(said[key]).bare() for key in ("address", "with") if said.get(key))
        if not wanted:
            raise Wrong("whose messages? Say address")
        minutes = _minutes(said.get("minutes", ""))
        bodies = said.get("bodies", "")
        if bodies not in ("", "0", "1", "false", "true"):
            raise Wrong("bodies must be true or false")
        under_way = [trace for trace in self._traces.values() if not trace.ended]
        if len(under_way) >= MOST:
            first = stamp(min(trace.ends for trace in under_way))
            raise Wrong(f"there are {MOST} traces already, of which the first ends at {first}", 409)
        if len(self._traces) >= MOST:
            self._forget(next(each.id for each in self._traces.values() if each.ended))
        trace = Trace(secrets.token_hex(ID_BYTES), wanted, self._wall() + 60 * minutes, bodies in ("1", "true"))
        self._traces[trace.id] = trace
        self._calls[trace.id] = self._reactor.callLater(60 * minutes, self._end, trace, "its time was over")
        self._listen()
        systems = [self._node.directory.system_of(each.host) for each in wanted]
        sides = {system.protocol: system.name for system in systems if system is not None}
        unlisted = [unicode(each.host) for each, system in zip(wanted, systems, strict=True) if system is None]
        return {**trace.summary(self._wall()), "sides": sides, "unlisted": unlisted}

    def read(self, said: Mapping[str, str]) -> Answer:
        """What trace ``id`` has kept behind event ``since``, with the systems that occur; without an id all traces."""
        if not said.get("id"):
            return {"traces": [trace.summary(self._wall()) for trace in self._traces.values()]}
        trace = self._named(said)
        try:
            since = max(0, int(said.get("since") or 0))
        except ValueError:
            raise Wrong("since must be the number of an event") from None
        events = trace.events[since:]
        systems = self._systems({event["system"] for event in events}, trace.hosts)
        return {**trace.summary(self._wall()), "events": events, "systems": systems}

    def end(self, said: Mapping[str, str]) -> Answer:
        """Trace ``id`` is over; it can be looked at for a while."""
        trace = self._named(said)
        if not trace.ended:
            self._end(trace, "somebody has ended it")
        return trace.summary(self._wall())

    # --- edge.driver.Recorder -------------------------------------------------------------------------

    def sip_in(self, link: SipLink, message: Request | Response) -> None:
        if self._before is not None:
            self._before.sip_in(link, message)
        system = self._whose(link.peer.systems, _host(message))
        self._each(lambda trace: trace.sip(self._wall(), "in", system, message))

    def sip_out(self, peer: str, data: bytes) -> None:
        if self._before is not None:
            self._before.sip_out(peer, data)
        head, _, body = data.partition(b"\r\n\r\n")
        try:
            message = parse_message(head, body)
        except RemoteProtocolError:  # an answer to what was garbled, and is garbled itself
            return
        system = self._whose(peer.split(","), _host(message))
        self._each(lambda trace: trace.sip(self._wall(), "out", system, message))

    def xmpp_in(self, link: XmppLink, stanza: Stanza) -> None:
        if self._before is not None:
            self._before.xmpp_in(link, stanza)
        host = stanza.from_.host if stanza.from_ is not None else None
        self._stanza("in", self._whose(link.peer.systems, host), stanza.to_bytes)

    def xmpp_out(self, sender: Domain, recipient: Domain, data: bytes) -> None:
        if self._before is not None:
            self._before.xmpp_out(sender, recipient, data)
        system = self._node.directory.system_of(recipient)
        self._stanza("out", system.name if system is not None else "", lambda: data)

    # --- private --------------------------------------------------------------------------------------

    def _whose(self, systems: Collection[str], host: Domain | None) -> str:
        """Of several systems behind one link the one that has this domain."""
        owner = self._node.directory.system_of(host) if host is not None and len(systems) > 1 else None
        return owner.name if owner is not None and owner.name in systems else ",".join(sorted(systems))

    def _stanza(self, way: str, system: str, data: Callable[[], bytes]) -> None:
        from lxml import etree

        self._each(lambda trace: trace.stanza(self._wall(), way, system, etree.fromstring(data())))

    def _heard(self, report: Report) -> None:
        self._each(lambda trace: trace.report(self._wall(), report))

    def _each(self, tell: "Callable[[Trace], None]") -> None:
        """Tell every trace; one that fails is over, and nobody else suffers."""
        for trace in list(self._traces.values()):
            if trace.ended:
                continue
            try:
                tell(trace)
            except Exception as error:
                trace.ended = "the gateway has failed, see its log"
                report = bug(error, "trace")
                self._driver.link_event(report.event, **report.fields)
            if trace.ended:
                self._end(trace, trace.ended)

    def _listen(self) -> None:
        if not self._watching:
            self._watching = True
            self._driver.watch(self._heard)
        if self._driver.recorder is not self:
            self._before, self._driver.recorder = self._driver.recorder, self

    def _end(self, trace: "Trace", why: str) -> None:
        trace.ended = why
        call = self._calls.pop(trace.id, None)
        if call is not None and call.active():
            call.cancel()
        self._calls[trace.id] = self._reactor.callLater(KEPT_SECONDS, self._forget, trace.id)
        if all(each.ended for each in self._traces.values()):
            self._driver.recorder, self._before = self._before, None

    def _forget(self, id: str) -> None:
        self._traces.pop(id, None)
        call = self._calls.pop(id, None)
        if call is not None and call.active():
            call.cancel()

    def _named(self, said: Mapping[str, str]) -> "Trace":
        trace = self._traces.get(said.get("id", ""))
        if trace is None:
            raise Wrong("there is no such trace (any more)", 404)
        return trace

    def _systems(self, names: set[str], hosts: Iterable[Domain]) -> dict[str, Any]:
        """What is set for the systems that have to do with some events, for whoever makes a test of them."""
        directory = self._node.directory
        found: dict[str, Any] = {"": {"edge": str(self._node.name), "port": self._node.port}}
        owners = {str(host): directory.system_of(host) for host in hosts}
        named = (directory.named(name) for joined in names for name in joined.split(","))
        for system in [*owners.values(), *named]:
            if system is not None and system.name not in found:
                own = [host for host, owner in owners.items() if owner is system]
                found[system.name] = {**_facts(system), "domains": own}
        return found


# -- private ---------------------------------------------------------------------------------------------------------

def _host(message: Request | Response) -> Domain | None:
    """The domain of who has asked."""
    try:
        return message.from_.sip_uri.host
    except RemoteProtocolError:
        return None


def _facts(system: System) -> dict[str, Any]:
    """What a system is, with those of its settings that are not as they are by default."""
    plain = System(system.name, system.inside, system.protocol, system.domains)
    different = {name: getattr(system, name) for name in SETTINGS if getattr(system, name) != getattr(plain, name)}
    presence = system.presence
    if presence.outbound != plain.presence.outbound:
        different["outbound"] = presence.outbound
    if presence.notes != plain.presence.notes:
        different["notes"] = presence.notes
    for row in presence.sip:
        different[f"map:sip:{row[0]}"] = (row[1] or "available") + (f"+{row[2]}" if row[2] else "")
    for row in presence.xmpp:
        different[f"map:xmpp:{row[0] or 'available'}"] = (row[1] or "available") + (f"+{row[2]}" if row[2] else "")
    return {
        "kind": "inside" if system.inside else "partner", "protocol": system.protocol, "link": system.link,
        "discovered": system.discovered, "settings": different,
    }


def _minutes(text: str) -> float:
    try:
        minutes = float(text or MINUTES)
    except ValueError:
        raise Wrong("minutes must be a number") from None
    if not 0 < minutes <= LONGEST:
        raise Wrong(f"minutes must be more than 0, and {LONGEST:.0f} at most")
    return minutes
