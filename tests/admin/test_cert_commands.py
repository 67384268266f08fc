"""`edge cert`, with and without a gateway to ask."""

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from edge.admin.cert_commands import cert_command, options
from edge.admin.certificates import listed, peers
from edge.admin.client import Client, Unreachable
from edge.certificates.book import PeerBook
from edge.certificates.examination import Finding
from edge.certificates.identity import Identities, parse
from edge.certificates.revocation import Age
from edge.certificates.trust import pin_of
from edge.codes import Code
from tests.certificates.made import CLIENT, DAY, NOW, SERVER, dns, make
from tests.config.written import Written

EDGE = make(dns("edge.example.net"), dns("xmpp.example"), dns("c.example"), eku=(SERVER, CLIENT), number=1)
THEIRS = make(dns("sip.contoso.com"), dns("evil\x1b[2J.example"), number=3).certificate


class Gateway:
    """Answers as the running gateway would."""

    def __init__(self) -> None:
        self.book = PeerBook()
        self.book.saw("contoso", THEIRS, NOW.timestamp())
        self.book.refused(EDGE.certificate, Code.C01, NOW.timestamp())
        self.findings = [Finding(Code.C05, "no clientAuth", True)]

    def get(self, name: str, **said: str) -> dict[str, Any]:
        if name == "certificates":
            return listed(Identities(parse(EDGE.pem, EDGE.key_pem)), self.findings, NOW, self.book)
        assert name == "certificates/peers"
        age = Age("CN=Root", "ocsp", "http://ocsp.ca.example/", NOW - DAY / 12, NOW + DAY)
        return peers(self.book, [age], NOW, bool(said.get("rejected", "")))


class Shell:
    def __init__(self, folder: Path) -> None:
        self.written = Written(folder)
        certs = self.written.folder / "certs"
        (certs / "edge.pem").write_bytes(EDGE.pem)
        (certs / "edge.key").write_bytes(EDGE.key_pem)
        self.gateway: Gateway | None = Gateway()

    def client(self) -> Client:
        if self.gateway is None:
            raise Unreachable("no gateway")
        return self.gateway  # type: ignore[return-value]

    def run(self, *words: object) -> tuple[int, str]:
        parser = argparse.ArgumentParser()
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--config", type=Path, default=self.written.edge)
        options(parser)
        out = io.StringIO()
        status = cert_command(parser.parse_args([str(word) for word in words]), out, self.client)
        return status, out.getvalue()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_list_shows_ours_theirs_and_what_is_wrong(shell: Shell) -> None:
    status, text = shell.run("list")
    head, own, peer, finding = text.splitlines()
    assert status == 0 and head.split() == ["USE", "NAMES", "ENDS", "DAYS", "KEY", "PURPOSE", "ISSUER"]
    assert own.startswith("default       edge.example.net, xmpp.example, +1") and "client,server" in own
    assert peer.startswith("peer contoso  sip.contoso.com")
    assert finding == "  warn  C05  no clientAuth"


def test_list_is_a_finding_when_a_certificate_cannot_be_used(shell: Shell) -> None:
    assert shell.gateway is not None
    shell.gateway.findings = [Finding(Code.C02, "it ended")]
    status, text = shell.run("list", "--json")
    assert status == 1 and json.loads(text)["own"][0]["findings"][0]["code"] == "EDGE-C02"


def test_list_without_a_gateway_reads_the_files(shell: Shell) -> None:
    shell.gateway = None
    status, text = shell.run("list", "--json")
    assert status == 0 and json.loads(text)["own"][0]["names"][0] == "edge.example.net"
    shell.written.write("x = 1")
    status, text = shell.run("list")
    assert status == 1 and "error" in text


