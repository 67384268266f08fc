"""The factories of SIP links: when they say what, and for what a link is."""

from typing import cast

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IConnector
from twisted.python.failure import Failure

from edge.domains import Domain
from edge.net.lanes import Lanes
from edge.net.locate import Candidate
from edge.net.sip_dialling import Accepting, Dialling, Use
from edge.net.sip_link import SipLink

LINK = cast(SipLink, object())
LANES = cast(Lanes, object())


def test_link_is_known_before_others_are_called_off_for_it() -> None:
    said: list[object] = []
    factory = Dialling(said.append, LINK, lambda: said.append("connected"), said.append)
    assert factory.buildProtocol(None) is LINK
    assert said == [LINK, "connected"]


def test_connection_that_cannot_be_made_is_told() -> None:
    failed: list[Failure] = []
    factory = Dialling(lambda link: None, LINK, lambda: None, failed.append)
    factory.clientConnectionFailed(cast(IConnector, None), Failure(ConnectionRefusedError()))
    assert failed[0].check(ConnectionRefusedError)


def test_connection_may_be_declined() -> None:
    assert Accepting(lambda address: LINK).buildProtocol(None) is LINK
    assert Accepting(lambda address: None).buildProtocol(None) is None


def test_dialled_link_is_for_its_place_and_a_lent_one_for_none_yet() -> None:
    candidate = Candidate(Domain("sip.lync.example"), "192.0.2.1", 5061)
    dialled, lent = Use(LANES, candidate=candidate), Use(advertised=("192.0.2.1", 5061))
    assert (dialled.places, dialled.candidate, dialled.advertised) == ([LANES], candidate, None)
    assert (lent.places, lent.candidate, lent.system) == ([], None, None)
