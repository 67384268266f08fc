"""Where partners may be, how often they are asked, and which way presence goes: what is said, and by default."""

from pathlib import Path

import pytest

from tests.config.test_systems import JABBER, systems
from tests.config.written import EDGE, PARTNERS, Written, changed


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_only_a_partner_that_dns_finds_may_have_servers_in_other_domains(written: Written) -> None:
    said = "srv_targets_outside_domain = true\n"
    assert systems(written, EDGE, PARTNERS + said)["fabrikam"].srv_targets_outside_domain
    listed = changed(PARTNERS, 'via = "sip"\nhosts', f'via = "sip"\n{said}hosts')
    (fault,) = written.faults(EDGE, listed)
    assert fault[0] == "K02" and fault[2].endswith("is a key of systems that DNS finds")


def test_presence_is_taken_up_at_a_pace_that_each_kind_of_system_bears(written: Written) -> None:
    found = systems(written, EDGE, PARTNERS + JABBER)
    rates = {name: system.resume_per_s for name, system in found.items()}
    assert rates == {"office": 2000.0, "contoso": 200.0, "fabrikam": 8.0, "jabber": 200.0}


@pytest.mark.parametrize("head", ["[defaults.limits]\nresume_per_s = 50", "[defaults.limits]\nresume_per_s = 200"])
def test_pace_that_is_said_applies_to_discovered_partners_too(written: Written, head: str) -> None:
    found = systems(written, EDGE, changed(PARTNERS, "version = 1\n", f"version = 1\n{head}\n"))
    assert found["fabrikam"].resume_per_s == found["contoso"].resume_per_s == float(head.split()[-1])


def test_direction_is_both_unless_a_partner_or_its_file_says_otherwise(written: Written) -> None:
    head = 'version = 1\n[defaults.presence]\ndirection = "they-see-us"\n'
    own = '[partner.presence]\ndirection = "we-see-them"\n'
    assert {each.direction for each in systems(written).values()} == {"both"}
    found = systems(written, EDGE, changed(PARTNERS, "version = 1\n", head) + own)
    assert [found[name].direction for name in ("office", "contoso", "fabrikam")] == [
        "both",
        "they-see-us",
        "we-see-them",
    ]
