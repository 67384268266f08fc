"""Facts about a partner with whom all is well, to be spoilt one by one: what the tests of `edge test` share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from edge.admin.evidence import Facts, Fault, Looked, Ours, Reach, Shown
from edge.admin.steps import Step
from edge.codes import Code
from edge.domains import Domain
from edge.partners import HostPort, System

NOW = datetime(2026, 11, 20, 15, 5, tzinfo=UTC)
EDGE = HostPort("edge.contoso.com", 5061)
FEDERATION = "_sipfederationtls._tcp."
US, THEM = Domain("xmpp.example"), Domain("contoso.com")
OURS = Ours("edge.example.net", "CN=Our CA", ("edge.example.net",), allows_client=True)

CERTIFICATE = Shown(
    subject="CN=edge.contoso.com", names=("edge.contoso.com",), issuer="CN=R11", not_before=NOW - timedelta(days=9),
    not_after=NOW + timedelta(days=61), fingerprint="ab" * 32, pin="sha256/PIN=", purposes=("server",),
    chain=("CN=edge.contoso.com, issued by CN=R11, ends 2027-01-20", "CN=R11, issued by CN=X1, ends 2029-01-01"),
)


def system(protocol: str = "sip", **said: Any) -> System:
    said.setdefault("hosts", (EDGE,))
    return System("contoso", False, protocol, (THEM,), place="partners.toml line 37", **said)


def reach(stage: str = "done", fault: Code | None = None, **said: Any) -> Reach:
    """An attempt that has ended in ``stage``, with everything before it."""
    found = Reach("edge.contoso.com", "203.0.113.17", 5061, stage=stage)
    found.milliseconds = {"tcp": 18, "auth": 44}
    found.fault = Fault(fault, fault.sentence) if fault else None
    if stage not in ("tcp", "tls"):
        found.tls_version, found.cipher, found.asked = "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", True
        found.shown, found.expected = CERTIFICATE, ("edge.contoso.com",)
    for name, value in said.items():
        setattr(found, name, value)
    return found


def facts(*reaches: Reach, of: System | None = None, **said: Any) -> Facts:
    found = Facts(of or system(), THEM, US, OURS, NOW.timestamp(), NOW.timestamp() - 7200)
    found.reaches = [*reaches] or [reach(status=200, answer="200 OK")]
    found.looked = Looked(None, {FEDERATION: (EDGE,)}, {EDGE.host: ("203.0.113.17",)})
    for name, value in said.items():
        setattr(found, name, value)
    return found


def named(steps: list[Step]) -> dict[str, Step]:
    return {step.name: step for step in steps}
