"""How one stream is protected, as RFC 7590 §3.6 wants administrators to be able to see it.

`edge.net.xmpp_link` keeps a `Security` from the moment that the far end is judged; the log, and whoever lists the
links, read it. `Certificates` remembers the last certificate that each domain has shown, so that a change is noticed.
"""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256

from edge.certificates.contexts import Handshake
from edge.certificates.peers import presented
from edge.certificates.trust import serial_of
from edge.codes import Code
from edge.domains import Domain

NAMES = 10  # of one certificate that are told
REMEMBERED = 10_000  # domains; only listed ones get this far, and each costs some hundred bytes


@dataclass(slots=True)
class Security:
    """``fault`` is what is wrong with the certificate of the far end; with dialback a stream goes on in spite of it."""

    tls_version: str = ""  # "TLSv1.2" | "TLSv1.3"; "" in clear
    cipher: str = ""
    fault: Code | None = None
    fingerprint: str = ""  # SHA-256 of the certificate, in hexadecimal; "" without one
    issuer: str = ""
    not_after: datetime | None = None
    names: tuple[str, ...] = ()  # that the certificate carries, whatever they are worth
    subject: str = ""
    serial: str = ""  # as openssl prints it
    changed_from: str = ""  # the fingerprint that the same domain showed before, if it was another one
    proofs: dict[tuple[Domain, Domain], str] = field(default_factory=dict)  # (theirs, ours): "external" | "dialback"
    proof: str = ""  # what makes the certificate good that is not by itself: "dane" | "posh"

    @classmethod
    def of(cls, handshake: Handshake, fault: Code | None = None) -> "Security":
        """What a completed handshake showed."""
        leaf = handshake.leaf
        if leaf is None:
            return cls(handshake.tls_version, handshake.cipher, fault)
        return cls(
            handshake.tls_version,
            handshake.cipher,
            fault,
            leaf.fingerprint(SHA256()).hex(),
            leaf.issuer.rfc4514_string(),
            leaf.not_valid_after_utc,
            presented(leaf)[:NAMES],
            subject=leaf.subject.rfc4514_string(),
            serial=serial_of(leaf),
        )

    @property
    def authenticated(self) -> str:
        """By what: "external", "dialback", both, or "" as long as nothing is proved.

        In the place of "external" stands what has made the far end's certificate good, if its issuer has not.
        """
        found = set(self.proofs.values())
        if found and self.proof:
            found = found - {"external"} | {self.proof}
        return "+".join(sorted(found))

    def facts(self) -> dict[str, object]:
        """What the log should say of it."""
        return {
            "tls_version": self.tls_version,
            "cipher": self.cipher,
            "auth": self.authenticated,
            "cert_sha256": self.fingerprint,
            "cert_subject": self.subject,
            "cert_issuer": self.issuer,
            "cert_serial": self.serial,
            "names": ",".join(self.names),
            "cert_not_after": "" if self.not_after is None else f"{self.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "cert_fault": "" if self.fault is None else self.fault,
        }


class Certificates:
    """The last certificate of each domain, for as long as the process lives."""

    def __init__(self) -> None:
        self._last: dict[Domain, str] = {}

    def seen(self, remote: Domain, security: Security) -> None:
        """Remember what ``remote`` shows; ``security.changed_from`` tells if that is not what it showed last."""
        if not security.fingerprint or security.fault is not None:
            return  # whoever showed it is not known to be ``remote``
        last = self._last.get(remote, security.fingerprint)
        if remote in self._last or len(self._last) < REMEMBERED:
            self._last[remote] = security.fingerprint
        if last != security.fingerprint:
            security.changed_from = last
