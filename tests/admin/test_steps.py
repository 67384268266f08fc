"""One step: its values for programs, and the words of its cure."""

from edge.admin.evidence import Fault
from edge.admin.steps import OK, Step, failed, words_of
from edge.codes import Code
from tests.admin.findings import facts, reach, system


def test_step_that_failed_has_its_code_and_its_cure() -> None:
    step = failed(facts(), "tcp", Fault(Code.N01), reach("tcp"))
    assert step.as_json() == {
        "step": "tcp", "status": "FAIL", "code": "EDGE-N01", "text": "the connection was refused", "details": [],
        "wanted": "", "found": "", "here": "", "outside": "the connection was refused",
        "there": "start the server, or publish the port on which it listens: nothing listens on 203.0.113.17:5061",
    }


def test_text_for_the_other_side_is_ours_unless_it_has_its_own() -> None:
    assert Step("policy", OK, "line 37").as_json()["outside"] == "line 37"
    assert Step("policy", OK, "line 37", outside="we may talk").as_json()["outside"] == "we may talk"


def test_wildcard_is_no_name_to_be_written_into_a_file() -> None:
    words = words_of(facts(), Fault(Code.C03), reach(shown=None))
    assert words["found"] == ""


def test_record_to_publish_is_that_of_the_protocol() -> None:
    words = words_of(facts(of=system("xmpp")), Fault(Code.D01), None)
    assert words["record"] == "_xmpp-server._tcp.contoso.com. 3600 IN SRV 0 0 5269 HOST.contoso.com."
