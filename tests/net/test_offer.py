"""The offer of our link stands in our own Via, and changes nothing else."""

from edge.net.offer import offering
from edge.sip.framing import Framer
from edge.sip.message import Request
from tests.net.loopback import request


def test_offer_is_a_parameter_of_our_via_without_a_value() -> None:
    (before,) = Framer(name="edge.example").feed(request(1, body=b";branch=x"))
    (after,) = Framer(name="edge.example").feed(offering(request(1, body=b";branch=x")))
    assert isinstance(before, Request) and isinstance(after, Request)
    assert after.via.parameters == (("alias", None), *before.via.parameters)
    assert (after.via.host, after.via.branch, after.body) == (before.via.host, before.via.branch, before.body)
