"""The XMPP server of the demo: xmpp.example, where juliet is, by streams with STARTTLS and SASL EXTERNAL.

Orders: ``subscribe WHO``, ``approve WHO``, ``presence SHOW`` (or ``presence available``), ``message WHO TEXT``.
The gateway's own pool serves here from the other side: to this server, SIP is what the gateway speaks for.
"""

import sys
from collections.abc import Sequence

from twisted.internet import reactor

from demo.partner import Place, Quiet, Shells, run, say
from demo.setting import EDGE, SIP_DOMAIN, XMPP_DOMAIN
from edge.domains import Domain
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_pool import XmppPool
from edge.partners import HostPort, System
from edge.xmpp.dialback import Keys
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq, Message, Presence, Stanza, message_bytes

JULIET = JID.parse(f"juliet@{XMPP_DOMAIN}/balcony")


class Capulet(Quiet):
    """Juliet and her server in one."""

    def __init__(self, place: Place) -> None:
        systems = [
            System(
                name="edge",
                inside=False,
                protocol="xmpp",
                domains=(Domain(SIP_DOMAIN),),
                link="s2s",
                hosts=(HostPort("127.0.0.1", place.edge_port),),
                peer_names=frozenset((Domain(EDGE),)),
                ca=place.ca,
            ),
            System(name="ourselves", inside=True, protocol="sip", domains=(Domain(XMPP_DOMAIN),), ca=place.ca),
        ]
        shells = Shells(place, systems)
        self._ids = shells.ids
        self.pool = XmppPool(
            reactor,
            self,
            shells.turn,
            shells.directory,
            shells.contexts,
            shells.locator,
            Domain(XMPP_DOMAIN),
            shells.ids,
            shells.rng,
            Keys(shells.ids.tag().encode()),
        )
        self.pool.listen("127.0.0.1", place.port)
        self.pool.start()
        self._show = ""
        self._watchers: set[JID] = set()

    # --- orders ---------------------------------------------------------------------------------------------

    def act(self, order: str, who: str, text: str) -> None:
        if order == "subscribe":
            self._send(Presence(JULIET.bare(), JID.parse(who), self._ids.stanza_id(), "subscribe").to_bytes())
        elif order == "approve":
            watcher = JID.parse(who)
            self._watchers.add(watcher)
            self._send(Presence(JULIET.bare(), watcher, type="subscribed").to_bytes())
            self._tell(watcher)
        elif order == "presence":
            self._show = "" if who == "available" else who
            for watcher in self._watchers:
                self._tell(watcher)
        elif order == "message":
            self._send(message_bytes(JULIET, JID.parse(who), text, id=self._ids.stanza_id(), type="chat"))
        else:
            say(f"unknown order {order}")

    # --- what comes from the edge -----------------------------------------------------------------------------

    def stanzas_received(self, link: XmppLink, stanzas: Sequence[Stanza]) -> None:
        for stanza in stanzas:
            assert stanza.from_ is not None and stanza.to is not None
            if isinstance(stanza, Iq):
                if stanza.type == "get":  # the gateway asks whether we have its stanzas (XEP-0199)
                    self._send(Iq(stanza.to, stanza.from_, stanza.id, "result").to_bytes())
            elif isinstance(stanza, Message):
                say(f"message {stanza.from_.bare()} {stanza.body or stanza.type}")
            elif stanza.type == "probe":
                if stanza.from_ in self._watchers:
                    self._tell(stanza.from_)
            else:
                say(f"presence {stanza.from_.bare()} {stanza.type or stanza.show or 'available'}")

    def _tell(self, watcher: JID) -> None:
        """Juliet's presence to one watcher."""
        self._send(Presence(JULIET, watcher, show=self._show).to_bytes())

    def _send(self, data: bytes) -> None:
        self.pool.send(Domain(XMPP_DOMAIN), Domain(SIP_DOMAIN), data, None)


if __name__ == "__main__":
    partner = Capulet(Place.of(sys.argv[1:]))
    run(partner.act, partner.pool.stop)
