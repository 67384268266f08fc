"""A SIP partner whose requests come on the connection that we have opened, because we offer it (RFC 5923).

One real Kamailio that accepts such offers, one that does not, and the gateway on the very address from which it dials:
an offer is good for that address alone.
"""

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.edge import Edge, System
from tests.interop.kamailio import Kamailio
from tests.interop.process import Addresses
from tests.interop.prosody import Prosody
from tests.interop.sip_user import SipUser
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

CAPULET, MONTAGUE = "capulet.example", "montague.example"
SECRET = "a secret"
Meet = Callable[[str], tuple[Edge, XmppUser, SipUser]]


@pytest.fixture
def meet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses
) -> Meet:
    """Juliet at Prosody, Romeo at a Kamailio with this line in its configuration, and the gateway, which offers."""

    def begin(line: str) -> tuple[Edge, XmppUser, SipUser]:
        stack = ExitStack()
        request.addfinalizer(stack.close)
        folder = tmp_path_factory.mktemp
        prosody = Prosody(folder("prosody"), addresses, CAPULET, authority.issue("", dns=[CAPULET]), authority.pem)
        issued = authority.issue("", dns=[MONTAGUE])
        kamailio = Kamailio(folder("kamailio"), addresses, MONTAGUE, issued, authority.pem)
        edge = Edge(folder("edge"), addresses, authority)
        edge.address = "127.0.0.1"  # where its port is free too, unless by the rarest chance
        stack.enter_context(prosody.start(accounts={"juliet": "pencil"}, components={MONTAGUE: SECRET}))
        stack.enter_context(kamailio.start(gateway=edge.sip_address, extra=f"\n{line}\n"))
        romeo = SipUser(f"sip:romeo@{MONTAGUE}", addresses.of("users"), (kamailio.address, kamailio.local))
        stack.enter_context(romeo)
        assert romeo.register().status == 200
        component = {"link": "component", "hosts": [f"{prosody.address}:{prosody.component}"]}
        hosts = {"hosts": [f"{kamailio.address}:{kamailio.tls}"], "offer_alias": True}
        inside = System("capulet", CAPULET, "xmpp", component, secret=SECRET)
        edge.configure([inside], [System("montague", MONTAGUE, "sip", hosts, tls={"peer_names": [MONTAGUE]})])
        stack.enter_context(edge.start())
        edge.is_connected("capulet", MONTAGUE)
        juliet = XmppUser(f"juliet@{CAPULET}", "pencil", prosody.address, prosody.c2s)
        return edge, stack.enter_context(juliet.log_in()), romeo

    return begin


def talk(juliet: XmppUser, romeo: SipUser) -> None:
    """She writes first, twice each."""
    for number in range(2):
        juliet.message(f"romeo@{MONTAGUE}", f"to him {number}")
        assert romeo.expect("MESSAGE").body == f"to him {number}"
        assert romeo.message(f"sip:juliet@{CAPULET}", f"to her {number}").status == 200
        juliet.expect("message", from_=f"romeo@{MONTAGUE}", body=f"to her {number}")


def test_proxy_that_accepts_the_offer_sends_on_our_connection(meet: Meet) -> None:
    edge, juliet, romeo = meet("tcp_accept_aliases=yes")
    talk(juliet, romeo)
    assert edge.says("link.up", "partner=montague", "direction=out")
    assert not edge.says("link.up", "partner=montague", "direction=in")


def test_proxy_that_takes_no_notice_opens_a_connection_of_its_own(meet: Meet) -> None:
    edge, juliet, romeo = meet("tcp_accept_aliases=no")
    talk(juliet, romeo)
    assert edge.says("link.up", "partner=montague", "direction=in")
