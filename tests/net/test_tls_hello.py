"""What the far end wanted of TLS, read off real handshakes that came to nothing."""

from contextlib import suppress

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from edge.certificates.contexts import Contexts
from edge.codes import Code
from edge.net.links import Cause, cause_of
from edge.net.tls import ChunkwiseTLS, ChunkwiseTLSFactory
from edge.net.tls_hello import LONGEST, hello_of, offers
from tests.net.loopback import EDGE, LYNC, identity, partner
from tests.net.test_tls import Link, Links

PARTNER, MODERN = partner(), partner(min_version="1.3")
WIRE = 1 << 16


class Lost(Link):
    """Remembers why it was lost."""

    cause: Cause | None = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.cause = cause_of(reason, self.transport)


def far(ciphers: bytes, lowest: int = SSL.TLS1_VERSION, highest: int = SSL.TLS1_3_VERSION) -> SSL.Connection:
    """Somebody who wants nothing else."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(ciphers + b":@SECLEVEL=0")
    context.set_min_proto_version(lowest)
    context.set_max_proto_version(highest)
    theirs = identity(LYNC)
    context.use_certificate(theirs.leaf)
    context.use_privatekey(theirs.key)
    return SSL.Connection(context, None)


def told(other: SSL.Connection, *, dialled: bool = False, modern: bool = False) -> tuple[Code, str]:
    """Shake hands in vain: what the link hears at our side."""
    system = MODERN if modern else PARTNER
    contexts = Contexts(identity(EDGE), None, [system])
    creator = contexts.dialling("lync.example", system) if dialled else contexts.accepting()
    link, transport = Lost(), StringTransport()
    near = ChunkwiseTLSFactory(creator, dialled, Links(lambda: link), Clock()).buildProtocol(None)
    assert isinstance(near, ChunkwiseTLS)
    near.makeConnection(transport)
    (other.set_accept_state if dialled else other.set_connect_state)()
    for _ in range(4):
        with suppress(SSL.Error):
            other.do_handshake()
        with suppress(SSL.WantReadError):
            near.dataReceived(other.bio_read(WIRE))
        if transport.value():
            other.bio_write(transport.value())
            transport.clear()
    near.connectionLost(Failure(ConnectionDone()))
    assert link.cause is not None
    return link.cause.code, link.cause.text.partition("; ")[2]


def test_old_version_of_who_comes_is_told_beside_ours() -> None:
    code, text = told(far(b"ALL", highest=SSL.TLS1_1_VERSION))
    assert code is Code.T02 and text == "we offer TLS 1.2 and 1.3, they TLS 1.1, TLS 1.0"


def test_versions_of_who_may_use_the_newest_alone_are_told() -> None:
    code, text = told(far(b"ALL", highest=SSL.TLS1_2_VERSION), modern=True)
    assert code is Code.T02 and text == "we offer TLS 1.3, they TLS 1.2, TLS 1.1, TLS 1.0"


def test_server_that_only_refuses_has_not_said_what_it_has() -> None:
    code, text = told(far(b"ALL", highest=SSL.TLS1_1_VERSION), dialled=True)
    assert code is Code.T02 and text == "we offer TLS 1.2 and 1.3, they did not say what they have"


def test_cipher_suites_of_who_comes_are_told_beside_ours() -> None:
    code, text = told(far(b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA", highest=SSL.TLS1_2_VERSION))
    assert code is Code.T03
    assert text == (
        "we offer ECDHE with AES-GCM or ChaCha20, they ECDHE-ECDSA-AES128-SHA, ECDHE-ECDSA-AES256-SHA"
    )


def test_many_cipher_suites_are_a_number() -> None:
    code, text = told(far(b"kRSA+SHA1:AES128-SHA256:AES256-SHA256:AES128-GCM-SHA256", highest=SSL.TLS1_2_VERSION))
    assert code is Code.T03 and text.endswith(" more") and text.count(",") == 4


def client_hello(context: SSL.Context) -> bytes:
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(WIRE)


def test_hello_is_read_through_records_of_any_size() -> None:
    data = client_hello(SSL.Context(SSL.TLS_METHOD))
    head, body = data[:3], data[5:]
    parts = [body[start : start + 100] for start in range(0, len(body), 100)]
    in_pieces = b"".join(head + len(part).to_bytes(2, "big") + part for part in parts)
    assert hello_of(in_pieces) == hello_of(data)
    found = hello_of(data)
    assert found is not None and 0x0304 in found.versions and 0x1301 in found.ciphers


def test_no_beginning_of_a_hello_is_too_much() -> None:
    data = client_hello(SSL.Context(SSL.TLS_METHOD))
    for length in range(len(data)):
        hello_of(data[:length])
    for index in range(len(data)):
        hello_of(data[:index] + b"\xff" + data[index + 1 :])


NOTHING = [b"", b"\x15\x03\x01\x00\x02\x02\x28", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x01\x0b"]


@pytest.mark.parametrize("data", NOTHING)
def test_what_is_no_hello_says_nothing(data: bytes) -> None:
    assert hello_of(data) is None


def test_other_faults_are_not_about_offers() -> None:
    assert offers(Code.T05, None) == ""


def test_bytes_are_kept_during_the_handshake_only() -> None:
    contexts, link, transport = Contexts(identity(EDGE), None, [PARTNER]), Lost(), StringTransport()
    near = ChunkwiseTLSFactory(contexts.accepting(), False, Links(lambda: link), Clock()).buildProtocol(None)
    assert isinstance(near, ChunkwiseTLS)
    near.makeConnection(transport)
    other = far(b"ALL")
    other.set_connect_state()
    for _ in range(4):
        with suppress(SSL.WantReadError):
            other.do_handshake()
        with suppress(SSL.WantReadError):
            near.dataReceived(other.bio_read(WIRE))
        if transport.value():
            other.bio_write(transport.value())
            transport.clear()
    assert near.hello is not None and 0 < len(near.hello) <= LONGEST
    other.send(b"hello")
    near.dataReceived(other.bio_read(WIRE))
    assert near.hello is None
