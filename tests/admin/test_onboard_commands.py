"""`edge onboard`: what the administrator of the other side is told, made of our files."""

from pathlib import Path

import pytest

from edge.admin.cli import main
from tests.config.written import AUTHORITY, EDGE, PARTNERS, Written, changed

JABBER = """
[[partner]]
name = "jabber"
domains = ["jabber.example"]
via = "xmpp"
"""
HOUSE = """
[[inside]]
name = "house"
domains = ["house.example"]
via = "sip"
hosts = ["house.example:5061"]
"""


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path).write(EDGE + HOUSE, PARTNERS + JABBER)


def said(written: Written, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["onboard", *words, "--config", str(written.edge)])
    return status, capsys.readouterr().out


def test_page_says_who_we_are_and_what_we_need(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(written, capsys, "contoso")
    assert status == 0
    assert text.startswith("Federation of contoso.com with xmpp.example\n")
    assert "server       edge.example.net, port 5061; TLS 1.2 or 1.3, a certificate on both sides" in text
    assert "CN=edge.example.net; carries edge.example.net, xmpp.example" in text and "CN=Test CA" in text
    assert "_sipfederationtls._tcp.xmpp.example. 3600 IN SRV 0 0 5061 sip.xmpp.example." in text
    assert "* your servers: we have accessedge.contoso.com:5061" in text
    assert text.count("-----BEGIN CERTIFICATE-----") == 1 and "PRIVATE" not in text
    assert "ADDRESS " not in text and "house.example" not in text, "they speak SIP themselves"


LINES = [
    ("contoso", "lync", "New-CsAllowedDomain -Identity xmpp.example -ProxyFqdn edge.example.net "),
    ("contoso", "lync", "Set-CsAccessEdgeConfiguration -AllowFederatedUsers $true"),
    ("contoso", "cisco", ".example.xmpp.*"),
    ("contoso", "cisco", "TLS peer subject:      edge.example.net,"),
    ("fabrikam.com", "lync", "a record _sipfederationtls._tcp for each"),
    ("jabber", "prosody", 's2s_secure_domains = { "house.example" }'),
    ("jabber", "prosody", """prosodyctl shell 'xmpp:ping("jabber.example", "house.example")'"""),
    ("jabber", "ejabberd", "s2s_use_starttls: required"),
    ("jabber", "ejabberd", "_xmpp-server._tcp.house.example. 3600 IN SRV 0 0 5269 edge.example.net."),
]


@pytest.mark.parametrize(("partner", "kind", "line"), LINES)
def test_page_has_the_lines_for_what_they_run(
    partner: str, kind: str, line: str, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said(written, capsys, partner, "--for", kind)
    assert status == 0 and line in text, text


def test_certificate_for_servers_alone_is_told_to_those_who_mind(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["edge.example.net", "house.example"]
    AUTHORITY.issue("edge.example.net", dns=names, eku=["server"]).write(written.folder / "certs", "edge")
    _, text = said(written, capsys, "jabber", "--for", "ejabberd")
    assert "Before 25.08 ejabberd does not take our certificate" in text
    assert "good for servers alone" in said(written, capsys, "contoso")[1]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("contso", 1, 'There is no partner "contso" (did you mean contoso?)'),
        ("strange.example", 1, 'There is no partner "strange.example": `edge allow DOMAIN` lists one'),
        ("office", 1, 'There is no partner "office": `edge allow DOMAIN` lists one'),
        ("contoso --for prosody", 2, "contoso speaks SIP: choose lync or cisco"),
        ("jabber --for lync", 2,
         "jabber speaks XMPP: choose prosody or ejabberd or openfire or expressway or cisco-xmpp"),
    ],
)
def test_page_that_cannot_be_says_why(
    words: str, status: int, sentence: str, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(written, capsys, *words.split()) == (status, sentence + "\n")


def test_partner_with_whom_nobody_may_talk_has_no_page(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    written.write(EDGE)
    status, text = said(written, capsys, "jabber")
    assert status == 1 and text.startswith("None of our domains may talk to jabber")


def test_faulty_files_are_a_finding(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    written.write(changed(EDGE, "via", "viva"))
    status, text = said(written, capsys, "contoso")
    assert status == 1 and "EDGE-K01" in text


def test_page_in_json(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    assert '"for": "lync"' in said(written, capsys, "contoso", "--json")[1]


def test_what_we_have_to_set_first_is_said_beside_the_page(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["onboard", "jabber", "--for", "expressway", "--config", str(written.edge)]) == 0
    page = capsys.readouterr()
    assert page.err.startswith("edge: first let jabber prove itself by dialback") and "first let" not in page.out
    assert "we could not try them" in page.out
    assert "we could not try" not in said(written, capsys, "jabber", "--for", "prosody")[1]
