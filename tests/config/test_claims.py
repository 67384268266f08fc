"""Domains that are claimed: wildcards, blocked ones, and what is claimed twice."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from edge.partners import Block
from tests.config.written import PARTNERS, Written


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


MISPLACED = 'a wildcard stands for whole labels at the left of a listed domain, as in "*.example.com"'
WILD = PARTNERS.replace('"fabrikam.com", "fabrikam.example"', '"fabrikam.com", "*.fabrikam.com", "*.Bücher.example"')


def test_wildcards_stand_for_the_names_below_them(written: Written) -> None:
    config = written.write(None, WILD).read().config
    assert config is not None
    fabrikam = next(each for each in config.systems if each.name == "fabrikam")
    assert fabrikam.domains == ("fabrikam.com",)
    assert fabrikam.wildcards == ("fabrikam.com", "xn--bcher-kva.example")
    assert fabrikam.place == "partners.toml line 9"


def test_a_wildcard_that_nobody_completes_is_pointed_out(written: Written) -> None:
    faults = written.faults(None, WILD)
    assert faults == [("K05", "partners.toml line 11", '"*.bücher.example" does not cover "bücher.example" itself')]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("*.com", "a wildcard for everything below a top-level domain is no partner"),
        ("*", MISPLACED),
        ("a*.example.com", MISPLACED),
        ("*.*.example.com", MISPLACED),
    ],
)
def test_a_wildcard_that_makes_no_sense_is_a_fault(written: Written, text: str, problem: str) -> None:
    faults = written.faults(None, PARTNERS.replace("fabrikam.example", text))
    assert faults == [("K02", "partners.toml line 11", f'"{text}" in partner "fabrikam": {problem}')]


def test_wildcards_are_for_partners(written: Written) -> None:
    edge = written.edge.read_text().replace('["xmpp.example"]', '["*.xmpp.example"]')
    assert ("K02", "edge.toml line 11") in [(code, place) for code, place, _ in written.faults(edge, None)]


def test_the_same_wildcard_twice_is_a_fault(written: Written) -> None:
    partners = PARTNERS.replace('["contoso.com"]', '["contoso.com", "*.fabrikam.com"]')
    partners = partners.replace('"fabrikam.example"', '"*.fabrikam.com"')
    [(code, place, text)] = [each for each in written.faults(None, partners) if each[0] == "K03"]
    assert (code, place) == ("K03", "partners.toml line 11")
    assert text == (
        '"*.fabrikam.com" is a domain of both partner "contoso" and partner "fabrikam" (also in partners.toml line 5)'
    )


BLOCKED = """
[[blocked]]
domains = ["spam.example", "*.spam.example"]
reason = "abuse report of March"
answer = "silent"
"""


def test_blocked_domains(written: Written) -> None:
    config = written.write(None, PARTNERS + BLOCKED).read().config
    assert config is not None
    spam = ("spam.example",)
    assert config.directory.blocks == (Block(spam, spam, "abuse report of March", silent=True),)  # type: ignore[arg-type]
    assert config.directory.blocks[0].place == "partners.toml line 14"


@pytest.mark.parametrize(
    ("domain", "code", "text"),
    [
        ("xmpp.example", "K03", '"xmpp.example" is our own domain (also in edge.toml line 11)'),
        (
            "contoso.com",
            "K03",
            '"contoso.com" is blocked, so that its place in partner "contoso" has no effect '
            "(also in partners.toml line 5)",
        ),
        ("*.com", "K02", '"*.com" in blocked "1": a wildcard for everything below a top-level domain is no partner'),
    ],
)
def test_blocked_domains_that_are_listed_or_wrong(written: Written, domain: str, code: str, text: str) -> None:
    faults = written.faults(None, PARTNERS + BLOCKED.replace("*.spam.example", domain))
    assert faults == [(code, "partners.toml line 15", text)]


def test_blocked_twice_is_a_fault(written: Written) -> None:
    faults = written.faults(None, PARTNERS + BLOCKED + BLOCKED)
    assert [code for code, _, _ in faults] == ["K03", "K03"]
    assert faults[0][2] == '"spam.example" is blocked twice (also in partners.toml line 15)'


TODAY = datetime.now(UTC).date()
PROBATION = PARTNERS.replace('name = "contoso"', f'name = "contoso"\nexpires = {TODAY}')
MIDNIGHT = datetime.combine(TODAY, time.min, UTC) + timedelta(days=1)


@pytest.mark.parametrize(("now", "listed"), [(MIDNIGHT - timedelta(seconds=1), True), (MIDNIGHT, False)])
def test_a_partner_on_probation_is_one_up_to_its_last_day(written: Written, now: datetime, listed: bool) -> None:
    config = written.write(None, PROBATION).read(now).config
    assert config is not None
    assert ("contoso" in [system.name for system in config.systems]) is listed
    assert config.expiry == (MIDNIGHT.timestamp() if listed else 0)
    said = [fault.text for fault in config.warnings if fault.code.name == "K13"]
    gone = f'partner "contoso" expired after {TODAY} and is no partner any more (partners.toml line 3)'
    assert said == ([] if listed else [gone])
