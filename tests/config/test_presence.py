"""The presence tables: what applies to all, what each system is told, and which way presence goes."""

from pathlib import Path

import pytest

from edge.config.presence import settings_of
from edge.config.schema import Presence
from edge.gateway.settings import PresenceSettings
from edge.mapping.profile import DEFAULT, Profile
from tests.config.test_systems import systems
from tests.config.written import EDGE, PARTNERS, Written, changed


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_settings_of_who_says_nothing_are_those_of_the_gateway() -> None:
    assert settings_of(Presence()) == PresenceSettings()


def test_settings_keep_their_meaning() -> None:
    table = Presence(expires=60, min_expires=1, max_expires=3600, pace_seconds=0.5, grace_seconds=2.0)
    assert settings_of(table) == PresenceSettings(expires=60, shortest=1, longest=3600, pace=0.5, grace=2.0)


OUT_OF_BOUNDS = [
    ("expires = 4", '"expires" in [presence] must be a whole number from 5 to 86400, not 4'),
    ("expires = 90000", '"expires" in [presence] must be a whole number from 5 to 86400, not 90000'),
    ("min_expires = 0", '"min_expires" in [presence] must be a whole number from 1 to 3600, not 0'),
    ("max_expires = 60", '"max_expires" in [presence] must be a whole number from 3600 to 86400, not 60'),
    ("pace_seconds = -1", '"pace_seconds" in [presence] must be a number from 0 to 60, not -1'),
    ("grace_seconds = 0.5", '"grace_seconds" in [presence] must be a number from 1 to 3600, not 0.5'),
    ("outbound = 'full'", 'unknown key "outbound" in [presence] (it belongs under [inside.presence])'),
]


@pytest.mark.parametrize(("line", "text"), OUT_OF_BOUNDS)
def test_setting_out_of_its_bounds_is_a_fault(written: Written, line: str, text: str) -> None:
    [(_, place, said)] = written.faults(f"{EDGE}[presence]\n{line}\n")
    assert (place, said) == ("edge.toml line 17", text)


def profiles(written: Written, head: str = "", own: str = "", inside: str = "") -> dict[str, Profile]:
    """By system: with ``head`` at the top of the partner file, ``own`` behind fabrikam, ``inside`` behind office."""
    partners = changed(PARTNERS, "version = 1\n", f"version = 1\n{head}\n") + own
    reading = written.write(EDGE + inside, partners).read()
    assert reading.config is not None, reading.faults
    return {system.name: system.presence for system in reading.config.systems}


def test_system_of_which_nothing_is_said_is_told_everything(written: Written) -> None:
    assert set(profiles(written).values()) == {DEFAULT}


def test_what_a_partner_says_goes_before_what_its_file_says(written: Written) -> None:
    head = """
[defaults.presence]
outbound = "none"
notes = false
map = { "sip:busy" = "away", "sip:meeting" = "dnd+In a meeting" }
"""
    own = '[partner.presence]\nnotes = true\n[partner.presence.map]\n"sip:busy" = "xa"\n"xmpp:dnd" = "busy+Away"\n'
    found = profiles(written, head, own)
    rows = {"sip:busy": "away", "sip:meeting": "dnd+In a meeting"}
    assert found["contoso"] == Profile.build(outbound="none", notes=False, rows=rows)
    rows = {"sip:busy": "xa", "xmpp:dnd": "busy+Away", "sip:meeting": "dnd+In a meeting"}
    assert found["fabrikam"] == Profile.build(outbound="none", rows=rows)
    assert found["office"] == DEFAULT


def test_inside_system_has_a_profile_too(written: Written) -> None:
    inside = '[inside.presence]\noutbound = "basic"\nmap = { "sip:busy" = "away" }\n'
    assert profiles(written, inside=inside)["office"] == Profile.build(outbound="basic", rows={"sip:busy": "away"})


def test_row_that_is_none_is_a_fault_at_its_line(written: Written) -> None:
    rows = '[partner.presence.map]\n"sip:busy" = "away"\n"sip:meeting" = "asleep"\n"sip:lunch" = 3\nbusy = "away"\n'
    faults = written.faults(EDGE, PARTNERS + rows)
    owner = 'in [partner.presence.map] of partner "fabrikam"'
    assert [place for _, place, _ in faults] == [f"partners.toml line {line}" for line in (15, 16, 17)]
    texts = [text for _, _, text in faults]
    assert texts[0].startswith(f'a row {owner}: "sip:meeting" = "asleep": what it is shown as must be one of ')
    assert texts[1] == f'"sip:lunch" {owner} must be text, not 3'
    assert texts[2] == f'a row {owner}: "busy" = "away": the key must be sip:<activity> or xmpp:<show>'


