"""Events become numbers, and not more rows than there are partners and codes."""

from edge.admin.tally import Tally
from edge.codes import Code
from edge.gateway.effects import Report
from tests.gateway.bench import Bench, message

UP = {"partner": "contoso", "direction": "out", "tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"}
STREAM = {"stream": "s2s in", "remote": "jabber.example", "tls_version": "TLSv1.2", "cipher": "ECDHE-RSA"}


class Told(Tally):
    def __init__(self) -> None:
        self.time = 1000.0
        super().__init__(lambda name: name in ("contoso", "jabber"), lambda: self.time)

    def of(self, event: str, code: Code | None = None, about: object = None, **fields: object) -> "Told":
        self.watch(Report(event, code, fields, about))
        return self


def test_link_that_comes_up_is_an_attempt_a_handshake_and_a_proof() -> None:
    tally = Told().of("link.up", **UP)
    assert tally.attempts == {("contoso", "sip", "out", "ok"): 1}
    assert tally.handshakes == {("contoso", "out", "TLSv1.3", "TLS_AES_256_GCM_SHA384", "ok"): 1}
    assert tally.proofs == {("contoso", "sip", "mtls", "ok"): 1}


def test_stream_tells_how_it_was_proved() -> None:
    tally = Told().of("link.up", partner="jabber", auth="dialback", **STREAM)
    assert tally.attempts == {("jabber", "xmpp", "in", "ok"): 1}
    assert tally.proofs == {("jabber", "xmpp", "dialback", "ok"): 1}
    assert Told().of("link.up", partner="jabber", stream="component").proofs == {("jabber", "xmpp", "secret", "ok"): 1}


def test_refused_link_has_its_code_where_it_belongs() -> None:
    certificate = Told().of("link.refused", Code.C03, **UP)
    assert certificate.attempts == {("contoso", "sip", "out", "EDGE-C03"): 1}
    assert [code for *_, code in certificate.handshakes] == ["EDGE-C03"]
    assert certificate.proofs == {("contoso", "sip", "mtls", "EDGE-C03"): 1}
    handshake = Told().of("link.refused", Code.T02, partner="contoso", direction="out")
    assert handshake.handshakes == {("contoso", "out", "", "", "EDGE-T02"): 1} and not handshake.proofs
    connection = Told().of("link.refused", Code.N01, partner="contoso", direction="out")
    assert not connection.handshakes and not connection.proofs


def test_stranger_makes_no_rows_of_his_own() -> None:
    tally = Told()
    for number in range(50):
        tally.of("link.refused", Code.A01, remote=f"strange{number}.example", stream="s2s in", auth="")
        tally.of("sip.refused", Code.A01, Bench().page(), partner=f"strange{number}")
    assert len(tally.attempts) == len(tally.denied) == 1
    assert tally.denied == {("_unlisted", "EDGE-A01"): 50}
    assert tally.unlisted == {"xmpp": 50, "sip": 50}


def test_refusal_by_the_list_is_counted_for_the_partner_and_what_is_malformed_is_not() -> None:
    tally = Told().of("policy.denied", Code.A04, message(), partner="contoso,jabber").of("sip.refused", Code.S01)
    assert tally.denied == {("contoso", "EDGE-A04"): 1}


def test_limit_is_counted_each_time_and_its_summary_never() -> None:
    tally = Told().of("policy.denied", Code.L01, message(), partner="jabber")
    tally.of("limit.hit", Code.L01, partner="jabber", count=1).of("link.refused", Code.L03, direction="in", count=7)
    assert tally.limited == {("jabber", "EDGE-L01"): 1, ("_unlisted", "EDGE-L03"): 7}
    assert tally.attempts == {("_unlisted", "sip", "in", "EDGE-L03"): 7}


def test_failed_proof_and_changed_certificate_are_counted() -> None:
    tally = Told().of("auth.failed", Code.X07, partner="jabber", **STREAM).of("cert.changed", partner="jabber")
    assert tally.proofs == {("jabber", "xmpp", "external", "EDGE-X07"): 1}
    assert (tally.changed, tally.xml) == ({"jabber": 1}, {"EDGE-X07": 1})


def test_reload_that_is_refused_leaves_the_time_of_the_last_good_one() -> None:
    tally = Told()
    assert (tally.loaded, tally.loaded_at) == (True, 1000.0)
    tally.time = 2000.0
    assert (tally.of("config.rejected", Code.K01).loaded, tally.loaded_at) == (False, 1000.0)
    assert (tally.of("config.loaded").loaded, tally.loaded_at) == (True, 2000.0)


def test_message_is_no_event_that_counts_here() -> None:
    tally = Told().of("message.ok", None, message(), partner="contoso").of("message.failed", Code.M03, message())
    assert not (tally.attempts or tally.denied or tally.limited or tally.unlisted)
