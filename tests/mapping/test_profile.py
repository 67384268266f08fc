"""Tests of `edge.mapping.profile`."""

import pytest

from edge.mapping.profile import DEFAULT, MAX_TEXT, MAX_WORD, SHOWN, TOLD, TOLD_AS, Profile, Told


def test_default_is_what_no_keys_give() -> None:
    assert Profile.build() == DEFAULT == Profile()
    assert (DEFAULT.outbound, DEFAULT.notes) == ("full", True)


def test_build_takes_every_show_and_every_activity() -> None:
    for show in SHOWN:
        shown = "" if show == "available" else show
        assert Profile.build(rows={"sip:busy": show}).shown(["busy"]) == (shown, "")
    for show in TOLD:
        for activity in TOLD_AS:
            told = Profile.build(rows={f"xmpp:{show}": activity}).told("" if show == "available" else show)
            expected = () if activity in ("available", "idle") else (activity,)
            assert told == Told("", expected, "idle" if activity == "idle" else "")


def test_build_reads_text_behind_the_plus() -> None:
    profile = Profile.build(rows={"sip:Out to  lunch": "away + Gone + eating ", "xmpp:dnd": "meeting+Do not disturb"})
    assert profile.shown(["out-to-lunch"]) == profile.shown(["OUT TO LUNCH"]) == ("away", "Gone + eating")
    assert profile.told("dnd") == Told("", ("meeting",), "", "Do not disturb")


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("busy", "away", "the key must be sip:<activity> or xmpp:<show>"),
        ("tel:busy", "away", "the key must be sip:<activity> or xmpp:<show>"),
        ("sip:", "away", "an activity must stand behind sip:, of at most 64 characters"),
        (f"sip:{'x' * (MAX_WORD + 1)}", "away", "an activity must stand behind sip:, of at most 64 characters"),
        ("sip:a\x00b", "away", "an activity must stand behind sip:, of at most 64 characters"),
        ("sip:busy", "bsuy+x", "what it is shown as must be one of available, chat, away, dnd, xa, unavailable"),
        ("sip:busy", "", "what it is shown as must be one of available, chat, away, dnd, xa, unavailable"),
        ("sip:busy", "away+", "the text behind the + must have one line of 1 to 200 characters"),
        ("sip:busy", "away+a\nb", "the text behind the + must have one line of 1 to 200 characters"),
        ("sip:busy", f"away+{'x' * (MAX_TEXT + 1)}", "the text behind the + must have one line of 1 to 200 characters"),
        ("xmpp:unavailable", "away", "the show behind xmpp: must be one of available, chat, away, dnd, xa"),
        ("xmpp:", "away", "the show behind xmpp: must be one of available, chat, away, dnd, xa"),
        ("xmpp:dnd", "bsuy", f"what it is told as must be one of {', '.join(TOLD_AS)}"),
        ("xmpp:dnd", "", f"what it is told as must be one of {', '.join(TOLD_AS)}"),
    ],
)
def test_build_names_the_bad_row_and_what_is_allowed(key: str, value: str, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        Profile.build(rows={"sip:away": "xa", key: value})
    assert str(caught.value) == f'"{key}" = "{value}": {complaint}'


def test_build_refuses_two_rows_for_one_activity() -> None:
    with pytest.raises(ValueError, match='there are two rows for "on-the-phone"'):
        Profile.build(rows={"sip:on-the-phone": "away", "sip:On the Phone": "dnd"})


def test_build_names_the_bad_outbound() -> None:
    with pytest.raises(ValueError, match='outbound = "some": it must be one of full, basic, none'):
        Profile.build(outbound="some")


def test_shown_asks_the_rows_in_their_order_and_then_the_table() -> None:
    profile = Profile.build(rows={"sip:working": "available+At work", "sip:busy": "away+Busy"})
    assert profile.shown(["busy", "working"]) == ("", "At work")
    assert profile.shown(["meal", "busy"]) == ("away", "Busy")
    assert profile.shown(["on-the-phone"]) == ("dnd", "On the phone")
    assert profile.shown([], idle=True) == ("away", "Idle")
    assert profile.shown(["playing"]) == ("", "")
    assert Profile.build(rows={"sip:idle": "available"}).shown([], idle=True) == ("", "")


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("", Told("", (), "")),
        ("chat", Told("chat", (), "")),
        ("away", Told("away", ("away",), "")),
        ("xa", Told("xa", ("away",), "idle")),
        ("dnd", Told("dnd", ("busy",), "")),
        ("bored", Told("", (), "")),
    ],
)
def test_told_is_the_table_where_no_row_is(show: str, expected: Told) -> None:
    assert DEFAULT.told(show) == expected


def test_told_leaves_a_show_out_that_would_contradict_its_row() -> None:
    profile = Profile.build(rows={"xmpp:dnd": "away+Busy", "xmpp:chat": "available"})
    assert profile.told("dnd") == Told("", ("away",), "", "Busy")
    assert profile.told("chat") == Told("", (), "")


def test_over_has_own_rows_and_then_those_of_the_other() -> None:
    watcher = Profile.build(outbound="basic", notes=False, rows={"sip:busy": "away", "xmpp:dnd": "meeting"})
    contact = Profile.build(rows={"sip:meal": "chat", "sip:busy": "xa", "xmpp:dnd": "busy", "xmpp:xa": "vacation"})
    both = watcher.over(contact)
    assert (both.outbound, both.notes) == ("basic", False)
    assert both.sip == (("busy", "away", ""), ("meal", "chat", ""))
    assert both.xmpp == (("dnd", "meeting", ""), ("xa", "vacation", ""))
    assert contact.over(DEFAULT) is contact
    assert watcher.over(contact) is both and hash(both) == hash(watcher.over(contact))
