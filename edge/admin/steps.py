"""One line of the report of `edge test`, and what to do about it. Used by `edge.admin.examining` and its other half."""

from dataclasses import dataclass, field

from edge.admin.evidence import Facts, Fault, Reach
from edge.admin.remedies import remedy
from edge.codes import Code
from edge.domains import unicode
from edge.net.locate import FEDERATION

OK, NOTE, WARN, FAIL, SKIP = "ok", "note", "warn", "FAIL", "skip"

OUTSIDE = {  # what the steps are called on the page for the other side
    "policy": "Partner list", "dns": "DNS", "tcp": "TCP", "tls": "TLS", "cert": "Your certificate",
    "options": "SIP OPTIONS", "stream": "XMPP stream", "auth": "Authentication", "ping": "Ping",
    "handshake": "Component", "inbound": "Your links to us",
}

XMPP = ("_xmpps-server._tcp.", "_xmpp-server._tcp.")


@dataclass(slots=True)
class Step:
    """One line of the report. ``outside`` is the text for the other side, if it is not to have ours."""

    name: str
    status: str
    text: str
    fault: Fault | None = None
    details: list[str] = field(default_factory=list)
    wanted: str = ""
    found: str = ""
    here: str = ""
    there: str = ""
    outside: str = ""

    def as_json(self) -> dict[str, object]:
        """For the API."""
        return {
            "step": self.name, "status": self.status, "code": str(self.fault.code) if self.fault else "",
            "text": self.text, "details": self.details, "wanted": self.wanted, "found": self.found,
            "here": self.here, "there": self.there, "outside": self.outside or self.text,
        }


def failed(facts: Facts, name: str, fault: Fault, reach: Reach | None = None, status: str = FAIL) -> Step:
    """A step that has come to nothing, with what to do about it."""
    step = Step(name, status, str(fault), fault)
    step.here, step.there = remedy(fault.code, words_of(facts, fault, reach))
    return step


def words_of(facts: Facts, fault: Fault, reach: Reach | None) -> dict[str, str]:
    """The words of `edge.admin.remedies`."""
    domain, shown = unicode(facts.domain), reach.shown if reach else None
    label = FEDERATION if facts.system.protocol == "sip" else XMPP[-1]
    port = 5061 if facts.system.protocol == "sip" else 5269
    found = next((name for name in shown.names if "*" not in name), "") if shown else ""
    if fault.code is Code.D04:
        found = str(next(iter(facts.looked.records.get(FEDERATION) or ()), ""))
    missing = next((host for host, found in facts.looked.addresses.items() if not found), domain)
    purpose = "ours is good for servers and for clients"
    if not facts.ours.allows_client:
        purpose = "ours has no clientAuth purpose, which strict servers ask for (edge cert list)"
    return {
        "domain": domain, "host": reach.host if reach else missing, "where": reach.where if reach else domain,
        "record": f"{label}{domain}. 3600 IN SRV 0 0 {port} HOST.{domain}.", "pin": shown.pin if shown else "",
        "found": found, "wanted": " or ".join(reach.expected) if reach else domain, "issuer": facts.ours.issuer,
        "name": facts.ours.name, "local": unicode(facts.local) if facts.local else facts.ours.name,
        "purpose": purpose, "at": f" ({shown.issuer_at})" if shown and shown.issuer_at else "",
    }
