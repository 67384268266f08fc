"""Dataclasses: they behave as those of the standard library do, and leave less behind."""

import dataclasses
import gc
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, replace
from typing import Any

import pytest

from edge.values import dataclass

BOTH = pytest.mark.parametrize("decorator", [dataclass, dataclasses.dataclass])


def place(decorator: Callable[..., Any], **options: bool) -> Any:
    @decorator(slots=True, **options)
    class Place:
        host: str
        port: int = 5061
        secret: str = field(default="", repr=False)
        next: "Place | None" = None

    return Place


@BOTH
def test_frozen_one_is_a_value_that_cannot_be_changed(decorator: Callable[..., Any]) -> None:
    made = place(decorator, frozen=True)
    one = made("a.test")
    for change in (lambda: setattr(one, "port", 1), lambda: delattr(one, "port")):
        with pytest.raises(FrozenInstanceError, match="field 'port'"):
            change()
    assert one == made("a.test") != replace(one, port=1)
    assert hash(one) == hash(made("a.test"))


@BOTH
def test_one_that_is_not_frozen_can_be_changed(decorator: Callable[..., Any]) -> None:
    one = place(decorator)("a.test")
    one.port = 1
    assert one.port == 1


@BOTH
def test_it_shows_its_fields_but_those_that_are_hidden(decorator: Callable[..., Any]) -> None:
    one = place(decorator)("a.test", secret="s3cret")
    one.next = one
    assert repr(one).endswith("Place(host='a.test', port=5061, next=...)")


@BOTH
def test_its_own_way_to_show_itself_stays(decorator: Callable[..., Any]) -> None:
    @decorator(slots=True)
    class Shy:
        key: str

        def __repr__(self) -> str:
            return "a key"

    assert repr(Shy("k")) == "a key"


def test_class_it_was_made_from_is_not_kept() -> None:
    class Above:
        __slots__ = ()

    @dataclass(frozen=True, slots=True)
    class Below(Above):
        host: str

    gc.collect()
    assert Above.__subclasses__() == [Below]
