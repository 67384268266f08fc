"""What the facts of a test mean about the other side: TLS, certificate, OPTIONS, streams, components."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from edge.admin.evidence import Fault, Reach
from edge.admin.examining import examine
from edge.admin.steps import Step
from edge.codes import Code
from tests.admin.findings import CERTIFICATE, NOW, OURS, facts, named, reach, system

STREAM: dict[str, Any] = {
    "mechanisms": ("EXTERNAL",), "features": ("mechanisms", "dialback", "bidi"), "proved": "external",
    "milliseconds": {"tcp": 3, "auth": 44, "ping": 12},
}


def told(one: Reach, protocol: str = "sip", **said: Any) -> dict[str, Step]:
    return named(examine(facts(one, of=system(protocol), **said)))


def spoilt(code: Code, stage: str = "cert", **shown: Any) -> Reach:
    return reach(stage, code, shown=replace(CERTIFICATE, **shown))


# TLS


def test_tls_says_how_it_is_and_whether_they_wanted_to_know_us() -> None:
    text = told(reach(status=200))["tls"].text
    assert text == "TLS 1.2 ECDHE-RSA-AES256-GCM-SHA384, they asked for our certificate, we sent it"
    assert "cannot know us" in told(reach(status=200, asked=False))["tls"].text
    assert told(reach(**STREAM), "xmpp")["tls"].text.startswith("STARTTLS, TLS 1.2 ")
    assert told(reach(direct=True, **STREAM), "xmpp")["tls"].text.startswith("direct, ")


@pytest.mark.parametrize("code", [Code.T01, Code.T02, Code.T03, Code.T05, Code.T06, Code.T07, Code.N02, Code.N03])
def test_tls_that_fails_is_the_end(code: Code) -> None:
    said = told(reach("tls", code))
    assert said["tls"].status == "FAIL" and (said["tls"].here or said["tls"].there)
    assert said["cert"].status == said["options"].status == "skip"


@pytest.mark.parametrize("code", [Code.T05, Code.T06])
def test_who_minds_our_certificate_is_to_be_sent_our_chain(code: Code) -> None:
    step = told(reach("tls", code, asked=True))["tls"]
    assert step.here == "send them our chain (edge cert chain); ours is good for servers and for clients"
    assert step.there == "trust the issuer of our certificate: CN=Our CA"


def test_certificate_of_ours_without_the_purpose_of_a_client_is_suspected() -> None:
    ours = replace(OURS, allows_client=False)
    assert "ours has no clientAuth purpose" in told(reach("tls", Code.T06), ours=ours)["tls"].here


# certificates


def test_certificate_may_be_good_by_what_the_domain_says_elsewhere() -> None:
    assert "good by" not in told(reach(**STREAM), "xmpp")["cert"].text
    assert told(reach(proof="dane", **STREAM), "xmpp")["cert"].text.endswith(", good by DANE")


def test_good_certificate_says_when_it_ends_and_what_it_is_good_for() -> None:
    cert = told(reach(status=200))["cert"]
    assert cert.text == "ends in 61 days (2027-01-20), issued by CN=R11, EKU serverAuth only (accepted)"
    assert cert.details == ["CN=R11, issued by CN=X1, ends 2029-01-01"]


def test_certificate_that_ends_soon_is_a_warning() -> None:
    cert = told(reach(status=200, shown=replace(CERTIFICATE, not_after=NOW + timedelta(days=3))))["cert"]
    assert (cert.status, cert.there) == ("warn", "renew the certificate")
    assert cert.fault is not None and cert.fault.code is Code.C02


@pytest.mark.parametrize(
    ("code", "wanted", "found"),
    [
        (Code.C01, "", "issued by CN=R11, SHA-256 abab"),
        (Code.C02, "", "ended on 2026-11-19"),
        (Code.C03, "edge.contoso.com", "CN=edge.contoso.com  SAN=sip.contoso.com, webconf.contoso.com"),
        (Code.C04, "edge.contoso.com", "SAN=none"),
        (Code.C05, "serverAuth", "EKU client"),
        (Code.C09, "", "good from 2026-11-21 15:05 UTC on"),
        (Code.C11, "", "an RSA key of 1024 bits"),
        (Code.C12, "", "sha256/PIN="),
        (Code.T02, "TLS 1.2", "TLSv1.2"),
    ],
)
def test_bad_certificate_is_shown_beside_what_was_wanted(code: Code, wanted: str, found: str) -> None:
    changes: dict[Code, dict[str, Any]] = {
        Code.C02: {"not_after": NOW - timedelta(days=1)},
        Code.C03: {"names": ("sip.contoso.com", "webconf.contoso.com")},
        Code.C04: {"names": ()},
        Code.C05: {"purposes": ("client",)},
        Code.C09: {"not_before": NOW + timedelta(days=1)},
        Code.C11: {"weak": "an RSA key of 1024 bits"},
    }
    cert = told(spoilt(code, **changes.get(code, {})))["cert"]
    assert cert.status == "FAIL" and cert.fault is not None and cert.fault.code is code
    assert (cert.wanted, found in cert.found) == (wanted, True), cert
    assert cert.details[0] == "sent:" and cert.details[1].strip() == CERTIFICATE.chain[0]


def test_cure_of_a_wrong_name_is_the_line_to_write() -> None:
    cert = told(spoilt(Code.C03, names=("*.contoso.com", "sip.contoso.com")))["cert"]
    assert cert.here == '[partner.tls] peer_names = ["sip.contoso.com"], if you trust that name'
    assert cert.there == "re-issue the certificate with edge.contoso.com"


def test_missing_intermediate_says_where_it_is() -> None:
    assert "(http://ca.example/i.cer)" in told(spoilt(Code.C06, issuer_at="http://ca.example/i.cer"))["cert"].there


def test_bad_certificate_is_not_all_where_dialback_counts() -> None:
    one = reach(**{**STREAM, "proved": "dialback"}, minded=Fault(Code.C02, "the certificate has expired"))
    said = told(one, "xmpp")
    assert said["cert"].status == "warn" and "dialback is allowed" in said["cert"].text
    assert said["auth"].text == "dialback in 44 ms"


# OPTIONS


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, "ok"), (405, "ok"), (483, "ok"), (501, "ok"), (403, "FAIL"), (401, "FAIL"), (503, "warn"), (0, "warn")],
)
def test_answer_to_options_says_whether_they_take_us(status: int, result: str) -> None:
    step = told(reach(status=status, answer=f"{status} x; warning: 399 edge why"))["options"]
    assert step.status == result
    if result == "FAIL":
        assert step.fault is not None and step.fault.code is Code.A11
        assert step.there == "let xmpp.example in, and our server edge.example.net"
    if status:
        assert "399 edge why" in step.details[0]


# streams


def test_good_stream_is_told_with_what_it_offers() -> None:
    said = told(reach(**STREAM), "xmpp")
    assert said["stream"].text == "features: sasl EXTERNAL, dialback, bidi"
    assert said["auth"].text == "SASL EXTERNAL in 44 ms"
    assert said["ping"].text == "answered in 12 ms, on a stream that they have opened to us"


def test_stream_on_which_we_are_not_known_may_mind_our_certificate() -> None:
    auth = told(reach("auth", Code.A11, features=("dialback",)), "xmpp")["auth"]
    assert auth.status == "FAIL" and "they do not take our certificate" in auth.here
    assert "offer SASL EXTERNAL to xmpp.example" in auth.there


def test_external_that_failed_is_a_warning_where_dialback_did() -> None:
    one = reach(**{**STREAM, "proved": "dialback"}, fell_back="the peer refused SASL EXTERNAL: not-authorized")
    auth = told(one, "xmpp")["auth"]
    assert auth.status == "warn" and auth.details == ["the peer refused SASL EXTERNAL: not-authorized"]
    assert "edge cert chain" in auth.here and auth.there == "trust the issuer of our certificate: CN=Our CA"


def test_ping_without_an_answer_means_that_the_way_back_is_shut() -> None:
    ping = told(reach(**{**STREAM, "milliseconds": {}}), "xmpp")["ping"]
    assert (ping.status, ping.here) == ("warn", "edge dns xmpp.example")
    assert ping.there == "see that the server can reach xmpp.example (_xmpp-server._tcp.xmpp.example)"


@pytest.mark.parametrize("stage", ["stream", "ping"])
def test_stream_that_ends_names_where(stage: str) -> None:
    said = told(reach(stage, Code.X06), "xmpp")
    assert said[stage].status == "FAIL" and said[stage].there


# components


def component(**said: Any) -> Step:
    one = said.pop("one", reach("done"))
    return named(examine(facts(one, of=replace(system("xmpp"), link="component"), **said)))["handshake"]


def test_component_is_tried_unless_it_is_up() -> None:
    assert component().text == "the server knows our component and its secret"
    assert "another one would disturb it" in component(in_use=True).text


def test_component_that_is_refused_has_the_wrong_secret() -> None:
    step = component(one=reach("stream", Code.A11))
    assert step.status == "FAIL" and "compare secret_file" in step.here and not step.there
