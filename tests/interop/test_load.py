"""Load from SIPp, through stunnel and the gateway, to a user behind Prosody: nothing is lost, nothing twice."""

from collections import Counter
from pathlib import Path

import pytest

from demo.authority import Authority
from tests.interop.edge import NAME, Edge, System
from tests.interop.process import Addresses, wait_until
from tests.interop.prosody import Prosody
from tests.interop.sipp import Counts, Stunnel, load
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

CAPULET, MONTAGUE = "capulet.example", "montague.example"
SECRET = "a secret"
COUNT = 500


def test_every_message_of_a_crowd_arrives_once(tmp_path: Path, authority: Authority, addresses: Addresses) -> None:
    issued = authority.issue("", dns=[CAPULET])
    prosody = Prosody(tmp_path / "prosody", addresses, CAPULET, issued, authority.pem)
    hosts = [f"{prosody.address}:{prosody.component}"]
    inside = System("capulet", CAPULET, "xmpp", {"link": "component", "hosts": hosts}, secret=SECRET)
    nowhere = {"hosts": [f"{addresses.of('nobody')}:5061"]}
    partner = System("montague", MONTAGUE, "sip", nowhere, tls={"peer_names": [MONTAGUE]})
    edge = Edge(tmp_path / "edge", addresses, authority).configure([inside], [partner])
    tunnel = Stunnel(tmp_path / "stunnel", addresses, authority.issue("", dns=[MONTAGUE]), authority.pem)
    with (
        prosody.start(accounts={"juliet": "pencil"}, components={MONTAGUE: SECRET}),
        edge.start(),
        tunnel.start(to=edge.sip_address, name=NAME),
        XmppUser(f"juliet@{CAPULET}", "pencil", prosody.address, prosody.c2s).log_in() as juliet,
    ):
        edge.is_connected("capulet", MONTAGUE)
        counts = load(
            tmp_path / "sipp",
            to=(tunnel.address, tunnel.port),
            source=(addresses.of("sipp"), addresses.port("sipp")),
            method="MESSAGE",
            uri=f"sip:juliet@{CAPULET}",
            sender=f"sip:romeo@{MONTAGUE}",
            body="Message [call_number]",
            count=COUNT,
            rate=250,
        )
        assert counts == Counts(successful=COUNT, failed=0)
        wait_until(lambda: len(juliet.bodies()) >= COUNT, "all messages have arrived", 60)
        arrived = Counter(body.strip() for body in juliet.bodies())
        assert arrived == Counter(f"Message {number}" for number in range(1, COUNT + 1))
