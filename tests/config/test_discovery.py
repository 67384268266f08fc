"""Whether unlisted domains are discovered, and what such partners are like."""

from pathlib import Path

import pytest

from edge.config import Config
from edge.config.difference import difference
from edge.config.loading import SIP_LISTEN, XMPP_LISTEN
from edge.partners import System
from tests.config.written import EDGE, PARTNERS, Written, changed

OPEN = changed(PARTNERS, "version = 1\n", 'version = 1\n[defaults]\nunknown_domains = "discover"\n')
S2S = changed(EDGE, 'link = "component"\nhosts = ["127.0.0.1:5347"]\nsecret_file = "component.secret"\n', "")


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def config(written: Written, edge: str = S2S, partners: str = OPEN) -> Config:
    reading = written.write(edge, partners).read()
    assert reading.config is not None, reading.faults
    return reading.config


def template(written: Written, partners: str = OPEN) -> System | None:
    return config(written, partners=partners).directory.discovered.template


def test_the_list_is_closed_unless_it_says_otherwise(written: Written) -> None:
    assert template(written, PARTNERS) is None
    assert template(written, changed(OPEN, "discover", "deny")) is None


def test_discovered_partners_have_the_limits_that_are_known_from_elsewhere(written: Written) -> None:
    found = template(written)
    assert found is not None and found.discovered
    assert (found.messages_per_s, found.burst, found.local_users, found.suspicious_rate) == (20, 20, 1000, 1)
    assert (found.streams.external, found.streams.dialback, found.hosts) == (True, False, None)


def test_limits_of_discovered_partners_can_be_said(written: Written) -> None:
    said = "[discovered.limits]\nmessages_per_s = 2.5\nlocal_users = 10\nsuspicious_rate = 0.5\n"
    found = template(written, OPEN + said)
    assert found is not None
    assert (found.messages_per_s, found.burst, found.local_users, found.suspicious_rate) == (2.5, 3, 10, 0.5)


def test_defaults_of_the_file_apply_but_for_what_would_be_less_strict(written: Written) -> None:
    more = '[defaults.tls]\nca = "certs/ca.pem"\nmin_version = "1.3"\nnames = "san-or-cn"\neku = "strict"\n'
    more += '[defaults.presence]\nsubscribe = "deny"\n'
    found = template(written, changed(OPEN, "discover\"\n", f'discover"\n{more}'))
    assert found is not None and found.ca is not None and found.ca.name == "ca.pem"
    assert (found.min_version, found.trust.eku, found.trust.names) == ("1.3", "strict", "san")
    assert found.subscribe == "deny"


def test_the_switch_stands_in_one_file(written: Written) -> None:
    folder = written.folder / "partners.d"
    folder.mkdir()
    edge = changed(S2S, "partners.toml", "partners.d")
    (folder / "a.toml").write_text('version = 1\n[defaults]\nunknown_domains = "discover"\n')
    (folder / "b.toml").write_text('version = 1\n[defaults]\nunknown_domains = "deny"\n')
    (code, _, text), = written.faults(edge)
    assert code == "K02" and text == '"unknown_domains" is said twice (also in a.toml line 3): it is about all files'
    (folder / "b.toml").write_text("version = 1\n[discovered.limits]\nlocal_users = 5\n")
    (code, _, text), = written.faults(edge)
    assert code == "K02" and text.startswith('[discovered] stands in another file than "unknown_domains"')


def test_we_listen_for_whoever_may_come(written: Written) -> None:
    alone = "version = 1\n"
    assert config(written, partners=f"{alone}[[blocked]]\ndomains = ['spam.example']\n").sip_listen == ()
    opened = config(written, partners=f'{alone}[defaults]\nunknown_domains = "discover"\n')
    assert (opened.sip_listen, opened.xmpp_listen) == (SIP_LISTEN, XMPP_LISTEN)
    assert not opened.warnings, "something can pass"


def test_a_component_link_is_warned_of(written: Written) -> None:
    warnings = config(written, edge=EDGE).warnings
    assert [each.text for each in warnings] == [
        'unlisted domains will not reach inside "office": a component link is one for each domain that is listed',
    ]


def test_a_change_is_told(written: Written) -> None:
    closed, opened = config(written, partners=PARTNERS), config(written)
    other = config(written, partners=OPEN + "[discovered.limits]\nlocal_users = 5\n")
    assert difference(closed, opened).lines == ("+ unlisted domains",)
    assert difference(opened, closed).lines == ("- unlisted domains",)
    assert difference(opened, other).lines == ("~ discovered.local_users",)
    assert difference(opened, config(written)).lines == ()
