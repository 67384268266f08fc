"""What another configuration would change."""

from pathlib import Path

import pytest

from demo.authority import Authority
from edge.config import Config
from edge.config.difference import FIXED, KEYS, difference, renewed_bundles
from edge.partners import System
from tests.certificates.issuing import crl
from tests.config.written import AUTHORITY, EDGE, PARTNERS, Written, changed


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def read(written: Written) -> Config:
    reading = written.read()
    assert reading.config is not None, reading.faults
    return reading.config


def lines(written: Written, partners: str, edge: str | None = None) -> tuple[str, ...]:
    old = read(written)
    return difference(old, read(written.write(edge, partners))).lines


def test_the_same_files_say_the_same(written: Written) -> None:
    same = difference(read(written), read(written))
    assert (same.lines, same.fixed) == ((), ())


WINGTIP = """
[[partner]]
name = "wingtip"
domains = ["wingtip.example"]
via = "sip"
"""


def test_partners_that_come_and_go(written: Written) -> None:
    assert lines(written, PARTNERS + WINGTIP) == ("+ partner wingtip",)
    assert lines(written, PARTNERS) == ("- partner wingtip",)


def test_entry_of_which_the_time_is_over_is_told_too(written: Written) -> None:
    """It keeps its domains from others, so that a reload without it must be more than nothing."""
    ended = f'{PARTNERS}{WINGTIP}expires = 2001-01-01\n'
    wider = changed(ended, '"wingtip.example"', '"wingtip.example", "*.wingtip.example"')
    assert lines(written, ended) == ("+ expired partner wingtip",)
    assert lines(written, wider) == ("~ expired partner wingtip",)
    assert lines(written, PARTNERS) == ("- expired partner wingtip",)
    lines(written, ended)
    assert lines(written, PARTNERS + WINGTIP) == ("+ partner wingtip",)
    assert lines(written, ended) == ("- partner wingtip",)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("[partner.tls]\npeer_names = ['a.example']", "tls.peer_names"),
        ("[partner.tls]\nmin_version = '1.3'", "tls.min_version"),
        ("[partner.limits]\nburst = 7", "limits.burst"),
        ("[partner.presence]\noutbound = 'none'", "presence"),
        ("[partner.presence]\ndirection = 'they-see-us'", "presence.direction"),
        ("im_mode = 'page'", "im_mode"),
        ("allow = 'incoming'", "allow"),
        ("expires = 2199-12-31", "expires"),
        ("[partner.limits]\nconnections_out = 8", "limits.connections_out"),
        ("notes = 'x'", "notes"),
    ],
)
def test_keys_that_say_something_else(written: Written, said: str, key: str) -> None:
    assert lines(written, f"{PARTNERS}{said}\n") == (f"~ fabrikam.{key}",)


def test_streams_are_said_under_the_name_of_their_table(written: Written) -> None:
    jabber = WINGTIP.replace('"sip"', '"xmpp"')
    lines(written, PARTNERS + jabber)
    assert lines(written, f"{PARTNERS}{jabber}[partner.xmpp]\nbidi = false\n") == ("~ wingtip.xmpp",)


def test_where_a_partner_stands_is_no_change(written: Written) -> None:
    assert lines(written, changed(PARTNERS, "version = 1", "\n\n# nothing\nversion = 1")) == ()


def test_a_partner_of_another_kind_is_another_one(written: Written) -> None:
    xmpp = changed(PARTNERS, 'domains = ["fabrikam.com", "fabrikam.example"]\nvia = "sip"',
                   'domains = ["fabrikam.com", "fabrikam.example"]\nvia = "xmpp"')
    assert lines(written, xmpp) == ("- partner fabrikam", "+ partner fabrikam")


def test_systems_of_ours(written: Written) -> None:
    assert lines(written, PARTNERS, EDGE + "page_type = 'normal'\n") == ("~ office.page_type",)


def test_blocked_domains(written: Written) -> None:
    blocked = '[[blocked]]\ndomains = ["spam.example", "*.bücher.example"]\n'
    assert lines(written, PARTNERS + blocked) == ("+ blocked spam.example, *.bücher.example",)
    assert lines(written, PARTNERS) == ("- blocked spam.example, *.bücher.example",)


def test_certificates_and_trust(written: Written) -> None:
    old = read(written)
    renewed = AUTHORITY.issue("edge.example.net", dns=["edge.example.net", "xmpp.example"])
    renewed.write(written.folder / "certs", "edge")
    (written.folder / "certs" / "r.crl").write_bytes(crl())
    more = 'certs/edge.key"\nca = "certs/ca.pem"\ncrl = ["certs/r.crl"]'
    new = read(written.write(changed(EDGE, 'certs/edge.key"', more)))
    said = difference(old, new)
    assert said.lines[:3] == ("~ certificates", "~ tls.ca", "~ tls.crl")
    assert said.fixed == ()


@pytest.mark.parametrize(
    ("before", "after", "fixed"),
    [
        ('"edge.example.net"', '"xmpp.example"', "[edge] name"),
        ('"partners.toml"', '"partners.toml"\nstate = ":memory:"', "[edge] state"),
        ("[[inside]]", "[sip]\nlisten = ['127.0.0.1:5061']\n[[inside]]", "[sip] listen"),
        ("[[inside]]", "[dns]\nservers = ['127.0.0.1']\n[[inside]]", "[dns] servers"),
        ("[[inside]]", "[presence]\nexpires = 1800\n[[inside]]", "[presence]"),
        ("[[inside]]", "[admin]\nlisten = '127.0.0.1:8061'\n[[inside]]", "[admin] listen"),
        ("[[inside]]", "[admin]\nsocket = 'a.sock'\n[[inside]]", "[admin] socket"),
    ],
)
def test_what_only_a_restart_can_change(written: Written, before: str, after: str, fixed: str) -> None:
    old = read(written)
    assert difference(old, read(written.write(changed(EDGE, before, after)))).fixed == (fixed,)


def test_every_field_of_a_configuration_is_compared_or_leads_elsewhere() -> None:
    elsewhere = {
        "path", "files", "certificate", "key", "identity", "identities", "identity_files", "ca", "systems", "directory",
        "expiry", "warnings", "bundles", "crls",
    }
    assert set(Config.__dataclass_fields__) == elsewhere | FIXED.keys()


def test_a_trust_bundle_with_other_contents_is_another_one(written: Written) -> None:
    """The administrator has put another file in its place, and said nothing else."""
    edge = changed(EDGE, 'key = "certs/edge.key"', 'key = "certs/edge.key"\nca = "certs/ca.pem"')
    old = read(written.write(edge))
    bundle = written.folder / "certs" / "ca.pem"
    bundle.write_bytes(AUTHORITY.pem + Authority("Another CA").pem)
    new = read(written)
    assert difference(old, new).lines == ("~ the authorities in ca.pem",)
    assert renewed_bundles(old, new) == [bundle]
    assert not renewed_bundles(new, read(written.write(EDGE))), "one that is not named any more is no news"


def test_the_keys_that_have_other_names_are_fields() -> None:
    assert set(System.__dataclass_fields__) >= KEYS.keys()
