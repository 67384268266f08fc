"""Traces as verbs: begun, looked at, over; and that they cost nothing where there is none."""

import logging
from dataclasses import replace

import pytest

from edge.admin import traces as module
from edge.admin.local import Wrong
from tests.admin.traced import CAST, SIP_SPEAKS, XMPP_SPEAKS, traced, traces_of
from tests.stage import Stage
from tests.transcript import Performance


class Ladder:
    """A recorder that was there before."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def sip_in(self, *_: object) -> None:
        self.seen.append("sip in")

    def sip_out(self, *_: object) -> None:
        self.seen.append("sip out")

    def xmpp_in(self, *_: object) -> None:
        self.seen.append("xmpp in")

    def xmpp_out(self, *_: object) -> None:
        self.seen.append("xmpp out")


def stage() -> Stage:
    return Performance(CAST).stage


def test_nobody_records_while_nobody_traces() -> None:
    scene = stage()
    traces = traces_of(scene)
    assert scene.driver.recorder is None
    first = traces.start({"address": "romeo@contoso.example"})
    second = traces.start({"address": "tybalt@contoso.example"})
    assert scene.driver.recorder is traces
    traces.end({"id": str(first["id"])})
    assert scene.driver.recorder is traces
    traces.end({"id": str(second["id"])})
    assert scene.driver.recorder is None


def test_ladder_goes_on_beside_a_trace_and_after_it() -> None:
    performance = Performance(CAST + SIP_SPEAKS)
    ladder = Ladder()
    performance.stage.driver.recorder = ladder
    traces = traces_of(performance.stage)
    trace = traces.start({"address": "romeo@contoso.example"})
    performance.play()
    assert ladder.seen == ["sip in", "xmpp out", "sip out"]
    assert traces.end({"id": str(trace["id"])})["count"] == 3
    assert performance.stage.driver.recorder is ladder


def test_trace_ends_by_itself_and_is_forgotten_later() -> None:
    scene = stage()
    traces = traces_of(scene)
    id = str(traces.start({"address": "contoso.example", "minutes": "2"})["id"])
    scene.clock.advance(119)
    assert traces.read({"id": id})["ended"] == ""
    scene.clock.advance(1)
    assert traces.read({"id": id})["ended"] == "its time was over"
    assert scene.driver.recorder is None
    scene.clock.advance(module.KEPT_SECONDS)
    with pytest.raises(Wrong, match="no such trace"):
        traces.read({"id": id})
    assert scene.clock.getDelayedCalls() == [scene.driver._ticker.call]


def test_so_many_at_a_time_and_then_the_oldest_that_is_over_makes_room() -> None:
    scene = stage()
    traces = traces_of(scene)
    ids = [str(traces.start({"address": "contoso.example"})["id"]) for _ in range(module.MOST)]
    with pytest.raises(Wrong, match=r"there are 4 traces already, of which the first ends at 2023-11-14T"):
        traces.start({"address": "contoso.example"})
    traces.end({"id": ids[1]})
    traces.start({"address": "contoso.example"})
    said = traces.read({})["traces"]
    assert isinstance(said, list) and len(said) == module.MOST
    assert ids[1] not in {each["id"] for each in said}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "whose messages"),
        ({"address": "a@b@c"}, "no address"),
        ({"address": "x.example", "minutes": "soon"}, "must be a number"),
        ({"address": "x.example", "minutes": "0"}, "60 at most"),
        ({"address": "x.example", "minutes": "61"}, "60 at most"),
        ({"address": "x.example", "minutes": "nan"}, "60 at most"),
        ({"address": "x.example", "bodies": "some"}, "true or false"),
    ],
)
def test_wrong_question_is_refused(said: dict[str, str], words: str) -> None:
    with pytest.raises(Wrong, match=words):
        traces_of(stage()).start(said)


def test_events_are_told_from_the_one_that_is_wanted_on() -> None:
    performance = Performance(CAST + SIP_SPEAKS)
    traces = traces_of(performance.stage)
    id = str(traces.start({"address": "contoso.example"})["id"])
    performance.play()
    events = traces.read({"id": id, "since": "2"})["events"]
    assert isinstance(events, list) and [each["n"] for each in events] == [3]
    for since in ("x", "1.5"):
        with pytest.raises(Wrong, match="number of an event"):
            traces.read({"id": id, "since": since})


def test_trace_that_fails_is_over_and_nobody_else_suffers(monkeypatch: pytest.MonkeyPatch) -> None:
    performance = Performance(CAST + SIP_SPEAKS)
    driver = performance.stage.driver
    traces = traces_of(performance.stage)
    bad, good = (str(traces.start({"address": "contoso.example"})["id"]) for _ in range(2))

    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(traces._traces[bad], "sip", fails)
    told: list[str] = []
    monkeypatch.setattr(driver, "link_event", lambda name, **_: told.append(name))
    performance.play()
    assert told == ["internal.error"]
    assert traces.read({"id": bad})["ended"] == "the gateway has failed, see its log"
    assert traces.read({"id": good})["verdict"] == "delivered"


def test_systems_are_told_with_what_is_set_for_them_otherwise() -> None:
    cast = "[lync] partner sip contoso.example im_mode=page map:sip:busy=xa+At_work notes=false outbound=basic\n"
    systems = traced(cast + "[capulet] inside s2s capulet.example\n" + SIP_SPEAKS)["systems"]
    assert systems[""] == {"edge": "edge.example.net", "port": 5061}
    assert systems["lync"] == {
        "kind": "partner", "protocol": "sip", "link": "tls", "domains": ["contoso.example"], "discovered": False,
        "settings": {"im_mode": "page", "outbound": "basic", "notes": False, "map:sip:busy": "xa+At work"},
    }
    assert (systems["capulet"]["kind"], systems["capulet"]["link"]) == ("inside", "s2s")


def test_of_several_systems_behind_one_link_the_one_is_named_that_speaks() -> None:
    performance = Performance(f"{CAST}[fabrikam] partner sip fabrikam.example\n{SIP_SPEAKS}")
    lync = performance.stage.actors["lync"]
    lync.peer = replace(lync.peer, systems=frozenset(("lync", "fabrikam")))
    traces = traces_of(performance.stage)
    id = str(traces.start({"address": "contoso.example"})["id"])
    performance.play()
    events = traces.read({"id": id})["events"]
    assert isinstance(events, list) and [each["system"] for each in events] == ["lync", "capulet", "lync"]


def test_what_people_say_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert "Ay me!" in str(traced(CAST + XMPP_SPEAKS, bodies="true"))
    assert "Ay me!" not in caplog.text
