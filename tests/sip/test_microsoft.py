"""The dialect of Microsoft's edges, as far as it concerns SIP: what is understood, and what we say in it."""

import pytest

from edge.codes import Code
from edge.sip.framing import MAX_HEAD, Framer, Garbled
from edge.sip.headers import Headers
from edge.sip.message import Request, UnreadRequest
from edge.sip.microsoft import (
    BLOCK,
    DIAGNOSTICS,
    PIGGYBACK,
    diagnostics,
    extensions,
    is_multiparty,
    is_superseded,
    offers,
    plain_diagnostics,
    quotable,
    with_header,
)
from tests.sip.microsoft_samples import invite


def request(*lines: str, method: str = "INVITE") -> Request:
    return UnreadRequest(method, "sip:juliet@xmpp.example", Headers.parse("\r\n".join(["X: y", *lines]).encode()))


class TestDiagnostics:
    def test_reason_is_named_with_its_code(self) -> None:
        assert diagnostics(Code.A06) == (DIAGNOSTICS, f'90406;reason="EDGE-A06 {Code.A06.sentence}"')
        assert diagnostics(Code.A06, "nobody")[1] == '90406;reason="EDGE-A06 nobody"'

    def test_number_of_a_code_is_its_own_and_lies_in_the_block(self) -> None:
        numbers = [int(diagnostics(code)[1].partition(";")[0]) for code in Code if code.name[0] != "K"]
        assert len(set(numbers)) == len(numbers)
        assert all(BLOCK < number < BLOCK + 1000 for number in numbers)

    def test_code_keeps_its_number(self) -> None:
        """Administrators search for it."""
        assert [diagnostics(code)[1][:5] for code in (Code.D01, Code.N03, Code.S03, Code.M02, Code.L01)] == [
            "90001", "90103", "90503", "90802", "90901",
        ]

    def test_failure_of_the_protocol_itself_is_named_by_its_status(self) -> None:
        assert plain_diagnostics(481) == (DIAGNOSTICS, '90000;reason="Call/Transaction Does Not Exist"')

    def test_text_stays_inside_its_quotes(self) -> None:
        assert quotable('a "b" \\c') == "a 'b' c"


class TestExtensions:
    def test_list_of_one_is_understood_where_there_are_events(self) -> None:
        assert extensions("NOTIFY") == extensions("SUBSCRIBE") == {"eventlist"}
        assert extensions("INVITE") == extensions("MESSAGE") == {"timer"}

    def test_offer_is_found_in_lines_of_their_own_and_in_lists(self) -> None:
        subscribe = request("Supported: com.microsoft.autoextend", "Supported: ms-benotify, MS-Piggyback-First-Notify ")
        assert offers(subscribe, PIGGYBACK)
        assert not offers(subscribe, "ms-piggyback")
        assert not offers(request(), PIGGYBACK)


class TestSuperseded:
    @pytest.mark.parametrize(
        "line",
        ['ms-diagnostics-public: 2139;reason="Superseded"', "ms-diagnostics: 2139", "MS-Diagnostics-Public: 2139 ;x=y"],
    )
    def test_newer_subscription_is_no_denial(self, line: str) -> None:
        assert is_superseded(request(line))

    @pytest.mark.parametrize("line", ["ms-diagnostics-public: 21390", 'ms-diagnostics: 2004;reason="2139"', "Y: 2139"])
    def test_other_diagnostics_say_nothing_of_it(self, line: str) -> None:
        assert not is_superseded(request(line))

    def test_one_of_several_lines_says_it(self) -> None:
        assert is_superseded(request("ms-diagnostics: 1", "ms-diagnostics: 2139"))


class TestMultiparty:
    @pytest.mark.parametrize(
        "line",
        [
            "TriggeredInvite: TRUE",
            "EndPoints: <sip:a@x.example>, <sip:b@x.example>, <sip:c@x.example>",
            "EndPoints: sip:a@x.example, sip:b@x.example, sip:c@x.example",
            'endpoints: "A, B" <sip:a@x.example>, "B" <sip:b@x.example>, <sip:c@x.example>',
        ],
    )
    def test_session_of_more_than_two(self, line: str) -> None:
        assert is_multiparty(request(line))

    @pytest.mark.parametrize(
        "line",
        [
            "TriggeredInvite: FALSE",
            "EndPoints: <sip:a@x.example>, <sip:b@x.example>",
            'EndPoints: "Montague, Romeo" <sip:a@x.example>, <sip:b@x.example>',
            "Roster-Manager: sip:a@x.example",
        ],
    )
    def test_ordinary_session(self, line: str) -> None:
        assert not is_multiparty(request(line))


class TestMarker:
    def test_header_is_added_to_what_is_sent(self) -> None:
        sent = b"OPTIONS sip:x SIP/2.0\r\nVia: a\r\nContent-Length: 2\r\n\r\n\r\n"
        assert with_header(sent, "ms-a: b=c") == (
            b"OPTIONS sip:x SIP/2.0\r\nms-a: b=c\r\nVia: a\r\nContent-Length: 2\r\n\r\n\r\n"
        )
        assert with_header(sent, "") == sent


class TestSize:
    """An INVITE carries its first message in several formats, and a route set of several signed hops."""

    @pytest.mark.parametrize("length", [20, 6_000, 20_000])
    def test_long_first_message_is_taken_in_any_pieces(self, length: int) -> None:
        data = invite("x" * length, claimed_twice=False)
        framer = Framer()
        found = [message for at in range(0, len(data), 1400) for message in framer.feed(data[at : at + 1400])]
        (message,) = found
        assert isinstance(message, Request) and len(message.headers.get("ms-text-format") or "") > length

    def test_head_of_64_kilobytes_is_taken(self) -> None:
        line = b"ms-im-format: text/rtf; charset=UTF-8;ms-body=%b\r\n" % (b"e1xydGYx" * 800)
        lines = line * 9
        data = invite().replace(b"Max-Forwards", lines + b"Max-Forwards", 1)
        assert 60_000 < data.index(b"\r\n\r\n") < MAX_HEAD
        (message,) = Framer().feed(data)
        assert isinstance(message, Request) and len(message.headers.rows("ms-im-format")) == 11


class TestNeverAnswered:
    @pytest.mark.parametrize("start", ["BENOTIFY sip:a@b SIP/3.0", "BENOTIFY sip:a@b", "ACK sip:a@b SIP/3.0"])
    def test_garbled_one_neither(self, start: str) -> None:
        head = f"{start}\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"
        (garbled,) = Framer().feed(head.encode())
        assert isinstance(garbled, Garbled) and garbled.answer is None

    def test_garbled_notify_is(self) -> None:
        head = "NOTIFY sip:a@b SIP/3.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"
        (garbled,) = Framer().feed(head.encode())
        assert isinstance(garbled, Garbled) and garbled.answer is not None
        assert b'\r\nms-diagnostics-public: 90501;reason="EDGE-S01 ' in garbled.answer
