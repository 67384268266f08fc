"""The settings that a gateway has when nobody says anything."""

import dataclasses

import pytest

from edge.gateway.settings import PresenceSettings


def test_settings_by_themselves_keep_what_the_standards_ask() -> None:
    settings = PresenceSettings()
    # RFC 3856 §6.4 and §6.10, RFC 6665 §4.2.1.1
    assert (settings.expires, settings.pace) == (3600, 5.0)
    assert settings.shortest < 3600 <= settings.longest


def test_settings_never_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PresenceSettings().expires = 1  # type: ignore[misc]
