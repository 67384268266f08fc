"""Tests of `edge.mapping.activities`."""

from edge.bodies.pidf import ACTIVITIES
from edge.mapping.activities import SHOW_OF_ACTIVITY, show_of, words

# docs/mapping.md
ACTIVITY_ROWS = {
    "away": "away breakfast lunch dinner meal in-transit shopping idle be-right-back out-to-lunch",
    "xa": "vacation holiday permanent-absence sleeping travel out-of-office off-work",
    "dnd": "busy on-the-phone meeting appointment presentation performance steering worship busyidle do-not-disturb"
    " urgent-interruptions-only in-presentation in-a-call in-a-conference in-a-meeting",
}


def test_show_of_answers_every_activity() -> None:
    rows = {activity: show for show, activities in ACTIVITY_ROWS.items() for activity in activities.split()}
    for activity in ACTIVITIES | rows.keys():
        expected = rows.get(activity, "")
        assert show_of((activity,)) == (expected, activity if expected else "")
    assert {show: frozenset(words.split()) for show, words in ACTIVITY_ROWS.items()} == dict(SHOW_OF_ACTIVITY)


def test_show_of_lets_the_first_row_win() -> None:
    assert show_of(("busy", "vacation", "lunch", "away")) == ("away", "lunch")
    assert show_of(("busy", "vacation")) == ("xa", "vacation")
    assert show_of(()) == ("", "")


def test_words_are_as_the_tables_write_them() -> None:
    assert words(["In a  Meeting", "busy"]) == ("in-a-meeting", "busy")
    assert words(["away"], idle=True) == ("away", "idle")
