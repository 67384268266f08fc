"""Our own certificate, held against what the configuration wants to be."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from edge.config import Reading, read
from edge.config.ours import MAX_PEM
from tests.certificates.issuing import crl
from tests.certificates.made import CLIENT, DAY, NOW, SERVER, Made, authority, dns, make, uri
from tests.config.written import EDGE, PARTNERS, Written, changed

ROOT = authority("Root", number=1)
MIDDLE = authority("Middle", issuer=ROOT, number=2)
BOTH = (SERVER, CLIENT)
NAMES = (dns("edge.example.net"), dns("xmpp.example"))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def judged(written: Written, leaf: Made, *more: Made, now: datetime = NOW) -> Reading:
    (written.folder / "certs" / "edge.pem").write_bytes(b"".join(each.pem for each in (leaf, *more)))
    (written.folder / "certs" / "edge.key").write_bytes(leaf.key_pem)
    return read(written.edge, now)


def findings(reading: Reading) -> list[tuple[str, bool, str]]:
    assert {fault.place for fault in reading.faults} <= {"edge.toml line 6"}
    return [(fault.code.name, fault.warning, fault.text) for fault in reading.faults]


def test_certificate_that_fits_is_no_finding(written: Written) -> None:
    reading = judged(written, make(*NAMES, issuer=MIDDLE, eku=BOTH), MIDDLE)
    assert findings(reading) == []
    assert reading.config is not None
    assert reading.config.identity.names == ("edge.example.net", "xmpp.example")
    assert reading.config.certificate == written.folder / "certs" / "edge.pem"
    assert reading.config.key == written.folder / "certs" / "edge.key"


def test_certificate_without_purposes_serves_for_all(written: Written) -> None:
    assert findings(judged(written, make(*NAMES, eku=None))) == []


def test_certificate_without_client_purpose_is_a_warning(written: Written) -> None:
    reading = judged(written, make(*NAMES, eku=(SERVER,)))
    assert reading.config is not None
    whom = "strict partners (ejabberd before 25.08, Access Edge, stock OpenSSL)"
    assert findings(reading) == [
        ("C05", True, f"our certificate has no clientAuth purpose; {whom} will refuse our outgoing links")
    ]
    assert reading.config.warnings == reading.faults


def test_certificate_without_server_purpose_is_an_error(written: Written) -> None:
    reading = judged(written, make(*NAMES, eku=(CLIENT,)))
    assert reading.config is None
    assert findings(reading) == [("C05", False, "our certificate has no serverAuth purpose; all will refuse it")]


@pytest.mark.parametrize(
    ("left", "code", "warning", "text"),
    [
        (timedelta(days=12, hours=1), "C02", True, "our certificate ends in 12 days ({}, issued by CN=leaf)"),
        (timedelta(hours=1), "C02", True, "our certificate ends in 0 days ({}, issued by CN=leaf)"),
        (timedelta(seconds=-1), "C02", False, "our certificate ended on {}"),
    ],
)
def test_end_of_the_certificate_is_told_in_time(
    written: Written, left: timedelta, code: str, warning: bool, text: str
) -> None:
    leaf = make(*NAMES, eku=BOTH, ends=NOW + 60 * DAY)
    ends = leaf.certificate.not_valid_after_utc
    reading = judged(written, leaf, now=ends - left)
    assert findings(reading) == [(code, warning, text.format(f"{ends:%Y-%m-%d}"))]


def test_certificate_before_its_time_is_an_error(written: Written) -> None:
    leaf = make(*NAMES, eku=BOTH, begins=NOW + DAY)
    begins = leaf.certificate.not_valid_before_utc
    assert findings(judged(written, leaf)) == [
        ("C09", False, f"our certificate is not valid before {begins:%Y-%m-%d %H:%M}")
    ]


def test_certificate_of_another_name_is_an_error(written: Written) -> None:
    assert findings(judged(written, make(dns("sip.example.net"), dns("xmpp.example"), eku=BOTH))) == [
        (
            "C03",
            False,
            'our certificate does not carry our name "edge.example.net"; it carries "sip.example.net", "xmpp.example"',
        )
    ]


def test_name_in_the_subject_alone_is_an_error(written: Written) -> None:
    errors = [each for each in findings(judged(written, make(subject="edge.example.net", eku=BOTH))) if not each[1]]
    assert errors == [("C03", False, 'our certificate does not carry our name "edge.example.net"')]


@pytest.mark.parametrize(
    "names", [(dns("*.example.net"), dns("xmpp.example")), (dns("edge.example.net"), uri("sip:xmpp.example"))]
)
def test_name_that_sip_peers_do_not_see_is_an_error(written: Written, names: tuple[x509.GeneralName, ...]) -> None:
    [(code, warning, text)] = findings(judged(written, make(*names, eku=BOTH)))
    assert (code, warning) == ("C03", False)
    assert text.startswith('our certificate does not carry our name "edge.example.net"; it carries ')


def test_domain_that_sip_partners_may_look_for_is_a_warning(written: Written) -> None:
    assert findings(judged(written, make(dns("edge.example.net"), eku=BOTH))) == [
        (
            "C03",
            True,
            'our certificate does not carry "xmpp.example": SIP partners who look for the domain, and not for our '
            "name, will refuse our links",
        )
    ]


def test_domains_that_xmpp_servers_will_look_for_are_a_warning(written: Written) -> None:
    pool = '[[inside]]\nname = "pool"\nvia = "sip"\ndomains = [{}]\n'
    jabber = 'version = 1\n[[partner]]\nname = "jabber"\ndomains = ["jabber.example"]\nvia = "xmpp"\n'
    domains = [f"d{number}.example" for number in range(8)] + ["a.wild.example"]
    written.write(EDGE + pool.format(", ".join(f'"{each}"' for each in domains)), jabber)
    names = (*NAMES, dns("d0.example"), dns("*.wild.example"))
    assert findings(judged(written, make(*names, eku=BOTH))) == [
        (
            "C03",
            True,
            'our certificate does not carry "d1.example", "d2.example", "d3.example", "d4.example", "d5.example" and 2 '
            "more: XMPP servers will not authenticate our streams for it",
        )
    ]


def test_chain_out_of_order_is_a_warning(written: Written) -> None:
    leaf = make(*NAMES, issuer=MIDDLE, eku=BOTH)
    assert findings(judged(written, leaf, ROOT, MIDDLE)) == [
        ("C06", True, "the certificates are out of order: each must be followed by that of its issuer")
    ]


def test_key_of_another_certificate_is_an_error_at_the_key(written: Written) -> None:
    (written.folder / "certs" / "edge.key").write_bytes(ROOT.key_pem)
    assert written.faults() == [("K06", "edge.toml line 7", "the private key does not belong to the certificate")]


@pytest.mark.parametrize(("part", "line"), [("edge.pem", 6), ("edge.key", 7)])
@pytest.mark.parametrize(
    ("content", "text"), [(None, "does not exist"), (b"x", "there is no PEM"), (b"-" * (MAX_PEM + 1), "has more than")]
)
def test_file_that_cannot_be_used_is_an_error(
    written: Written, part: str, line: int, content: bytes | None, text: str
) -> None:
    file = written.folder / "certs" / part
    file.unlink() if content is None else file.write_bytes(content)
    [(code, place, said)] = written.faults()
    assert (code, place) == ("K04", f"edge.toml line {line}")
    assert text in said


def test_both_files_are_reported_at_once(written: Written) -> None:
    for part in ("edge.pem", "edge.key"):
        (written.folder / "certs" / part).unlink()
    assert [place for _, place, _ in written.faults()] == ["edge.toml line 6", "edge.toml line 7"]


def test_certificate_is_judged_though_partners_are_at_fault(written: Written) -> None:
    written.write(EDGE, PARTNERS + '[[partner]]\nname = "contoso"\ndomains = ["c.example"]\nvia = "sip"\n')
    reading = judged(written, make(dns("other.example"), eku=BOTH))
    assert [fault.code.name for fault in reading.faults] == ["C03", "K02"]


# --- lists of revoked certificates ----------------------------------------------------------------------------


def test_files_of_lists_are_read_and_each_of_them_once(written: Written) -> None:
    (written.folder / "r.crl").write_bytes(crl())
    config = read(written.write(changed(EDGE, "[tls]\n", '[tls]\ncrl = ["r.crl", "r.crl"]\n')).edge, NOW).config
    assert config is not None and config.crls == (written.folder / "r.crl",)


@pytest.mark.parametrize(
    ("content", "code", "warning"),
    [(None, "K04", False), (b"no list", "K04", False), (crl(since=NOW - 2 * DAY, until=NOW - DAY), "C08", True)],
)
def test_file_without_a_list_is_an_error_and_an_old_one_a_warning(
    written: Written, content: bytes | None, code: str, warning: bool
) -> None:
    if content is not None:
        (written.folder / "r.crl").write_bytes(content)
    reading = read(written.write(changed(EDGE, "[tls]\n", '[tls]\ncrl = ["r.crl"]\n')).edge, NOW)
    said = [fault for fault in reading.faults if "r.crl" in fault.text]
    assert [(fault.code.name, fault.warning) for fault in said] == [(code, warning)]
