"""Our own certificates, held against what we want to be: what keeps them from being used, and who will refuse them.

Pure. `edge.config` asks when it reads a configuration, `edge.certificates.reload` before it shows a certificate that
was renewed, `edge cert list` for people.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edge.certificates.identity import MIN_RSA_BITS, Identities, Identity
from edge.certificates.peers import issuer_address
from edge.certificates.trust import pin_of
from edge.codes import Code
from edge.domains import Domain, unicode
from edge.partners import Directory, System

EXPIRES_SOON = timedelta(days=30)
LISTED = 5  # domains that one finding names
SHOWN = 60  # characters of one name
ADDRESS = 200  # characters of the address at which a certificate is to be had
STRICT = "strict partners (ejabberd before 25.08, Access Edge, stock OpenSSL)"  # public issuers grant it no more
MIN_CURVE_BITS = 256  # OpenSSL refuses smaller curves at its default security level
WEAK_DIGESTS = frozenset({"md5", "sha1"})  # collisions are found; peers refuse what is signed so (RFC 9325 §4.5)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one of our certificates. A ``warning`` does not keep it from being used."""

    code: Code
    text: str
    warning: bool = False
    index: int = 0  # of which identity: 0 is the default


def examine(
    ours: Identities, name: Domain | None, systems: Iterable[System], now: datetime
) -> tuple[Finding, ...]:
    """Everything there is to say about ``ours``, of which the default must carry ``name``."""
    found: list[Finding] = []
    for index, identity in enumerate(ours):
        found += _examine_one(identity, index, now)
    if name is not None and not ours.default.speaks_sip_for(name):
        carried = f"; it carries {_listed(ours.default.names)}" if ours.default.names else ""
        found.append(Finding(Code.C03, f'our certificate does not carry our name "{name}"{carried}'))
    return (*found, *_examine_domains(ours, systems))


def compare(old: Identity, new: Identity, index: int = 0) -> tuple[Finding, ...]:
    """What is different in a renewed certificate and matters to others: its key, its names."""
    found = []
    if pin_of(old.leaf) != pin_of(new.leaf):
        text = "our certificate has a new key: partners who pin the old one will refuse us"
        found.append(Finding(Code.K07, text, True, index))
    lost = [name for name in old.names if name not in new.names]
    if lost:
        text = f"our certificate does not carry {_listed(lost)} any more: partners who look for that will refuse us"
        found.append(Finding(Code.K07, text, True, index))
    return tuple(found)


def lost(old: Identities, new: Identities, systems: Iterable[System]) -> tuple[Domain, ...]:
    """The domains for which we speak to others, and of which the new ones do not say so, as the old ones do."""
    listed = tuple(systems)
    were, are = ({*sip, *xmpp} for sip, xmpp in (_uncovered(each, listed) for each in (old, new)))
    return tuple(sorted(are - were))


def weakness(certificate: x509.Certificate) -> str:
    """What is weak about a certificate's key or its signature; "" if nothing is."""
    try:
        key, digest = certificate.public_key(), certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return ""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < MIN_CURVE_BITS:
        return f"an elliptic curve of {key.curve.key_size} bits"
    if digest is not None and digest.name in WEAK_DIGESTS:
        return f"a signature with {digest.name.upper()}"
    return ""


# -- private ---------------------------------------------------------------------------------------------------------


def _examine_one(identity: Identity, index: int, now: datetime) -> list[Finding]:
    found = [*_dates(identity, now)]
    if not identity.allows_server:
        found.append(Finding(Code.C05, "our certificate has no serverAuth purpose; all will refuse it"))
    elif not identity.allows_client:
        text = f"our certificate has no clientAuth purpose; {STRICT} will refuse our outgoing links"
        found.append(Finding(Code.C05, text, True))
    if not identity.is_ordered:
        text = "the certificates are out of order: each must be followed by that of its issuer"
        found.append(Finding(Code.C06, text, True))
    elif len(identity.chain) == 1 and (address := issuer_address(identity.leaf)) is not None:
        text = "the certificate stands alone: partners need that of its issuer, which must follow it in the file"
        found.append(Finding(Code.C06, f"{text} ({address[:ADDRESS]})" if address else text, True))
    for each in identity.chain:
        weak = weakness(each)
        if weak:
            found.append(Finding(Code.C11, f"our certificate's chain has {weak}; many will refuse it", True))
    return [Finding(each.code, each.text, each.warning, index) for each in found]


def _dates(identity: Identity, now: datetime) -> Iterable[Finding]:
    fault = identity.fault(now)
    ends = f"{identity.not_after:%Y-%m-%d}"
    if fault is Code.C02:
        yield Finding(fault, f"our certificate ended on {ends}")
    elif fault is Code.C09:
        yield Finding(fault, f"our certificate is not valid before {identity.not_before:%Y-%m-%d %H:%M}")
    elif identity.not_after - now < EXPIRES_SOON:
        days = (identity.not_after - now).days
        text = f"our certificate ends in {days} days ({ends}, issued by {identity.issuer[:80]})"
        yield Finding(Code.C02, text, True)
    for issuer in identity.chain[1:]:
        if issuer.not_valid_after_utc - now < EXPIRES_SOON:
            text = (
                f"the certificate of {issuer.subject.rfc4514_string()[:80]} in our file "
                f"{'ended' if issuer.not_valid_after_utc < now else 'ends'} on {issuer.not_valid_after_utc:%Y-%m-%d}; "
                "some partners will refuse us for it"
            )
            yield Finding(Code.C07, text, True)


def _uncovered(ours: Identities, listed: Sequence[System]) -> tuple[dict[Domain, None], dict[Domain, None]]:
    """Domains for which we speak to others without a certificate that says so: to SIP systems, and to XMPP servers."""
    try:
        directory = Directory(listed)
    except ValueError:
        return {}, {}  # a name is given twice, which is noted elsewhere
    sip: dict[Domain, None] = {}
    xmpp: dict[Domain, None] = {}
    for system in listed:
        for domain in directory.opposite(system):
            if system.link == "tls" and not system.inside and not ours.default.speaks_sip_for(domain):
                sip[domain] = None
            elif system.link == "s2s" and not ours.of(domain).speaks_xmpp_for(domain):
                xmpp[domain] = None
    return sip, xmpp


def _examine_domains(ours: Identities, systems: Iterable[System]) -> Iterable[Finding]:
    sip, xmpp = _uncovered(ours, tuple(systems))
    if sip:
        text = (
            f"our certificate does not carry {_listed(map(unicode, sip))}: SIP partners who look for the domain, and "
            "not for our name, will refuse our links"
        )
        yield Finding(Code.C03, text, True)
    if xmpp:
        text = (
            f"our certificate does not carry {_listed(map(unicode, xmpp))}: XMPP servers will not authenticate our "
            "streams for it"
        )
        yield Finding(Code.C03, text, True)


def _listed(names: Iterable[str]) -> str:
    known = [f'"{name[:SHOWN]}"' for name in names]
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return ", ".join(known[:LISTED]) + more