def test_two_rows_for_one_state_are_a_fault_of_the_map(written: Written) -> None:
    rows = '[partner.presence.map]\n"sip:busy" = "away"\n"sip:Busy" = "dnd"\n'
    assert written.faults(EDGE, PARTNERS + rows) == [
        (
            "K02",
            "partners.toml line 13",
            'a row in [partner.presence.map] of partner "fabrikam": there are two rows for "busy"',
        )
    ]


def test_bad_row_of_the_defaults_is_told_once(written: Written) -> None:
    head = 'version = 1\n[defaults.presence.map]\n"sip:busy" = "\\u001b[2J"\n'
    [(_, place, text)] = written.faults(EDGE, changed(PARTNERS, "version = 1\n", head))
    assert place == "partners.toml line 3"
    assert text.startswith('a row in [defaults.presence.map]: "sip:busy" = ') and text.isprintable()


def test_direction_of_an_inside_system_is_a_fault_that_explains(written: Written) -> None:
    assert written.faults(f'{EDGE}[inside.presence]\ndirection = "both"\n') == [
        (
            "K02",
            "edge.toml line 17",
            '"direction" in [inside.presence] of inside "office" is a key of partners: it says who of the two may see '
            "the other",
        )
    ]


def test_direction_that_is_none_is_a_fault(written: Written) -> None:
    assert written.faults(EDGE, f'{PARTNERS}[partner.presence]\ndirection = "in"\n') == [
        (
            "K02",
            "partners.toml line 14",
            '"direction" in [partner.presence] of partner "fabrikam" must be "both" or "they-see-us" or "we-see-them", '
            'not "in"',
        )
    ]


JABBER = '[[partner]]\nname = "jabber"\ndomains = ["jabber.example"]\nvia = "xmpp"\n'
POOL = '[[inside]]\nname = "pool"\ndomains = ["pool.example"]\nvia = "sip"\nhosts = ["pool.corp.example:5061"]\n'


def subscribes(written: Written, partners: str) -> dict[str, str]:
    return {name: each.subscribe for name, each in systems(written, f"{EDGE}{POOL}", partners).items()}


def test_users_are_asked_unless_it_is_said_otherwise(written: Written) -> None:
    assert set(subscribes(written, PARTNERS + JABBER).values()) == {"ask-user"}
    said = '[partner.presence]\nsubscribe = "{}"\n'
    assert subscribes(written, PARTNERS + said.format("deny"))["fabrikam"] == "deny"
    assert subscribes(written, PARTNERS + JABBER + said.format("accept"))["jabber"] == "accept"


def test_subscribe_of_a_file_is_that_of_its_partners_as_far_as_it_can_be(written: Written) -> None:
    head = 'version = 1\n[defaults.presence]\nsubscribe = "{}"\n'
    deny = subscribes(written, changed(PARTNERS, "version = 1\n", head.format("deny")) + JABBER)
    assert {name for name, said in deny.items() if said == "deny"} == {"contoso", "fabrikam", "jabber"}
    accept = subscribes(written, changed(PARTNERS, "version = 1\n", head.format("accept")) + JABBER)
    assert {name for name, said in accept.items() if said == "accept"} == {"jabber"}


def test_only_xmpp_servers_can_accept_for_their_users(written: Written) -> None:
    [(code, place, text)] = written.faults(EDGE, f'{PARTNERS}[partner.presence]\nsubscribe = "accept"\n')
    assert (code, place) == ("K02", "partners.toml line 14")
    assert text == (
        '"subscribe" in [partner.presence] of partner "fabrikam" cannot be "accept": those whom its users see are '
        'users of XMPP servers, and only these servers can accept; possible are "ask-user" and "deny"'
    )


def test_subscribe_is_no_key_of_ours(written: Written) -> None:
    [(code, _, text)] = written.faults(f'{EDGE}[inside.presence]\nsubscribe = "deny"\n', PARTNERS)
    assert code == "K02" and text.endswith("is a key of partners: it says whether their users may see ours")
