"""Domains that are claimed: wildcards, blocked ones, and what is claimed twice."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from edge.admin.shown import stamp
from edge.config.loading import expired
from edge.domains import domain
from edge.partners import Block
from tests.config.written import EDGE, PARTNERS, Written, changed


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


OWN = changed(EDGE, '["xmpp.example"]', '["xmpp.example", "im.corp.example"]')
HOSTED = changed(PARTNERS, '["contoso.com"]', '["contoso.com", "uk.hosting.example", "*.de.hosting.example"]')


def test_own_domain_is_not_blocked_by_a_wildcard_either(written: Written) -> None:
    """Else nobody of ours could write to anybody, and nobody would be told why."""
    faults = written.faults(OWN, PARTNERS + BLOCKED.replace("*.spam.example", "*.corp.example"))
    said = '"*.corp.example" covers "im.corp.example", which is our own domain (also in edge.toml line 11)'
    assert ("K03", "partners.toml line 15", said) in faults


def test_wildcard_that_blocks_what_a_partner_has_is_told(written: Written) -> None:
    faults = written.faults(None, HOSTED + BLOCKED.replace("*.spam.example", "*.hosting.example"))
    said = '"{}" is blocked by "*.hosting.example", so that its place in partner "contoso" has no effect'
    assert [text for _, _, text in faults if "blocked" in text] == [
        f"{said.format(name)} (also in partners.toml line 5)" for name in ("uk.hosting.example", "*.de.hosting.example")
    ]


def test_block_in_an_earlier_file_is_told_where_the_partner_stands(written: Written) -> None:
    (written.folder / "parts").mkdir()
    for name, text in (("1.toml", f"version = 1\n{BLOCKED}"), ("2.toml", HOSTED.replace("hosting", "spam"))):
        (written.folder / "parts" / name).write_text(text)
    faults = written.faults(changed(EDGE, '"partners.toml"', '"parts"'))
    said = '"{}" is blocked by "*.spam.example", so that its place in partner "contoso" has no effect'
    assert [(place, text) for _, place, text in faults if "blocked" in text] == [
        ("2.toml line 5", f"{said.format(name)} (also in 1.toml line 4)")
        for name in ("uk.spam.example", "*.de.spam.example")
    ]


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


@pytest.mark.parametrize(
    ("name", "found"), [("x.contoso.com", "wide"), ("uk.contoso.com", None), ("contoso.com", None)]
)
def test_what_was_a_partners_is_nobodys_when_its_time_is_over(written: Written, name: str, found: str | None) -> None:
    """Neither by the wildcard of another partner nor by discovery does it come back."""
    wide = '[[partner]]\nname = "wide"\ndomains = ["*.contoso.com"]\nvia = "sip"\n'
    head = 'version = 1\n[defaults]\nunknown_domains = "discover"\n'
    text = changed(PROBATION, "version = 1\n", head).replace('["contoso.com"]', '["contoso.com", "uk.contoso.com"]')
    written.write(None, text + wide)
    before, after = (written.read(MIDNIGHT + timedelta(seconds=each)).config for each in (-1, 0))
    assert before is not None and after is not None
    for config in (after, expired(before, MIDNIGHT.timestamp())):
        system = config.directory.system_of(domain(name))
        assert (None if system is None else system.name) == found
        assert not config.directory.is_open_to(domain(name))


@pytest.mark.parametrize("day", ["1969-12-31", "0226-12-31"])
def test_day_of_another_age_is_a_fault(written: Written, day: str) -> None:
    (fault,) = written.faults(None, PROBATION.replace(str(TODAY), day))
    said = f'"expires" in partner "contoso" is a day before the year 2000: {day}'
    assert fault == ("K02", "partners.toml line 5", said)


def test_last_day_there_is_can_be_shown(written: Written) -> None:
    """It is how some write that there is no end."""
    config = written.write(None, PROBATION.replace(str(TODAY), "9999-12-31")).read().config
    assert config is not None and stamp(config.expiry) == "9999-12-31T23:59:59Z"
