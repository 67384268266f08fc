"""What the log may know: who and how much, and never what."""

import re

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.events import HASH_BYTES, LONGEST, Facts, direction_of, protocol_of, sentence
from edge.gateway.effects import Report
from edge.partners import Block, Directory, System
from edge.xmpp.jid import JID
from tests.gateway.bench import JULIET_JID, ROMEO_JID, Bench, message, presence

KEY = b"a key for tests"
HASH = re.compile(rf"[0-9a-f]{{{2 * HASH_BYTES}}}")


def of(about: object = None, *, addresses: bool = False, key: bytes = KEY, **fields: object) -> dict[str, object]:
    return Facts(key, addresses).of(Report("message.failed", Code.M03, fields, about))


class TestPeople:
    def test_stanza_tells_domains_hashes_id_and_size(self) -> None:
        facts = of(message("Ay me!", id="m7"))
        assert (facts["from_domain"], facts["to_domain"]) == ("xmpp.example", "sip.example")
        assert (facts["xmpp_id"], facts["bytes"]) == ("m7", 6)
        assert all(HASH.fullmatch(str(facts[name])) for name in ("from_hash", "to_hash", "cid"))
        assert "Ay" not in str(facts) and "juliet" not in str(facts) and "romeo" not in str(facts)

    def test_request_tells_the_same_and_its_dialog(self) -> None:
        facts = of(Bench().page("Ay me!"))
        assert (facts["from_domain"], facts["to_domain"], facts["bytes"]) == ("sip.example", "xmpp.example", 6)
        assert (facts["sip_call_id"], facts["sip_cseq"]) == ("call1", "1 MESSAGE")

    def test_two_people_are_one_conversation_on_both_sides_and_in_both_directions(self) -> None:
        told = [of(Bench().page()), of(message()), of(presence()), of((ROMEO_JID, JULIET_JID.bare()))]
        assert len({facts["cid"] for facts in told}) == 1
        assert told[0]["from_hash"] == told[1]["to_hash"] == told[3]["from_hash"]
        assert of(message(to="nurse@sip.example"))["cid"] != told[0]["cid"]

    def test_hash_is_that_of_the_key_and_random_without_one(self) -> None:
        hashes = [of(message(), key=key)["from_hash"] for key in (KEY, KEY, b"another", b"", b"")]
        assert hashes[0] == hashes[1] and len(set(hashes)) == 4

    def test_people_are_named_where_that_is_wanted(self) -> None:
        facts = of(message(), addresses=True)
        assert (facts["from"], facts["to"]) == ("juliet@xmpp.example", "romeo@sip.example")
        assert "from_hash" not in facts and facts["cid"] == of(message())["cid"]

    def test_domain_alone_has_no_hash(self) -> None:
        assert "to_hash" not in of(message(to="sip.example"))

    def test_request_of_nobody_tells_what_there_is(self) -> None:
        facts = of(Bench().page(from_="<tel:123>;tag=1"))
        assert facts["to_domain"] == "xmpp.example" and "from_domain" not in facts and "cid" not in facts

    def test_name_in_an_identifier_is_not_told(self) -> None:
        assert HASH.fullmatch(str(of(message(id="to-Romeo-1"))["xmpp_id"]))
        assert HASH.fullmatch(str(of(Bench().page(call_id="romeo-1@192.0.2.1"))["sip_call_id"]))
        assert of(message(id="to-Romeo-1"), addresses=True)["xmpp_id"] == "to-Romeo-1"

    def test_field_of_the_report_goes_before_what_it_is_about(self) -> None:
        assert of(message(id="m1"), xmpp_id="m2")["xmpp_id"] == "m2"


class TestTexts:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("no such user romeo@sip.example", "no such user ***@sip.example"),
            ("<sip:ro'meo;x=1@sip.example>", "<***@sip.example>"),
            ("gone\r\n2026 all is well\x1b[0m", "gone??2026 all is well?[0m"),
            ("x" * 5000, "x" * LONGEST),
        ],
    )
    def test_text_of_others_is_one_short_line_without_names(self, said: str, shown: str) -> None:
        assert of(text=said) == {"text": shown}

    def test_names_stay_where_that_is_wanted(self) -> None:
        assert of(text="romeo@sip.example", addresses=True) == {"text": "romeo@sip.example"}

    def test_user_of_an_administrator_is_named(self) -> None:
        assert of(user="root@console") == {"user": "root@console"}


def test_numbers_stay_numbers_and_nothing_is_left_out_but_what_is_empty() -> None:
    nobody = {"empty": "", "nothing": None}
    facts = of(status=486, generation=3, late=True, count=0, cert_fault=Code.C03, who=JID.parse("a.b"), **nobody)
    assert facts == {
        "sip_status": 486, "config_gen": 3, "late": True, "count": 0, "cert_fault": "EDGE-C03", "who": "a.b",
    }


def test_sentence_stands_in_brackets() -> None:
    assert sentence(Code.C03) == f" ({Code.C03.sentence})" and sentence(None) == ""


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"direction": "in"}, ("sip", "in")),
        ({"direction": "out"}, ("sip", "out")),
        ({"stream": "s2s in", "partner": "jabber"}, ("xmpp", "in")),
        ({"stream": "s2s out"}, ("xmpp", "out")),
        ({"stream": "s2s verify"}, ("xmpp", "in")),
        ({"stream": "component"}, ("xmpp", "out")),
        ({"remote": "jabber.example", "partner": "jabber"}, ("xmpp", "out")),  # a dial that has found nobody
        ({"peer_ip": "192.0.2.1"}, ("xmpp", "in")),  # turned away at the door
    ],
)
def test_link_tells_what_is_spoken_and_who_has_made_it(fields: dict[str, object], told: tuple[str, str]) -> None:
    report = Report("link.refused", Code.L03, fields)
    assert (protocol_of(report), direction_of(report)) == told
    facts = Facts(KEY).of(report)
    assert (facts["protocol"], facts["direction"]) == told


def test_refusal_by_the_partner_list_tells_its_line_there() -> None:
    listed = System("contoso", False, "sip", (domain("sip.example"),), traffic="im-only", place="partners.toml line 7")
    block = Block((domain("xmpp.example"),), place="partners.toml line 41")
    facts = Facts(KEY, directory=Directory([listed], [block]))
    said: dict[str, object] = {"partner": "contoso"}
    assert facts.of(Report("policy.denied", Code.A04, said, message()))["rule"] == "partners.toml line 7"
    assert facts.of(Report("policy.denied", Code.A02, said, message()))["rule"] == "partners.toml line 41"
    for code, about in ((Code.S01, said), (Code.A04, {"partner": "gone"}), (Code.A04, {})):
        assert "rule" not in facts.of(Report("policy.denied", code, about, message()))
