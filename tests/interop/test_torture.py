"""The torture messages of RFC 4475 on a real link of a partner, while a real user is to be reached all the time."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.by_hand import PATIENCE, Credentials, SipLink
from tests.interop.edge import NAME, Edge, System
from tests.interop.process import Addresses
from tests.interop.prosody import Prosody
from tests.interop.xmpp_user import XmppUser
from tests.sip.torture_cases import CASES, Case

pytestmark = pytest.mark.slow

SIP, XMPP, OTHER = "sip.example", "xmpp.example", "other.example"
SECRET = "a secret"
SILENCE = 0.3  # seconds in which an incomplete message must not be answered


class Place:
    """A gateway with a partner who sends the messages, another who behaves, and a user who reads what that one says."""

    def __init__(
        self, stack: ExitStack, folders: pytest.TempPathFactory, authority: Authority, addresses: Addresses
    ) -> None:
        issued = authority.issue("", dns=[XMPP])
        prosody = Prosody(folders.mktemp("prosody"), addresses, XMPP, issued, authority.pem)
        stack.enter_context(
            prosody.start(accounts={"juliet": "pencil"}, components={SIP: SECRET, OTHER: SECRET}),
        )
        hosts = [f"{prosody.address}:{prosody.component}"]
        inside = System("xmpp", XMPP, "xmpp", {"link": "component", "hosts": hosts}, secret=SECRET)
        nowhere = {"hosts": [f"{addresses.of('nobody')}:5061"]}
        partners = [System(domain, domain, "sip", nowhere, tls={"peer_names": [domain]}) for domain in (SIP, OTHER)]
        self.edge = Edge(folders.mktemp("edge"), addresses, authority)
        stack.enter_context(self.edge.configure([inside], partners).start())
        self.edge.is_connected("xmpp", SIP, OTHER)
        self.juliet = stack.enter_context(
            XmppUser(f"juliet@{XMPP}", "pencil", prosody.address, prosody.c2s).log_in(),
        )
        folder = folders.mktemp("partners")
        self._credentials = {
            domain: Credentials(folder, authority.issue("", dns=[domain]), authority.pem) for domain in (SIP, OTHER)
        }
        self.other = stack.enter_context(self.link(OTHER))

    def link(self, domain: str) -> SipLink:
        return SipLink.dial((self.edge.address, self.edge.sip), NAME, self._credentials[domain])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, tmp_path_factory, authority, addresses)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_message_is_answered_and_harms_nobody(case: Case, place: Place) -> None:
    with place.link(SIP) as link:
        link.send(case.data)
        if case.closes:
            deadline = time.monotonic() + PATIENCE
            while link.read(deadline):
                pass
            assert link.closed
        elif case.waits:
            link.request("OPTIONS", f"sip:{NAME}", f"sip:caller@{SIP}")
            assert link.read(time.monotonic() + SILENCE) is False and not link.closed
        else:
            served = link.options(f"sip:{NAME}", f"sip:caller@{SIP}")
            assert served.status == 200
            link.received.remove(served)
            deadline = time.monotonic() + PATIENCE
            while len(finals(link)) < case.answers and link.read(deadline):
                pass
            assert not link.closed
        answers = finals(link)
        assert len(answers) == case.answers and set(answers) <= case.statuses
    assert place.other.message(f"sip:juliet@{XMPP}", f"sip:peter@{OTHER}", f"after {case}").status == 200
    place.juliet.expect("message", from_=f"peter@{OTHER}", body=f"after {case}")


def finals(link: SipLink) -> list[int]:
    return [message.status for message in link.received if message.status >= 200]
