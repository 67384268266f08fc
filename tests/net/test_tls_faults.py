"""What OpenSSL says when a handshake fails, and what it means."""

import pytest
from OpenSSL import SSL

from edge.certificates.handshake import Recorded
from edge.codes import Code
from edge.net.tls_faults import fault_of, has_seen_ours


def said(*reasons: str) -> SSL.Error:
    return SSL.Error([("SSL routines", "", reason) for reason in reasons])


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("wrong version number", Code.T01),  # the other side has answered in clear
        ("http request", Code.T01),
        ("tlsv1 alert protocol version", Code.T02),
        ("unsupported protocol", Code.T02),
        ("tls alert handshake failure", Code.T03),
        ("sslv3 alert handshake failure", Code.T03),
        ("no shared cipher", Code.T03),
        ("tlsv1 alert insufficient security", Code.T03),
        ("tlsv1 alert unknown ca", Code.T05),
        ("ssl/tls alert bad certificate", Code.T05),
        ("sslv3 alert certificate expired", Code.T05),
        ("sslv3 alert unsupported certificate", Code.T05),
        ("tlsv13 alert certificate required", Code.T05),
        ("tlsv1 alert access denied", Code.T05),
        ("tlsv1 alert internal error", Code.T07),
        ("tlsv1 unrecognized name", Code.T07),
        ("", Code.T07),
    ],
)
def test_handshake_that_fails_has_its_code(reason: str, code: Code) -> None:
    found, text = fault_of(said(reason))
    assert found is code
    assert text.startswith(code.sentence)


def test_alert_is_named() -> None:
    assert fault_of(said("tlsv1 alert unknown ca"))[1].endswith(": tlsv1 alert unknown ca")


def test_the_first_reason_counts() -> None:
    assert fault_of(said("no shared cipher", "wrong version number"))[0] is Code.T03


def test_failure_after_our_certificate_is_about_the_certificate() -> None:
    assert fault_of(said("tls alert handshake failure"), shown=True)[0] is Code.T05


class Wire:
    def __init__(self, connection: object) -> None:
        self.getHandle = lambda: connection


def test_peer_that_got_our_certificate_and_went_on_has_not_minded_it() -> None:
    connection = Recorded(SSL.Context(SSL.TLS_METHOD), accepted=False)
    assert not has_seen_ours(Wire(connection))
    connection.shown = True
    assert has_seen_ours(Wire(connection))
    connection.taken = True
    assert not has_seen_ours(Wire(connection))


def test_connection_without_tls_has_shown_nothing() -> None:
    assert not has_seen_ours(Wire(object())) and not has_seen_ours(None)


def test_tcp_connection_that_is_gone_has_shown_nothing() -> None:
    """A peer that connects and goes away without a word leaves no TLS, and Twisted has no socket any more."""

    class Gone:
        def getHandle(self) -> object:
            return self.socket  # type: ignore[attr-defined]

    assert not has_seen_ours(Gone())
