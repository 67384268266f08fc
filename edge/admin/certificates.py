"""Certificates as an administrator asks for them, ours and those of partners, as plain values.

The verbs ``certificates`` and ``certificates/peers`` of the running gateway give `listed` and `peers`; without one the
command (`edge.admin.cert_commands`) makes `listed` of the files alone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge.certificates.book import PeerBook, Seen
from edge.certificates.examination import Finding
from edge.certificates.identity import Identities, Identity
from edge.certificates.revocation import Age
from edge.certificates.trust import fingerprint_of, pin_of, serial_of

PURPOSES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
}

Values = dict[str, object]


def listed(ours: Identities, findings: Sequence[Finding], now: datetime, book: PeerBook | None = None) -> Values:
    """`edge cert list`: our certificates with all there is to say about them, and what each partner has shown last."""
    own = [
        _own(identity, index, [finding for finding in findings if finding.index == index], now)
        for index, identity in enumerate(ours)
    ]
    latest = {seen.system: seen for seen in book.accepted()} if book is not None else {}
    return {"own": own, "peers": [_seen(seen, now) for seen in latest.values()]}


def peers(book: PeerBook, ages: Iterable[Age], now: datetime, rejected: bool = False) -> Values:
    """`edge cert peers`: every certificate that was seen, or with ``rejected`` those that proved nothing; and how old
    is what is known of revocation."""
    seen = book.rejected() if rejected else list(book.accepted())
    return {
        "certificates": [_seen(each, now) for each in seen],
        "revocation": [
            {
                "issuer": age.issuer,
                "source": age.source,
                "url": age.url,
                "since": _stamp(age.since),
                "until": _stamp(age.until),
                "age_seconds": round((now - age.since).total_seconds()),
            }
            for age in ages
        ],
    }


def key_of(certificate: x509.Certificate) -> str:
    """The kind and size of a key, for people."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.strip("_").removesuffix("PublicKey")


# -- private ---------------------------------------------------------------------------------------------------------


def _own(identity: Identity, index: int, findings: Sequence[Finding], now: datetime) -> Values:
    leaf = identity.leaf
    purposes = None if identity.purposes is None else sorted(PURPOSES.get(each, "other") for each in identity.purposes)
    return {
        "use": "default" if index == 0 else "by name",
        "names": list(identity.names),
        "not_before": _stamp(identity.not_before),
        "not_after": _stamp(identity.not_after),
        "days": (identity.not_after - now).days,
        "issuer": identity.issuer,
        "serial": serial_of(leaf),
        "key": key_of(leaf),
        "purposes": purposes,
        "chain": len(identity.chain),
        "fingerprint": fingerprint_of(leaf),
        "pin": pin_of(leaf),
        "findings": [
            {"severity": "warning" if each.warning else "error", "code": str(each.code), "text": each.text}
            for each in findings
        ],
    }


def _seen(seen: Seen, now: datetime) -> Values:
    ends = datetime.fromtimestamp(seen.not_after, now.tzinfo)
    return {
        "partner": seen.system,
        "names": list(seen.names),
        "not_after": _stamp(ends),
        "days": (ends - now).days,
        "issuer": seen.issuer,
        "fingerprint": seen.fingerprint,
        "pin": seen.pin,
        "first_seen": _stamp(datetime.fromtimestamp(seen.first_seen, now.tzinfo)),
        "last_seen": _stamp(datetime.fromtimestamp(seen.last_seen, now.tzinfo)),
        "code": seen.code,
    }


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
