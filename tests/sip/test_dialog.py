"""Dialogs: what is kept, and what the next request looks like."""

from inspect import signature

import pytest

from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.sip.dialog import MAX_ROUTE_SET, Dialog, dialog_id
from edge.sip.message import Request
from tests.sip.samples import GRUU, JULIET, ROMEO, ROUTE, answer, as_request, request

VIA = "SIP/2.0/TLS edge.example.net:5061;branch=z9hG4bKours"
CONTACT = "<sip:edge.example.net:5061;transport=tls>"
SECOND = "<sip:pool.sip.example:5061;transport=tls;ms-fe=fe01.sip.example;opaque=state:T:F:Ci.R4d2;lr>"
STRICT = "<sip:old.sip.example;transport=tls;method=INVITE?subject=x>"


def subscribe(*, routes: tuple[str, ...] = (ROUTE, SECOND), contact: str = f"<{GRUU}>;proxy=replace") -> Request:
    rows = [("Record-Route", route) for route in routes]
    return request("SUBSCRIBE", cseq="7 SUBSCRIBE", headers=[*rows, ("Contact", contact), ("Event", "presence")])


def notify(dialog: Dialog, *, cseq: int = 1, from_tag: str = "romeo1", contact: str = f"<{GRUU}>") -> Request:
    return request(
        "NOTIFY", to=f"<{JULIET}>;tag={dialog.local_tag}", call_id=dialog.call_id, cseq=f"{cseq} NOTIFY",
        from_=f"<{ROMEO}>;tag={from_tag};epid=0123456789",
        headers=[("Record-Route", ROUTE), ("Record-Route", SECOND), ("Contact", contact)],
    )


def later(method: str, contact: str) -> Request:
    return request(method, to=f"<{JULIET}>;tag=ours", cseq=f"8 {method}", headers=[("Contact", contact)])


def next_request(dialog: Dialog, method: str = "NOTIFY") -> Request:
    return as_request(dialog.request(method, VIA, CONTACT, [("Event", "presence")], b"body"))


def initiated() -> Dialog:
    return Dialog.initiate("call1", "juliet1", JULIET, ROMEO)


