"""A configuration as a whole: read, judged, and never changed again."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import ConfigurationError, load
from edge.config.loading import SIP_LISTEN, XMPP_LISTEN, read
from edge.domains import Domain
from edge.gateway.settings import PresenceSettings
from edge.partners import HostPort
from tests.config.written import EDGE, PARTNERS, Written, changed

JABBER = 'version = 1\n[[partner]]\nname = "jabber"\ndomains = ["jabber.example"]\nvia = "xmpp"\n'


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_load_gives_the_whole_configuration(written: Written) -> None:
    edge = changed(
        EDGE,
        "[[inside]]",
        '[sip]\nlisten = ["127.0.0.1:5061", "[::1]:5061"]\nsession_idle_seconds = 60\n'
        '[xmpp]\nlisten = ["127.0.0.1:0"]\n'
        '[dns]\nservers = ["127.0.0.1:5353"]\n[presence]\nexpires = 60\nmin_expires = 10\n'
        '[admin]\nlisten = "[::1]:8061"\n[[inside]]',
    ).replace("[tls]", 'state = "kept/here"\nstate_sync = "full"\n[tls]', 1)
    config = load(written.write(edge).edge)
    assert config.name == "edge.example.net"
    assert config.path == written.edge
    assert config.files == (written.edge, written.folder / "partners.toml")
    assert config.ca is None
    assert config.sip_listen == (HostPort("127.0.0.1", 5061), HostPort("::1", 5061))
    assert config.xmpp_listen == (HostPort("127.0.0.1", 0),)
    assert config.dns_servers == (HostPort("127.0.0.1", 5353),)
    assert (config.state, config.state_sync) == (written.folder / "kept" / "here", "full")
    assert config.presence == PresenceSettings(expires=60, shortest=10)
    assert config.session_idle == 60
    assert config.admin_listen == HostPort("::1", 8061)
    assert [system.name for system in config.systems] == ["office", "contoso", "fabrikam"]
    assert config.directory.system_of(Domain("fabrikam.example")) is config.systems[2]
    assert config.warnings == ()


def test_config_of_who_says_little_keeps_state_and_listens_for_no_administrator(written: Written) -> None:
    config = load(written.edge)
    assert (config.state, config.state_sync) == (written.folder / "state" / "edge.sqlite", "normal")
    assert config.presence == PresenceSettings()
    assert config.admin_listen is None


def test_config_never_changes(written: Written) -> None:
    config = load(written.edge)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.name = Domain("other.example")  # type: ignore[misc]


def test_listeners_default_to_what_the_systems_need(written: Written) -> None:
    config = load(written.edge)
    assert (config.sip_listen, config.xmpp_listen, config.dns_servers) == (SIP_LISTEN, (), ())
    config = load(written.write(EDGE, JABBER).edge)
    assert (config.sip_listen, config.xmpp_listen) == ((), XMPP_LISTEN)


def test_empty_listeners_are_taken_at_their_word(written: Written) -> None:
    assert load(written.write(EDGE + "[sip]\nlisten = []\n").edge).sip_listen == ()


def test_load_raises_with_every_fault_of_every_file(written: Written) -> None:
    written.write(
        changed(EDGE, 'name = "edge.example.net"', 'name = "*"\nport = 1') + "[sip]\nlisten = [5061]\n",
        changed(PARTNERS, '"sip"', '"sips"') + "[other]\n",
    )
    with pytest.raises(ConfigurationError) as caught:
        load(written.edge)
    assert [(fault.code.name, fault.place, fault.key) for fault in caught.value.faults] == [
        ("K02", "edge.toml line 2", "edge.name"),
        ("K01", "edge.toml line 3", "edge.port"),
        ("K02", "edge.toml line 18", "sip.listen"),
        ("K02", "partners.toml line 6", "partner[contoso].via"),
        ("K02", "partners.toml line 12", "partner[fabrikam].via"),
        ("K01", "partners.toml line 13", "other"),
    ]


FAULTS = [
    ("[sip]\nlisten = ['edge.example:5061']\n", 17, "sip.listen", '"edge.example:5061" in [sip]: the host must be'),
    ("[xmpp]\nlisten = ['[::]']\n", 17, "xmpp.listen", '"[::]" in [xmpp]: a port is missing'),
    ("[dns]\nservers = ['dns.example:53']\n", 17, "dns.servers", '"dns.example:53" in [dns]: a DNS server is given by'),
    (
        "[sip]\nlisten = ['0.0.0.0:5061']\n[xmpp]\nlisten = ['0.0.0.0:5061']\n",
        19,
        "xmpp.listen",
        "0.0.0.0:5061 is listed for SIP and for XMPP",
    ),
    ("[admin]\nlisten = '0.0.0.0:8061'\n", 17, "admin.listen", '"0.0.0.0:8061" in [admin]: only loopback addresses'),
    (
        "[sip]\nlisten = ['127.0.0.1:8061']\n[admin]\nlisten = '127.0.0.1:8061'\n",
        19,
        "admin.listen",
        "127.0.0.1:8061 is listed for SIP or XMPP too",
    ),
]


@pytest.mark.parametrize(("lines", "line", "key", "text"), FAULTS)
def test_address_that_cannot_be_used_is_a_fault(written: Written, lines: str, line: int, key: str, text: str) -> None:
    [fault] = written.write(EDGE + lines).read().faults
    assert (fault.code.name, fault.line, fault.key) == ("K02", line, key)
    assert fault.text.startswith(text)


NOT_YET = [
    ("[edge]\ntransit = true", "edge", 'unknown key "transit" in [edge]'),
    ("[admin]\ntoken_file = 'x'", "", 'unknown key "token_file" in [admin]'),
    ("[xmpp]\ndirect_tls = []", "", 'unknown key "direct_tls" in [xmpp]'),
    ("[[partner]]\nname = 'x'", "", 'unknown key "partner"'),
]


@pytest.mark.parametrize(("lines", "section", "text"), NOT_YET)
def test_key_that_does_not_work_yet_is_not_accepted(written: Written, lines: str, section: str, text: str) -> None:
    edge = changed(EDGE, "[edge]", lines) if section else f"{EDGE}{lines}\n"
    assert ("K01", text) in [(code, said.partition(" (")[0]) for code, _, said in written.faults(edge)]


PARTNER_NOT_YET = ["[partner.xmpp]\nstarttls_only = true"]


@pytest.mark.parametrize("lines", PARTNER_NOT_YET)
def test_partner_key_that_does_not_work_yet_is_not_accepted(written: Written, lines: str) -> None:
    assert [code for code, _, _ in written.faults(EDGE, PARTNERS + lines)] == ["K01"]


@pytest.mark.parametrize("version", ["2", '"1"', "true", "1.0"])
def test_version_of_partner_files_is_one(written: Written, version: str) -> None:
    [(code, place, text)] = written.faults(EDGE, changed(PARTNERS, "version = 1", f"version = {version}"))
    assert (code, place, text) == ("K02", "partners.toml line 1", f'"version" must be 1, not {version}')


def test_version_of_partner_files_is_required(written: Written) -> None:
    assert written.faults(EDGE, changed(PARTNERS, "version = 1", "")) == [
        ("K02", "partners.toml", '"version" is missing')
    ]


def test_missing_tables_are_reported(written: Written) -> None:
    assert written.faults("") == [
        ("K02", "edge.toml", "the table [edge] is missing"),
        ("K02", "edge.toml", "the table [tls] is missing"),
    ]


def test_file_that_is_no_toml_is_reported_with_those_of_the_others(written: Written) -> None:
    faults = written.faults(changed(EDGE, "[edge]", "[edge]\nx = 1"), PARTNERS + "[[partner]\n")
    places = [(code, place) for code, place, _ in faults]
    assert places == [("K01", "edge.toml line 2"), ("K02", "partners.toml line 13")]


def test_missing_edge_toml_is_one_fault(tmp_path: Path) -> None:
    reading = read(tmp_path / "edge.toml")
    assert [(fault.code.name, fault.text) for fault in reading.faults] == [("K04", "the file does not exist")]
    assert reading.config is None


def test_folder_of_partners_is_read_in_the_order_of_names(written: Written) -> None:
    folder = written.folder / "partners.d"
    folder.mkdir()
    (folder / "b.toml").write_text(PARTNERS)
    (folder / "a.toml").write_text(JABBER)
    (folder / ".c.toml").write_text("not read")
    (folder / "d.toml~").write_text("not read")
    config = load(written.write(changed(EDGE, '"partners.toml"', '"partners.d"')).edge)
    assert config.files == (written.edge, folder / "a.toml", folder / "b.toml")
    assert [system.name for system in config.systems] == ["office", "jabber", "contoso", "fabrikam"]


def test_defaults_of_a_file_end_with_it(written: Written) -> None:
    folder = written.folder / "partners.d"
    folder.mkdir()
    (folder / "a.toml").write_text(changed(JABBER, "[[", "[defaults.limits]\npending_seconds = 3\n[["))
    (folder / "b.toml").write_text(PARTNERS)
    config = load(written.write(changed(EDGE, '"partners.toml"', '"partners.d"')).edge)
    assert [system.pending_seconds for system in config.systems] == [25.0, 3.0, 25.0, 25.0]


def test_paths_are_relative_to_the_file_that_names_them(written: Written) -> None:
    folder = written.folder / "partners.d"
    folder.mkdir()
    (folder / "a.toml").write_text(PARTNERS + '[partner.tls]\nca = "../certs/ca.pem"\n')
    config = load(written.write(changed(EDGE, '"partners.toml"', '"partners.d"')).edge)
    assert config.systems[2].ca == folder / "../certs/ca.pem"


def test_empty_folder_of_partners_is_a_warning(written: Written) -> None:
    (written.folder / "partners.d").mkdir()
    reading = written.write(changed(EDGE, '"partners.toml"', '"partners.d"')).read()
    assert reading.config is not None
    assert [(fault.code.name, fault.warning) for fault in reading.faults] == [("K02", True), ("K04", True)]


def test_folder_with_too_many_files_is_a_fault(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.config.loading.MAX_FILES", 1)
    folder = written.folder / "partners.d"
    folder.mkdir()
    (folder / "a.toml").write_text(JABBER)
    (folder / "b.toml").write_text("never read")
    [(code, place, text)] = written.faults(changed(EDGE, '"partners.toml"', '"partners.d"'))
    assert (code, place) == ("K04", "edge.toml line 3")
    assert "more than 1 files" in text


def test_partner_file_with_a_name_that_none_can_have_is_a_fault(written: Written) -> None:
    faults = written.faults(changed(EDGE, "partners.toml", "x" * 300))
    (text,) = [text for code, place, text in faults if (code, place) == ("K04", "edge.toml line 3")]
    assert text.endswith("cannot be read: File name too long")


def test_configuration_in_which_nothing_can_pass_is_a_warning(written: Written) -> None:
    reading = written.write(EDGE, JABBER).read()
    assert reading.config is not None
    assert [(fault.code.name, fault.warning, fault.text) for fault in reading.faults] == [
        ("K02", True, "nothing can pass: no partner speaks the other protocol than an inside system")
    ]


def test_reading_counts_what_the_files_hold(written: Written) -> None:
    reading = written.write(EDGE, PARTNERS + '[[partner]]\nname = "x"\n').read()
    assert (reading.ours.systems, reading.ours.domains) == (1, 1)
    assert [(each.path.name, each.systems, each.domains) for each in reading.partners] == [("partners.toml", 3, 3)]


NOISE = st.sampled_from(['"', "[[", "]]\n", "=", "{", "\n", "nan", "''"])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_spoiled_configuration_is_read_or_refused_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "spoiled"
    written = Written(folder)
    texts = []
    for text in (EDGE, PARTNERS):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        noise = data.draw(st.one_of(st.text(max_size=6), NOISE))
        texts.append(text[:start] + noise + text[end:])
    for name, text in zip(("edge.toml", "partners.toml"), texts, strict=True):
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    reading = written.read()
    assert (reading.config is None) == any(not fault.warning for fault in reading.faults)
