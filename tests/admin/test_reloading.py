"""A configuration that is read again: put into force whole, or not at all."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.admin.reloading import Applied, Outcome, Reloading, reported
from edge.codes import Code
from edge.config import Config
from tests.config.written import EDGE, PARTNERS, Written, changed


class Office:
    """A gateway of which only the configuration is looked at."""

    def __init__(self, folder: Path, edge: str = EDGE) -> None:
        self.written = Written(folder).write(edge)
        config = self.written.read().config
        assert config is not None
        self.applied: list[Config] = []
        self.fails = False
        self.reloading = Reloading(config, self._apply)

    def _apply(self, config: Config) -> Applied:
        if self.fails:
            raise OSError("the bundle is gone")
        self.applied.append(config)
        return Applied(1, 2, 3)

    def reload(self, edge: str | None = None, partners: str | None = None, dry_run: bool = False) -> Outcome:
        self.written.write(edge, partners)
        return self.reloading.attempt(self.reloading.read(), dry_run)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


BUSY = PARTNERS + "[partner.limits]\nburst = 7\n"


def test_what_is_new_is_put_into_force(office: Office) -> None:
    outcome = office.reload(partners=BUSY)
    assert outcome == Outcome(True, False, ("~ fabrikam.limits.burst",), (), Applied(1, 2, 3), 2)
    assert office.applied == [office.reloading.config]
    assert reported(outcome) == ("config.loaded", {
        "changes": "~ fabrikam.limits.burst", "generation": 2, "links_closed": 1, "subscriptions_ended": 3,
    })


def test_nothing_new_touches_nothing(office: Office) -> None:
    outcome = office.reload()
    assert (outcome.accepted, outcome.lines, outcome.generation) == (True, (), 1)
    assert not office.applied
    assert reported(outcome)[1]["changes"] == "none"


def test_a_dry_run_says_what_would_change(office: Office) -> None:
    outcome = office.reload(partners=BUSY, dry_run=True)
    assert (outcome.accepted, outcome.dry_run, outcome.lines) == (True, True, ("~ fabrikam.limits.burst",))
    assert not office.applied and office.reloading.generation == 1
    assert office.reload().lines == ("~ fabrikam.limits.burst",), "it is still to be done"


def test_one_error_changes_nothing(office: Office) -> None:
    before = office.reloading.config
    outcome = office.reload(partners=BUSY + "x = 1\n")
    assert not outcome.accepted and not office.applied
    assert [fault.code for fault in outcome.errors] == [Code.K01]
    assert office.reloading.config is before
    name, fields = reported(outcome)
    assert (name, fields["code"]) == ("config.rejected", Code.K01)
    assert "partners.toml line 15" in str(fields["text"])


def test_what_needs_a_restart_is_refused_with_all_that_comes_with_it(office: Office) -> None:
    edge = changed(EDGE, "[[inside]]", "[dns]\nservers = ['127.0.0.1']\n[[inside]]")
    outcome = office.reload(edge, BUSY)
    assert not outcome.accepted and not office.applied
    [fault] = outcome.errors
    assert fault.code is Code.K14
    assert fault.text.startswith("[dns] servers is another one: the change takes effect only when")


def test_what_fails_when_it_is_applied_is_refused(office: Office) -> None:
    office.fails = True
    outcome = office.reload(partners=BUSY)
    assert not outcome.accepted
    assert outcome.errors[0].text == "the configuration could not be applied: the bundle is gone"
    office.fails = False
    assert office.reload().accepted


PASSING = changed(PARTNERS, 'via = "sip"\nhosts', 'via = "sip"\nexpires = 2040-01-31\nhosts')
LAST_MOMENT = datetime(2040, 2, 1, tzinfo=UTC).timestamp()


class TestEmptyFolder:
    """It is not mounted, mostly, and to take it for a list of nobody would end everything with everybody."""

    EDGE = changed(EDGE, '"partners.toml"', '"partners.d"') + '[sip]\nlisten = ["127.0.0.1:5061"]\n'
    BLOCKED = 'version = 1\n[[blocked]]\ndomains = ["evil.example"]\n'

    def office(self, folder: Path, partners: str) -> tuple[Office, Path]:
        (folder / "partners.d").mkdir()
        (file := folder / "partners.d" / "some.toml").write_text(partners)
        return Office(folder, self.EDGE), file

    def test_reload_is_refused_and_says_how_it_could_be_meant(self, tmp_path: Path) -> None:
        office, file = self.office(tmp_path, PARTNERS)
        file.unlink()
        outcome = office.reload()
        assert not outcome.accepted and len(office.reloading.config.systems) == 3
        [fault] = outcome.errors
        assert fault.code is Code.K04 and 'put a file there that says "version = 1"' in fault.text
        assert reported(outcome)[0] == "config.rejected"
        file.write_text("version = 1\n")
        assert office.reload().lines == ("- partner contoso", "- partner fabrikam"), "now it is meant"
        file.unlink()
        assert office.reload().accepted, "there was nobody any more"

    def test_whom_we_block_is_not_let_in_by_it(self, tmp_path: Path) -> None:
        office, file = self.office(tmp_path, self.BLOCKED)
        file.unlink()
        assert [fault.code for fault in office.reload().errors] == [Code.K04]

    def test_start_with_it_is_a_start_without_partners(self, tmp_path: Path) -> None:
        (tmp_path / "partners.d").mkdir()
        office = Office(tmp_path, self.EDGE)
        assert office.reload().accepted
        (tmp_path / "partners.d" / "some.toml").write_text(PARTNERS)
        assert office.reload().lines == ("+ partner contoso", "+ partner fabrikam")


def test_partner_whose_time_is_over_goes_and_nothing_else_is_read(office: Office) -> None:
    """The administrator may be in the middle of an edit."""
    office.reload(partners=PASSING)
    assert office.reloading.config.expiry == LAST_MOMENT
    office.written.write(partners="half a fi")
    assert office.reloading.expire(LAST_MOMENT - 1).lines == ()
    outcome = office.reloading.expire(LAST_MOMENT)
    assert (outcome.accepted, outcome.lines) == (True, ("- partner contoso",))
    assert [system.name for system in office.applied[-1].directory.systems] == ["office", "fabrikam"]
    assert office.reloading.config.expiry == 0


def test_certificate_that_was_taken_up_by_itself_is_no_difference(office: Office) -> None:
    office.written.renew()
    renewed = office.reloading.read().config
    assert renewed is not None
    assert office.reload(dry_run=True).lines == ("~ certificates",)
    office.reloading.renewed(renewed.identities)
    assert office.reload().lines == ()
    assert office.reloading.config.identity.chain == renewed.identity.chain


def test_outcome_in_json(office: Office) -> None:
    assert office.reload(partners=BUSY).as_json() == {
        "accepted": True, "dry_run": False, "changes": ["~ fabrikam.limits.burst"], "errors": [], "warnings": [],
        "links_closed": 1, "links_untouched": 2, "subscriptions_ended": 3, "generation": 2,
    }
