"""Our own certificates as the configuration names them: read, and held against what we want to be."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from edge.certificates.crl_files import MAX_FILE, lists_in
from edge.certificates.examination import examine
from edge.certificates.identity import MAX_PEM, Files, Identities, Identity, IdentityError, parse
from edge.certificates.statements import StatementError
from edge.codes import Code
from edge.config.places import KeyPath
from edge.config.schema import Tls
from edge.config.tables import Document, quoted
from edge.domains import Domain
from edge.partners import System

__all__ = ["MAX_PEM", "crl_files", "judge_identities", "own_identities"]

_CERTIFICATE: KeyPath = ("tls", "certificate")


def own_identities(document: Document, tls: Tls) -> tuple[Identities, tuple[Files, ...]] | None:
    """The identities that [tls] names, and their files, the default first; None, and a fault, if one is missing."""
    places: list[tuple[KeyPath, str, str]] = [(("tls",), tls.certificate, tls.key)]
    places += [
        (("tls", "identity", number), entry.certificate, entry.key) for number, entry in enumerate(tls.identity)
    ]
    found = [_identity(document, *place) for place in places]
    good = [each for each in found if each is not None]
    if len(good) < len(found):
        return None
    files = tuple(Files(document.beside(certificate), document.beside(key)) for _, certificate, key in places)
    return Identities(good[0], good[1:]), files


def crl_files(document: Document, tls: Tls, now: datetime) -> tuple[Path, ...]:
    """The files of lists of revoked certificates that [tls] names, each once; a fault for one that holds none."""
    found: dict[Path, None] = {}
    for name in tls.crl:
        file = document.beside(name)
        content = document.read(file, MAX_FILE, ("tls", "crl"))
        if content is None:
            continue
        try:
            lists = lists_in(content, str(file))
        except StatementError as error:
            document.error(Code.K04, ("tls", "crl"), f"{error} {quoted(name)}")
            continue
        found[file] = None
        end = min(each.list.until for each in lists)
        if end < now:
            document.warn(Code.C08, ("tls", "crl"), f"the list in {quoted(name)} was valid until {end:%Y-%m-%d}")
    return tuple(found)


def _identity(document: Document, path: KeyPath, *names: str) -> Identity | None:
    contents = [
        document.read(document.beside(name), MAX_PEM, (*path, part)) if name else None
        for part, name in zip(("certificate", "key"), names, strict=True)
    ]
    certificate, key = contents
    if certificate is None or key is None:
        return None
    try:
        return parse(certificate, key)
    except IdentityError as error:
        document.error(error.code, (*path, error.part), str(error))
        return None


def judge_identities(
    document: Document, ours: Identities, name: Domain | None, systems: Sequence[System], now: datetime
) -> None:
    """Note what keeps the certificates from being used, and what will make some partners refuse them."""
    for finding in examine(ours, name, systems, now):
        place = ("tls", "identity", finding.index - 1, "certificate") if finding.index else _CERTIFICATE
        (document.warn if finding.warning else document.error)(finding.code, place, finding.text)
