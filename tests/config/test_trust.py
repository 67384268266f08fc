"""What a system's certificates must be, as the files say."""

from pathlib import Path

import pytest

from edge.certificates.trust import Trust
from tests.config.written import EDGE, PARTNERS, Written

PIN = "sha256/" + "A" * 43 + "="


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def trusts(written: Written, edge: str = EDGE, partners: str = PARTNERS) -> dict[str, Trust]:
    config = written.write(edge, partners).read().config
    assert config is not None
    return {system.name: system.trust for system in config.systems}


def test_without_a_word_a_server_certificate_with_a_real_name_does(written: Written) -> None:
    default = Trust("server", "san", frozenset(), "soft")
    assert set(trusts(written).values()) == {default}


def test_partner_has_its_own_trust(written: Written) -> None:
    own = f'[partner.tls]\neku = "strict"\nnames = "san-or-cn"\npin_spki = ["{PIN}"]\nrevocation = "hard"\n'
    found = trusts(written, partners=PARTNERS + own)
    assert found["fabrikam"] == Trust("strict", "san-or-cn", frozenset({PIN}), "hard")
    assert found["contoso"] == Trust()


def test_defaults_are_for_partners_of_the_file_who_say_nothing(written: Written) -> None:
    head = 'version = 1\n[defaults.tls]\neku = "any"\nnames = "san-or-cn"\nrevocation = "off"\n'
    own = '[partner.tls]\neku = "server"\n'
    found = trusts(written, partners=PARTNERS.replace("version = 1\n", head) + own)
    assert found["contoso"] == Trust("any", "san-or-cn", frozenset(), "off")
    assert found["fabrikam"] == Trust("server", "san-or-cn", frozenset(), "off")
    assert found["office"] == Trust()


@pytest.mark.parametrize("line", ['eku = "client"', 'names = "cn"', 'revocation = "maybe"', "pin_spki = []"])
def test_value_that_means_nothing_is_a_fault(written: Written, line: str) -> None:
    assert [code for code, _, _ in written.faults(EDGE, PARTNERS + f"[partner.tls]\n{line}\n")] == ["K02"]


def test_pin_that_is_none_is_a_fault(written: Written) -> None:
    [(code, place, text)] = written.faults(EDGE, PARTNERS + '[partner.tls]\npin_spki = ["sha1/AAAA"]\n')
    assert (code, place) == ("K02", "partners.toml line 14")
    assert text == 'pin "sha1/AAAA" in [partner.tls] of partner "fabrikam": a pin begins with "sha256/"'