def test_peers_shows_what_was_seen_and_how_old_the_rest_is(shell: Shell) -> None:
    status, text = shell.run("peers")
    assert status == 0 and "contoso" in text and "\x1b" not in text
    assert "http://ocsp.ca.example/" in text and "2 h 0 min" in text
    header, row, *_ = shell.run("peers", "--rejected")[1].splitlines()
    assert header.startswith("CODE ") and row.startswith("EDGE-C01 ")
    assert shell.run("peers", "fabrikam")[1].startswith("There are no such certificates.\n")
    assert json.loads(shell.run("peers", "--json", "fabrikam")[1])["certificates"] == []


def test_chain_can_be_given_away(shell: Shell) -> None:
    status, text = shell.run("chain")
    assert status == 0 and x509.load_pem_x509_certificate(text.encode()) == EDGE.certificate
    assert text.startswith("# CN=leaf, issued by CN=leaf\n") and "PRIVATE" not in text
    assert json.loads(shell.run("chain", "--json")[1])["chains"][0][0].startswith("-----BEGIN")


def test_pin_is_that_of_ours_of_a_partner_and_of_a_file(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("pin") == (0, f"{pin_of(EDGE.certificate)}  edge.example.net\n")
    assert shell.run("pin", "contoso") == (0, f"{pin_of(THEIRS)}  contoso\n")
    file = tmp_path / "some.pem"
    file.write_bytes(EDGE.pem)
    answer = json.loads(shell.run("pin", file, "--json")[1])
    assert answer == {"pins": [{"of": str(file), "pin": pin_of(EDGE.certificate)}]}
    assert shell.run("pin", "nobody") == (
        1, "nobody is neither a file nor a partner that has shown a certificate.\n",
    )
    file.write_bytes(b"nothing")
    assert shell.run("pin", file)[0] == 1


def test_csr_asks_for_all_our_names_with_the_key_that_is_there(shell: Shell) -> None:
    status, text = shell.run("csr", "--key", shell.written.folder / "certs" / "edge.key")
    asked = x509.load_pem_x509_csr(text.encode())
    assert status == 0 and asked.public_key() == EDGE.certificate.public_key()
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["edge.example.net", "xmpp.example"]


def test_csr_makes_a_key_that_nobody_else_can_read(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "new.key"
    status, text = shell.run("csr", "--key", key, "--kind", "rsa", "--json", "b.example", "--srv-name")
    assert status == 0 and key.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().err == f"edge: a new key was written to {key}\n"
    answer = json.loads(text)
    assert answer["names"] == ["b.example"] and "PRIVATE" not in text
    before = key.read_bytes()
    assert shell.run("csr", "--key", key, "b.example")[0] == 0 and key.read_bytes() == before


@pytest.mark.parametrize("words", [["/nowhere/new.key", "b.example"], ["/tmp/x", "no name"]])
def test_csr_says_what_is_wrong(shell: Shell, words: list[str]) -> None:
    status, text = shell.run("csr", "--key", *words)
    assert status == 1 and text and "BEGIN" not in text


def test_csr_needs_names_until_the_configuration_is_good(shell: Shell, tmp_path: Path) -> None:
    shell.written.write("x = 1")
    status, text = shell.run("csr", "--key", tmp_path / "new.key")
    assert status == 1 and "give the names" in text and not (tmp_path / "new.key").exists()


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ({"accepted": True, "changes": ["~ certificate x"], "errors": []}, 0, "  ~ certificate x\n"),
        ({"accepted": True, "changes": [], "errors": []}, 0, "There is nothing new.\n"),
        ({"accepted": False, "changes": [], "errors": ["EDGE-K06 \x1b"]}, 1, "  error  EDGE-K06 \ufffd\n"),
    ],
)
def test_reload_says_what_is_new(shell: Shell, answer: dict[str, Any], status: int, text: str) -> None:
    shell.gateway.post = lambda name: answer if name == "certificates/reload" else {}  # type: ignore[union-attr]
    assert shell.run("reload") == (status, text)
    assert json.loads(shell.run("reload", "--json")[1]) == answer
