"""What a domain says over HTTPS of its certificates, and which documents say nothing."""

import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from edge.certificates import posh
from edge.certificates.posh import MAX_DOCUMENT, MAX_FINGERPRINTS, MAX_SECONDS, PoshError
from tests.certificates.made import make

LEAF, OTHER = make().certificate, make(number=1).certificate
SHA_256, SHA_512 = (b64encode(LEAF.fingerprint(made)).decode() for made in (SHA256(), SHA512()))
WRONG = b64encode(OTHER.fingerprint(SHA256())).decode()


def written(*fingerprints: object, expires: object = 60, **more: object) -> bytes:
    return json.dumps({"fingerprints": fingerprints, "expires": expires, **more}).encode()


@pytest.mark.parametrize(
    ("fingerprints", "names"),
    [
        ([{"sha-256": SHA_256}], True),
        ([{"sha-512": SHA_512}], True),
        ([{"sha-256": SHA_256, "sha-512": SHA_512, "sha-3": "?"}], True),
        ([{"sha-256": WRONG}, {"sha-256": SHA_256}], True),
        ([{"sha-256": WRONG}], False),
        ([{"sha-256": WRONG, "sha-512": SHA_512}], False),
        ([{"sha-256": "!", "sha-512": SHA_512}], False),
        ([{"sha-256": SHA_512}], False),
        ([{"sha-256": 7}], False),
        ([{"sha-1": b64encode(b"x" * 20).decode()}], False),
        ([{}], False),
        (["sha-256", None, 7], False),
        ([], False),
        ([{"sha-256": WRONG}] * MAX_FINGERPRINTS + [{"sha-256": SHA_256}], False),
    ],
)
def test_certificate_is_named_by_what_is_known_of_it(fingerprints: list[object], names: bool) -> None:
    assert posh.read(written(*fingerprints)).names(LEAF) is names


def test_reference_names_nothing_itself() -> None:
    found = posh.read(b'{"url": "https://hosting.example/posh.json", "expires": 60}')
    assert found.url == "https://hosting.example/posh.json" and found.seconds == 60 and not found.names(LEAF)


def test_document_is_not_believed_for_longer_than_a_day() -> None:
    assert posh.read(written(expires=10**400)).seconds == MAX_SECONDS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[" * 50_000,
        b"7",
        b"{}",
        b'{"expires": 60}',
        b'{"expires": 60, "fingerprints": {}}',
        b'{"expires": 60, "url": 7}',
        written({"sha-256": SHA_256}, url="https://elsewhere.example/"),
        *(written({"sha-256": SHA_256}, expires=expires) for expires in (0, -1, True, None, "60", 1.5)),
        written({"sha-256": SHA_256}) + b" " * MAX_DOCUMENT,
    ],
)
def test_document_that_says_nothing_is_none(content: bytes) -> None:
    with pytest.raises(PoshError):
        posh.read(content)
