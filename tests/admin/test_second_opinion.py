"""Another resolver says the same, or not."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from edge.admin.evidence import Looked
from edge.admin.second_opinion import differences
from edge.codes import Code
from edge.domains import Domain
from edge.net.locate import FEDERATION
from edge.net.names import LocateError
from edge.partners import HostPort

DOMAIN = Domain("contoso.com")
EDGE, OTHER = HostPort("edge.contoso.com", 5061), HostPort("inside.contoso.com", 5061)
LOOKED = Looked(None, {FEDERATION: (EDGE,), "_sips._tcp.": None}, {EDGE.host: ("203.0.113.17",)})


class Dns:
    def __init__(
        self, servers: list[HostPort] | None, addresses: list[str] | None, fault: Code | None = None
    ) -> None:
        self._servers, self._addresses, self._fault = servers, addresses, fault

    def services(self, name: str) -> "Deferred[list[HostPort] | None]":
        if self._fault:
            return fail(LocateError(self._fault))
        return succeed(self._servers if name.startswith(FEDERATION) else None)

    def addresses(self, host: Domain) -> "Deferred[list[str]]":
        return fail(LocateError(Code.D02)) if self._addresses is None else succeed(self._addresses)


def said(dns: Dns) -> tuple[str, ...]:
    answers: list[tuple[str, ...]] = []
    Deferred.fromCoroutine(differences(dns, LOOKED, DOMAIN)).addCallback(answers.append)
    return answers[0]


@pytest.mark.parametrize(
    ("dns", "expected"),
    [
        (Dns([EDGE], ["203.0.113.17"]), ()),
        (Dns([OTHER], ["203.0.113.17"]), ("_sipfederationtls._tcp.contoso.com -> inside.contoso.com:5061",)),
        (Dns(None, ["203.0.113.17"]), ("_sipfederationtls._tcp.contoso.com -> nothing",)),
        (Dns([], ["203.0.113.17"]), ("_sipfederationtls._tcp.contoso.com -> nothing",)),
        (Dns([EDGE], ["10.0.0.8"]), ("edge.contoso.com -> 10.0.0.8",)),
        (Dns([EDGE], None), ("edge.contoso.com -> nothing",)),
        (Dns([EDGE], None, Code.D06), ("DNS did not answer in time",)),
    ],
)
def test_answer_that_is_another_one_is_told(dns: Dns, expected: tuple[str, ...]) -> None:
    assert said(dns) == expected
