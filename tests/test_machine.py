"""Tables: complete when they are built, literal when they are stepped."""

from enum import IntEnum

import pytest

from edge.errors import LocalProtocolError
from edge.machine import Table


class Door(IntEnum):
    OPEN = 0
    SHUT = 1


class Hand(IntEnum):
    PUSH = 0
    PULL = 1


class Sound(IntEnum):
    NOTHING = 0
    BANG = 1


ROWS = (
    (Door.OPEN, Hand.PUSH, Door.SHUT, Sound.BANG),
    (Door.OPEN, Hand.PULL, Door.OPEN, Sound.NOTHING),
    (Door.SHUT, Hand.PULL, Door.OPEN, Sound.NOTHING),
)
SHUT_PUSHED = (Door.SHUT, Hand.PUSH)


def test_table_steps_as_its_rows_say() -> None:
    table = Table("door", Door, Hand, *ROWS, illegal=[SHUT_PUSHED])
    for state, given, following, action in ROWS:
        assert table.step(state, given) == (following, action)
    assert sorted(table.rows()) == sorted(ROWS)


def test_table_blames_us_when_the_pair_is_illegal() -> None:
    with pytest.raises(LocalProtocolError, match="door: PUSH in state SHUT"):
        Table("door", Door, Hand, *ROWS, illegal=[SHUT_PUSHED]).step(*SHUT_PUSHED)


def test_table_refuses_to_be_built_when_a_pair_is_missing() -> None:
    with pytest.raises(ValueError, match="SHUT/PUSH is missing"):
        Table("door", Door, Hand, *ROWS)


def test_table_refuses_to_be_built_when_a_pair_is_given_twice() -> None:
    with pytest.raises(ValueError, match="OPEN/PUSH is given twice"):
        Table("door", Door, Hand, *ROWS, ROWS[0], illegal=[SHUT_PUSHED])
    with pytest.raises(ValueError, match="OPEN/PULL is given twice"):
        Table("door", Door, Hand, *ROWS, illegal=[SHUT_PUSHED, (Door.OPEN, Hand.PULL)])


def test_table_refuses_states_that_are_not_numbered_from_zero() -> None:
    late = IntEnum("late", {"ONE": 1})
    with pytest.raises(ValueError, match="numbered from 0"):
        Table("late", late, Hand, *((late.ONE, hand, late.ONE, Sound.BANG) for hand in Hand))
