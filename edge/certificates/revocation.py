"""What is known about whether certificates were revoked, and what follows from it.

A `Ledger` is pure and bounded: it is given what issuers say, and the time; it says what it would have to know.
`edge.certificates.fetching` gets that, `Contexts.revocation` asks `Ledger.fault` for each handshake. Policies are those
of `edge.certificates.trust.Trust`: "soft" lets pass what cannot be found out, "hard" does not.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from edge.certificates.handshake import Handshake
from edge.certificates.peers import INVALID_PURPOSE
from edge.certificates.statements import (
    SKEW,
    Crl,
    Statement,
    StatementError,
    check_crl,
    crl_urls,
    ocsp_request,
    ocsp_urls,
    read_crl,
    read_ocsp,
)
from edge.certificates.trust import pin_of
from edge.codes import Code

MAX_STATEMENTS = 5000  # about single certificates, of which each partner has a few; 300 bytes each
MAX_LISTS = 64  # lists of issuers
MAX_SIGNERS = 100  # issuers of whom is remembered which lists from files are theirs
MAX_LIST = 4 << 20  # bytes of one: those of public issuers have up to some megabytes
MAX_RESPONSE = 1 << 16  # bytes of an OCSP response; public ones have 500


class Query(NamedTuple):
    """Something that can be fetched. Two that are equal get the same answer."""

    kind: str  # "ocsp" | "crl"
    url: str
    key: tuple[str, int]  # of the certificate, or of the issuer alone (serial 0)
    certificate: x509.Certificate
    issuer: x509.Certificate

    @property
    def limit(self) -> int:
        """Bytes that an answer may have."""
        return MAX_RESPONSE if self.kind == "ocsp" else MAX_LIST

    @property
    def body(self) -> bytes | None:
        """What to post; None for what is got without. Raises `StatementError`."""
        return ocsp_request(self.certificate, self.issuer) if self.kind == "ocsp" else None

    def __hash__(self) -> int:
        return hash((self.kind, self.url, self.key))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self[:3] == other[:3]


@dataclass(frozen=True, slots=True)
class Age:
    """How old something is that we know: for `edge cert peers` and the metrics."""

    issuer: str
    source: str  # "staple" | "ocsp" | "crl"
    url: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class FileList:
    """A list from a file of the configuration, for as long as it says itself. Who has signed it is not known yet."""

    path: str
    list: Crl

    def is_of(self, issuer: x509.Certificate) -> bool:
        """Whether ``issuer`` has signed it."""
        try:
            check_crl(self.list.list, issuer)
        except StatementError:
            return False
        return True


class Ledger:
    """Everything known about revocation. The oldest goes when there is too much."""

    def __init__(self) -> None:
        # With the issuer's name and the URL; what was learnt last is last.
        self._statements: OrderedDict[tuple[str, int], tuple[Statement, str, str]] = OrderedDict()
        self._lists: dict[tuple[str, str], Crl] = {}  # by issuer and URL, "" for those of files
        self._files: tuple[FileList, ...] = ()
        self._signed: dict[x509.Certificate, tuple[FileList, ...]] = {}  # those that an issuer has signed

    def use_files(self, lists: Sequence[FileList]) -> None:
        """From now on these are the lists from files of the configuration, and no others."""
        self._files, self._signed = tuple(lists), {}

    def fault(self, handshake: Handshake, policy: str, now: datetime) -> Code | None:
        """C10 if a certificate of the chain is revoked, C08 if that is unknown and the policy is "hard"."""
        if policy == "off":
            return None
        self._take_staple(handshake, now)
        known = [
            None if issuer is None else self.about(certificate, issuer, now)
            for certificate, issuer in _pairs(handshake)
        ]
        if any(each is not None and each.revoked for each in known):
            return Code.C10
        return Code.C08 if policy == "hard" and not all(known) else None

    def unknown(self, handshake: Handshake, now: datetime) -> list[list[Query]]:
        """What to fetch to know it: for each certificate of the chain, the addresses that will do, the best first."""
        self._take_staple(handshake, now)
        found = []
        for certificate, issuer in _pairs(handshake):
            if issuer is not None and not self._is_current(certificate, issuer, now):
                found.append(_queries(certificate, issuer))
        return [queries for queries in found if queries]

    def about(self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Statement | None:
        """What is known of one certificate now. A list that has it beats a response that has not: either is enough.

        That it was revoked is believed until somebody says otherwise, that it was not until the time for that is over.
        """
        found = [] if (kept := self._statements.get(_key(certificate, issuer))) is None else [kept[0]]
        signer = pin_of(issuer)
        lists = [known for url in crl_urls(certificate) if (known := self._lists.get((signer, url))) is not None]
        lists += [each.list for each in self._from_files(issuer)]
        lists = [known for known in lists if known.since <= now + SKEW]
        found += [each for known in lists if (each := known.about(certificate)) is not None]
        current = [each for each in found if each.until >= now]
        return max(current or [each for each in found if each.revoked], key=_weight, default=None)

    def _is_current(self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
        known = self.about(certificate, issuer, now)
        return known is not None and known.until >= now

    def learn(self, query: Query, content: bytes, now: datetime) -> None:
        """Take in what was fetched. Raises `StatementError` if it says nothing."""
        issuer = query.issuer.subject.rfc4514_string()
        if query.kind == "ocsp":
            statement = read_ocsp(content, query.certificate, query.issuer, now)
            self._keep(query.key, (statement, issuer, query.url))
        else:
            self._keep_list(query.key[0], query.url, read_crl(content, query.issuer, now, query.url))

    def ages(self) -> list[Age]:
        """What is known, for people; the oldest first."""
        kept = self._statements.values()
        found = [Age(issuer, each.source, url, each.since, each.until) for each, issuer, url in kept]
        lists = [(url, known) for (_, url), known in self._lists.items()]
        for url, known in [*lists, *((each.path, each.list) for each in self._files)]:
            found.append(Age(known.list.issuer.rfc4514_string(), "crl", url, known.since, known.until))
        return sorted(found, key=lambda age: age.since)

    def _take_staple(self, handshake: Handshake, now: datetime) -> None:
        certificate, issuer = next(_pairs(handshake), (None, None))
        if not handshake.staple or certificate is None or issuer is None:
            return
        try:
            statement = read_ocsp(handshake.staple, certificate, issuer, now, "staple")
        except StatementError:
            return  # as if there were none: the peer proves nothing by it
        key = _key(certificate, issuer)
        known = self._statements.get(key)
        if known is None or statement.since > known[0].since:
            self._keep(key, (statement, issuer.subject.rfc4514_string(), ""))

    def _keep(self, key: tuple[str, int], kept: tuple[Statement, str, str]) -> None:
        self._statements.pop(key, None)
        self._statements[key] = kept
        while len(self._statements) > MAX_STATEMENTS:
            self._statements.popitem(last=False)

    def _keep_list(self, signer: str, url: str, known: Crl) -> None:
        self._lists.pop((signer, url), None)
        self._lists[signer, url] = known
        while len(self._lists) > MAX_LISTS:
            del self._lists[next(iter(self._lists))]

    def _from_files(self, issuer: x509.Certificate) -> tuple[FileList, ...]:
        """A signature is checked once for each issuer."""
        if not self._files:
            return ()
        if issuer not in self._signed:
            while len(self._signed) >= MAX_SIGNERS:
                del self._signed[next(iter(self._signed))]
            self._signed[issuer] = tuple(each for each in self._files if each.is_of(issuer))
        return self._signed[issuer]


# -- private ---------------------------------------------------------------------------------------------------------


def _pairs(handshake: Handshake) -> Iterator[tuple[x509.Certificate, x509.Certificate | None]]:
    """Each certificate of the chain with that of its issuer; the root is its own affair.

    In a chain that is good for another reason than who has signed it, the leaf alone counts; there anybody could be
    given out as its issuer. None for an issuer who is not there.
    """
    if not handshake.path:
        return
    if handshake.verified and not any(error != INVALID_PURPOSE for _, error in handshake.errors):
        yield from pairwise(handshake.path)
        if len(handshake.path) > 1:
            return
    leaf = handshake.path[0]
    if leaf.issuer != leaf.subject:
        yield leaf, next((each for each in handshake.path[1:] if _has_issued(each, leaf)), None)


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _weight(statement: Statement) -> tuple[bool, datetime]:
    return statement.revoked, statement.until


def _key(certificate: x509.Certificate, issuer: x509.Certificate) -> tuple[str, int]:
    return pin_of(issuer), certificate.serial_number


def _queries(certificate: x509.Certificate, issuer: x509.Certificate) -> list[Query]:
    key = _key(certificate, issuer)
    asked = [Query("ocsp", url, key, certificate, issuer) for url in ocsp_urls(certificate)]
    return asked + [Query("crl", url, (key[0], 0), certificate, issuer) for url in crl_urls(certificate)]
