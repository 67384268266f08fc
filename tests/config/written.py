"""A folder with a good configuration, and ways to spoil it."""

from datetime import datetime
from pathlib import Path

from demo.authority import Authority
from edge.config import Fault, Reading, read

EDGE = """\
[edge]
name = "edge.example.net"
partners = "partners.toml"

[tls]
certificate = "certs/edge.pem"
key = "certs/edge.key"

[[inside]]
name = "office"
domains = ["xmpp.example"]
via = "xmpp"
link = "component"
hosts = ["127.0.0.1:5347"]
secret_file = "component.secret"
"""

PARTNERS = """\
version = 1

[[partner]]
name = "contoso"
domains = ["contoso.com"]
via = "sip"
hosts = ["accessedge.contoso.com:5061"]

[[partner]]
name = "fabrikam"
domains = ["fabrikam.com", "fabrikam.example"]
via = "sip"
"""

AUTHORITY = Authority("Test CA")
OURS = AUTHORITY.issue("edge.example.net", dns=["edge.example.net", "xmpp.example"])


class Written:
    """A configuration in a folder of its own. Whatever is written later replaces the good files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.edge = folder / "edge.toml"
        OURS.write(folder / "certs", "edge")
        (folder / "certs" / "ca.pem").write_bytes(AUTHORITY.pem)
        (folder / "component.secret").write_text("hush\n")
        self.write(EDGE, PARTNERS)

    def write(self, edge: str | None = None, partners: str | None = None) -> "Written":
        if edge is not None:
            self.edge.write_text(edge)
        if partners is not None:
            (self.folder / "partners.toml").write_text(partners)
        return self

    def renew(self, authority: Authority = AUTHORITY) -> "Written":
        """Put another certificate of ours in the place of the one there was."""
        names = ["edge.example.net", "xmpp.example"]
        authority.issue("edge.example.net", dns=names).write(self.folder / "certs", "edge")
        return self

    def read(self, now: datetime | None = None) -> Reading:
        return read(self.edge, now)

    def faults(self, edge: str | None = None, partners: str | None = None) -> list[tuple[str, str, str]]:
        """(code, place, text) of each fault, errors first."""
        return [shown(fault) for fault in self.write(edge, partners).read().faults]


def shown(fault: Fault) -> tuple[str, str, str]:
    return fault.code.name, fault.place, fault.text


def changed(text: str, old: str, new: str) -> str:
    """``text`` with ``old`` replaced, which must be there."""
    assert old in text
    return text.replace(old, new)