class TestUas:
    """RFC 3261 §12.1.1."""

    def test_request_of_ours_goes_back_over_the_route_in_order(self) -> None:
        dialog = Dialog.as_uas(subscribe(), "ours")
        written = next_request(dialog)
        assert written.uri == GRUU
        assert written.headers.rows("route") == [ROUTE, SECOND]
        assert str(written.cseq) == "1 NOTIFY"
        assert (written.call_id, written.from_.tag, written.to.tag) == ("call1", "ours", "romeo1")
        assert written.from_.uri == JULIET
        assert written.headers.rows("contact") == [CONTACT]
        assert (written.max_forwards, written.body) == (70, b"body")
        assert str(next_request(dialog).cseq) == "2 NOTIFY"

    def test_display_name_and_epid_of_the_peer_come_back(self) -> None:
        to = next_request(Dialog.as_uas(subscribe(), "ours")).to
        assert (to.display, to.uri, to.parameter("epid")) == ("Romeo", ROMEO, "0123456789")

    def test_id_is_what_a_request_of_the_peer_names(self) -> None:
        dialog = Dialog.as_uas(subscribe(), "ours")
        refresh = request("SUBSCRIBE", to=f"<{JULIET}>;tag=ours", cseq="8 SUBSCRIBE")
        assert dialog_id(refresh) == dialog.id == ("call1", "ours", "romeo1")
        assert dialog.covers(refresh)
        assert not dialog.covers(request("SUBSCRIBE", to=f"<{JULIET}>;tag=ours", call_id="call2"))
        assert not dialog.covers(request("SUBSCRIBE", to=f"<{JULIET}>;tag=other"))
        assert not dialog.covers(request("SUBSCRIBE", to=f"<{JULIET}>;tag=ours", from_=f"<{ROMEO}>;tag=other"))

    @pytest.mark.parametrize("contact", ["<mailto:romeo@sip.example>", "<im:romeo@sip.example>"])
    def test_contact_that_is_no_sip_uri_makes_no_dialog(self, contact: str) -> None:
        with pytest.raises(RemoteProtocolError, match="Contact") as caught:
            Dialog.as_uas(subscribe(contact=contact), "ours")
        assert caught.value.status == 400

    def test_missing_contact_makes_no_dialog(self) -> None:
        with pytest.raises(RemoteProtocolError, match="Contact"):
            Dialog.as_uas(request("SUBSCRIBE"), "ours")

    def test_route_that_would_fill_the_memory_makes_no_dialog(self) -> None:
        routes = tuple(f"<sip:hop{number}.sip.example;lr;pad={'x' * 1000}>" for number in range(MAX_ROUTE_SET // 1000))
        with pytest.raises(RemoteProtocolError, match="too long") as caught:
            Dialog.as_uas(subscribe(routes=routes), "ours")
        assert caught.value.status == 513

    def test_malformed_route_is_found_before_it_is_used(self) -> None:
        with pytest.raises(RemoteProtocolError):
            Dialog.as_uas(subscribe(routes=("<sip:no end",)), "ours")


class TestUac:
    """RFC 3261 §12.1.2, RFC 6665 §4.4.1."""

    def test_first_request_has_no_tag_in_to_and_no_route(self) -> None:
        written = next_request(initiated(), "SUBSCRIBE")
        assert (written.uri, str(written.to), written.from_.tag) == (ROMEO, f"<{ROMEO}>", "juliet1")
        assert b"route" not in written.headers

    def test_response_reverses_the_route(self) -> None:
        dialog = initiated()
        rows = [("Record-Route", ROUTE), ("Record-Route", SECOND), ("Contact", f"<{GRUU}>")]
        dialog.confirm(answer(dialog.request("SUBSCRIBE", VIA, CONTACT), headers=rows))
        written = next_request(dialog, "SUBSCRIBE")
        assert (written.uri, written.to.tag, str(written.cseq)) == (GRUU, "romeo1", "2 SUBSCRIBE")
        assert written.headers.rows("route") == [SECOND, ROUTE]
        assert dialog.remote_cseq is None

    def test_notify_leaves_the_route_as_it_is(self) -> None:
        dialog = initiated()
        dialog.request("SUBSCRIBE", VIA, CONTACT)
        dialog.confirm(notify(dialog, cseq=4))
        written = next_request(dialog, "SUBSCRIBE")
        assert written.headers.rows("route") == [ROUTE, SECOND]
        assert (written.to.tag, written.to.parameter("epid")) == ("romeo1", "0123456789")
        assert dialog.remote_cseq == 4

    def test_message_without_contact_changes_nothing(self) -> None:
        dialog = initiated()
        with pytest.raises(RemoteProtocolError, match="Contact"):
            dialog.confirm(notify(dialog, contact="<tel:+1>"))
        assert (dialog.remote_tag, dialog.route_set, dialog.remote_cseq) == ("", (), None)


class TestInDialog:
    """RFC 3261 §12.2."""

    @pytest.mark.parametrize(("cseq", "accepted"), [(8, True), (900, True), (7, False), (6, False)])
    def test_cseq_must_rise_and_may_jump(self, cseq: int, accepted: bool) -> None:
        dialog = Dialog.as_uas(subscribe(), "ours")
        refresh = request("SUBSCRIBE", to=f"<{JULIET}>;tag=ours", cseq=f"{cseq} SUBSCRIBE")
        assert dialog.accepts(refresh) is accepted
        assert dialog.remote_cseq == (cseq if accepted else 7)
        assert not dialog.accepts(refresh)

    def test_any_first_cseq_is_accepted(self) -> None:
        dialog = initiated()
        assert dialog.accepts(notify(dialog, cseq=0))

    def test_target_refresh_changes_the_target_only(self) -> None:
        dialog = Dialog.as_uas(subscribe(), "ours")
        assert dialog.accepts(later("SUBSCRIBE", "<sip:romeo@192.0.2.7:49152;transport=tls>"))
        written = next_request(dialog)
        assert written.uri == "sip:romeo@192.0.2.7:49152;transport=tls"
        assert written.headers.rows("route") == [ROUTE, SECOND]

    @pytest.mark.parametrize(
        "refresh", [later("SUBSCRIBE", "<tel:+1>"), later("MESSAGE", "<sip:elsewhere.example>"), request("NOTIFY")]
    )
    def test_request_that_refreshes_no_target_leaves_it_alone(self, refresh: Request) -> None:
        dialog = Dialog("call1", "ours", "romeo1", JULIET, ROMEO, GRUU)
        assert dialog.accepts(refresh)
        assert dialog.remote_target == GRUU

    def test_malformed_contact_is_refused_and_changes_nothing(self) -> None:
        dialog = Dialog.as_uas(subscribe(), "ours")
        with pytest.raises(RemoteProtocolError):
            dialog.accepts(later("SUBSCRIBE", "<sip:romeo@sip.example"))
        assert (dialog.remote_cseq, dialog.remote_target) == (7, GRUU)

    @pytest.mark.parametrize(
        ("contact", "target"), [("<sip:new.example>", "sip:new.example"), ("<sip:no end", GRUU), ("<tel:+1>", GRUU)]
    )
    def test_response_refreshes_the_target_and_is_never_refused(self, contact: str, target: str) -> None:
        dialog = Dialog.as_uas(subscribe(), "ours")
        dialog.retarget(answer(dialog.request("NOTIFY", VIA, CONTACT), headers=[("Contact", contact)]))
        assert dialog.remote_target == target

    def test_strict_first_hop_becomes_the_request_uri(self) -> None:
        """RFC 3261 §12.2.1.1."""
        written = next_request(Dialog.as_uas(subscribe(routes=(STRICT, SECOND)), "ours"))
        assert written.uri == "sip:old.sip.example;transport=tls"
        assert written.headers.rows("route") == [SECOND, f"<{GRUU}>"]

    def test_ack_has_the_number_of_its_invite_and_counts_for_nothing(self) -> None:
        """RFC 3261 §13.2.2.4."""
        dialog = Dialog.as_uas(subscribe(), "ours")
        dialog.request("INVITE", VIA, CONTACT)
        dialog.request("MESSAGE", VIA, CONTACT)
        assert str(as_request(dialog.request("ACK", VIA, CONTACT, number=1)).cseq) == "1 ACK"
        assert str(as_request(dialog.request("BYE", VIA, CONTACT)).cseq) == "3 BYE"

    def test_peer_without_tag_is_spoken_to_without_tag(self) -> None:
        """RFC 3261 §12.1.1: a tag may be missing, from RFC 2543 peers."""
        opening = request("SUBSCRIBE", from_=f"<{ROMEO}>", headers=[("Contact", f"<{GRUU}>")])
        written = next_request(Dialog.as_uas(opening, "ours"))
        assert str(written.to) == f"<{ROMEO}>"

    def test_strings_that_dialogs_share_are_kept_once(self) -> None:
        one, other = (Dialog.as_uas(subscribe(), tag) for tag in ("ours", "theirs"))
        assert one.route_set[0] is other.route_set[0]
        assert one.remote_target is other.remote_target

    @pytest.mark.parametrize("from_", [f"<{ROMEO}>;tag=romeo1", f"<{ROMEO}>;epid=1f", f'"a;tag=b" <{ROMEO};tag=c>'])
    def test_dialog_can_be_built_again_from_what_it_keeps(self, from_: str) -> None:
        opening = request("SUBSCRIBE", from_=from_, headers=[("Contact", f"<{GRUU}>")])
        dialog = Dialog.as_uas(opening, "ours")
        again = Dialog(**{name: getattr(dialog, name) for name in signature(Dialog).parameters})
        assert again.request("NOTIFY", VIA, CONTACT) == dialog.request("NOTIFY", VIA, CONTACT)
        assert again.id == dialog.id == ("call1", "ours", dialog.remote_tag)
        assert again.remote_uri == (f"<{ROMEO}>" if "romeo1" in from_ else from_)

    def test_tag_of_the_peer_may_come_later(self) -> None:
        dialog = Dialog.initiate("call1", "ours", JULIET, ROMEO)
        dialog.remote_tag = "theirs"
        assert dialog.id == ("call1", "ours", "theirs")
        assert (dialog.local_uri, dialog.remote_uri) == (f"<{JULIET}>", f"<{ROMEO}>")


@pytest.mark.parametrize("bad", ["a\r\nContact: <sip:evil.example>", "a\n", "\ra", "a\0"])
def test_request_holds_no_line_that_we_did_not_write(bad: str) -> None:
    dialog = Dialog.as_uas(subscribe(), "ours")
    with pytest.raises(LocalProtocolError):
        dialog.request("NOTIFY", VIA, CONTACT, [("Event", "presence"), ("Subscription-State", bad)])
    with pytest.raises(LocalProtocolError):
        dialog.request("NOTIFY", VIA + bad, CONTACT)


def test_body_may_hold_anything() -> None:
    body = b"\r\n\0\n\xff"
    sent = as_request(Dialog.as_uas(subscribe(), "ours").request("NOTIFY", VIA, CONTACT, [], body))
    assert sent.body == body
    assert sent.headers.get("content-length") == "5"


@pytest.mark.parametrize(("method", "has"), [("INVITE", True), ("SUBSCRIBE", True), ("MESSAGE", False), ("BYE", False)])
def test_contact_stands_only_where_it_means_something(method: str, has: bool) -> None:
    """RFC 3428 §4 forbids it in a MESSAGE."""
    written = next_request(Dialog.as_uas(subscribe(), "ours"), method)
    assert (b"contact" in written.headers) == has
