"""What docs/mapping.md publishes of Microsoft's documents is what `edge.mapping.msrtc` does."""

from edge.mapping.msrtc import ACTIVITIES, NUMBER_OF_SHOW, STATES
from tests.mapping.test_published import code, table

HEADING = "### 4.7 Microsoft's documents"


def test_activities_are_as_published() -> None:
    assert [(int(first), code(word)) for first, word in table(HEADING, 0)] == [row[:2] for row in ACTIVITIES]


def test_states_are_as_published() -> None:
    assert [(int(first), code(word)) for first, word in table(HEADING, 1)] == list(STATES)


def test_shows_are_as_published() -> None:
    assert {code(show): int(number) for show, number in table(HEADING, 2)} == NUMBER_OF_SHOW
