"""Our own certificate as the configuration names it: read, and held against what we want to be."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from edge.certificates.identity import Identity, IdentityError, parse
from edge.codes import Code
from edge.config.places import KeyPath
from edge.config.schema import Tls
from edge.config.tables import Document, quoted
from edge.domains import Domain, unicode
from edge.partners import Directory, System

MAX_PEM = 256 << 10  # bytes of our certificate file, or of our key file
EXPIRES_SOON = timedelta(days=30)
LISTED = 5  # domains that one warning names

_CERTIFICATE: KeyPath = ("tls", "certificate")


def own_identity(document: Document, tls: Tls) -> Identity | None:
    """The identity that [tls] names; None, and a fault, if there is none to be had."""
    contents = [
        document.read(document.beside(name), MAX_PEM, ("tls", part)) if name else None
        for part, name in (("certificate", tls.certificate), ("key", tls.key))
    ]
    certificate, key = contents
    if certificate is None or key is None:
        return None
    try:
        return parse(certificate, key)
    except IdentityError as error:
        document.error(error.code, ("tls", error.part), str(error))
        return None


def judge_identity(
    document: Document, identity: Identity, name: Domain | None, systems: Sequence[System], now: datetime
) -> None:
    """Note what keeps the certificate from being used, and what will make some partners refuse it."""
    _judge_dates(document, identity, now)
    if not identity.allows_server:
        document.error(Code.C05, _CERTIFICATE, "our certificate has no serverAuth purpose; all will refuse it")
    elif not identity.allows_client:
        document.warn(
            Code.C05,
            _CERTIFICATE,
            "our certificate has no clientAuth purpose; strict partners will refuse our outgoing links",
        )
    if not identity.is_ordered:
        document.warn(
            Code.C06, _CERTIFICATE, "the certificates are out of order: each must be followed by that of its issuer"
        )
    if name is not None and not identity.speaks_sip_for(name):
        carried = f"; it carries {_listed(identity.names)}" if identity.names else ""
        document.error(Code.C03, _CERTIFICATE, f"our certificate does not carry our name {quoted(name)}{carried}")
    _judge_domains(document, identity, systems)


def _judge_dates(document: Document, identity: Identity, now: datetime) -> None:
    fault = identity.fault(now)
    ends = f"{identity.not_after:%Y-%m-%d}"
    if fault is Code.C02:
        document.error(fault, _CERTIFICATE, f"our certificate ended on {ends}")
    elif fault is Code.C09:
        document.error(fault, _CERTIFICATE, f"our certificate is not valid before {identity.not_before:%Y-%m-%d %H:%M}")
    elif identity.not_after - now < EXPIRES_SOON:
        days = (identity.not_after - now).days
        document.warn(
            Code.C02, _CERTIFICATE, f"our certificate ends in {days} days ({ends}, issued by {identity.issuer[:80]})"
        )


def _judge_domains(document: Document, identity: Identity, systems: Sequence[System]) -> None:
    """Warn of domains for which we speak to others without a certificate that says so."""
    try:
        directory = Directory(systems)
    except ValueError:
        return  # a name is given twice, which is noted
    sip: dict[Domain, None] = {}
    xmpp: dict[Domain, None] = {}
    for system in systems:
        if system.link == "tls" and not system.inside:
            sip.update(dict.fromkeys(d for d in directory.opposite(system) if not identity.speaks_sip_for(d)))
        elif system.link == "s2s":
            xmpp.update(dict.fromkeys(d for d in directory.opposite(system) if not identity.speaks_xmpp_for(d)))
    if sip:
        document.warn(
            Code.C03,
            _CERTIFICATE,
            f"our certificate does not carry {_listed(map(unicode, sip))}: SIP partners who look for the domain, and "
            "not for our name, will refuse our links",
        )
    if xmpp:
        document.warn(
            Code.C03,
            _CERTIFICATE,
            f"our certificate does not carry {_listed(map(unicode, xmpp))}: XMPP servers will not authenticate our "
            "streams for it",
        )


def _listed(names: Iterable[str]) -> str:
    known = [quoted(name) for name in names]
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return ", ".join(known[:LISTED]) + more
