"""The parts of a running gateway, as the service hands them out."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tests.admin.office import Office


def test_parts_are_those_of_the_service(tmp_path: Path) -> None:
    office = Office(tmp_path)
    running = office.running
    assert running.sip is office.service.sip and running.xmpp is office.service.xmpp
    assert running.gateway.node.directory is running.config.directory
    assert running.audit.file == tmp_path / "state" / "audit.jsonl"


def test_configuration_is_the_one_in_force(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert office.running.config is office.running.reloading.config
    with pytest.raises(FrozenInstanceError):
        office.running.started = 0.0  # type: ignore[misc]
