"""What is fuzzed: each parser of what others send or write, and what it may raise. Everything else is a fault.

Besides not failing, what was read must hold what the rest of the gateway builds upon: a stream in pieces says the same
as in one piece, and what is written from it can be read again.
"""

import os
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from cryptography import x509

from demo.authority import self_signed
from edge.bodies import cpim, html, imdn, iscomposing, keyboard, mime, msrtc, pidf, rtf, text, xhtml
from edge.certificates import posh, tlsa
from edge.certificates.handshake import Handshake
from edge.certificates.peers import judge, presented, purposes, sip_names, subject_name, xmpp_matches
from edge.certificates.revocation import Ledger
from edge.codes import Code
from edge.config.loading import read
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.identifiers import Identifiers
from edge.mapping import payloads
from edge.mapping.msrtc import document_from
from edge.net.xmpp_security import Security
from edge.sip import sdp
from edge.sip.framing import Framer, Garbled, Ping
from edge.sip.message import Request, Response, check_request, check_response
from edge.sip.serialise import response_bytes
from edge.xmpp.conditions import StreamError
from edge.xmpp.dialback import Keys
from edge.xmpp.element import Element
from edge.xmpp.negotiation import DialBack, Output, Restart, StartTLS, Verify
from edge.xmpp.receiving import Receiving
from edge.xmpp.screening import screen
from edge.xmpp.stream import StreamParser
from tests.fuzz import tokens

HEADER = b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
OURS, THEIRS = Domain("house.example"), Domain("verona.example")
UNKNOWN_ISSUER = 20  # to OpenSSL: the one fault whose code hangs on what the certificate says
NOBODY = x509.load_pem_x509_certificate(self_signed("", dns=["nobody.example"]).chain)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
LEDGER = Ledger()
PROPERTIES = (
    "via", "vias", "from_", "to", "call_id", "cseq", "max_forwards", "expires", "content_type", "contact", "event",
    "subscription_state", "record_route", "retry_after",
)

Pieces = Callable[[bytes], list[bytes]]


@dataclass(frozen=True)
class Target:
    """``run`` is given an input and somebody who cuts it; ``tokens`` are words of the grammar."""

    name: str
    run: Callable[[bytes, Pieces], None]
    tokens: tuple[bytes, ...] = ()
    more: str = ""  # a folder with further seeds, in tests/
    share: int = 1000  # inputs in a test run


def sip(data: bytes, pieces: Pieces) -> None:
    framer = Framer()
    found = [message for piece in pieces(data) for message in framer.feed(piece)]
    whole = list(Framer().feed(data))
    assert [type(each) for each in found] == [type(each) for each in whole], "pieces say something else"
    for message in whole:
        if isinstance(message, Garbled):
            if message.answer is not None:  # it repeats what was sent, twice if that was sent twice
                assert message.answer.startswith(b"SIP/2.0 ") and message.answer.endswith(b"\r\n\r\n")
        elif not isinstance(message, Ping):
            _looks_at(message)


def _looks_at(message: Request | Response) -> None:
    for name in PROPERTIES:
        try:
            getattr(message, name)
        except RemoteProtocolError:
            continue
    try:
        if isinstance(message, Response):
            check_response(message)
            return
        message.branch  # noqa: B018 - that it can be asked for
        check_request(message)
    except RemoteProtocolError:
        return
    (answer,) = Framer().feed(response_bytes(message, 400, to_tag="t"))
    assert isinstance(answer, Response) and answer.status == 400, "the answer cannot be read"
    try:
        message.request_uri  # noqa: B018
        sdp.offered(message)
        kind, parameters = mime.content_type(message.headers.get("content-type") or "text/plain")
        payloads.read(mime.Entity(kind, parameters, message.body), "house.example")
    except RemoteProtocolError:
        return


def description(data: bytes, pieces: Pieces) -> None:
    offer = sdp.parse(data)
    sdp.parse(sdp.answer(offer, "sip:juliet@house.example", ["text/plain"]))


def presence(data: bytes, pieces: Pieces) -> None:
    document = pidf.parse(data)
    again = pidf.parse(pidf.render(document))
    assert len(again.tuples) == len(document.tuples), "what was written is not what was read"


def microsoft_presence(data: bytes, pieces: Pieces) -> None:
    pidf.parse(pidf.render(document_from(msrtc.parse(data))))


def wrapped(data: bytes, pieces: Pieces) -> None:
    message = cpim.parse(data)
    imdn.requested(message)
    payloads.read(mime.Entity("message/cpim", {}, data), "house.example")


def parts(data: bytes, pieces: Pieces) -> None:
    for kind in ("multipart/mixed", "multipart/alternative"):
        try:
            payloads.read(mime.Entity(kind, {"boundary": "b"}, data), "house.example")
        except RemoteProtocolError:
            continue
    payloads.read(mime.parse(data), "house.example")


def small_documents(data: bytes, pieces: Pieces) -> None:
    for parse in (imdn.parse, iscomposing.parse, keyboard.parse):
        try:
            parse(data)
        except RemoteProtocolError:
            continue


def rich_text(data: bytes, pieces: Pieces) -> None:
    rtf.text_of(data).encode()


def markup(data: bytes, pieces: Pieces) -> None:
    for charset in ("", "utf-16", "windows-1252"):
        said = text.legal(text.decode(data, charset))
        html.text_of(said)
        ElementTree.fromstring(xhtml.element(xhtml.sanitised(said)) or "<none/>")


def stream(data: bytes, pieces: Pieces) -> None:
    """The stream that somebody opens to us, up to its stanzas: whoever comes is let in as verona.example."""
    numbers = iter(range(1 << 30))
    ids = Identifiers(lambda: f"t{next(numbers)}", "edge.example")
    parser, end = StreamParser(), Receiving(Domain("edge.example"), {OURS}, ids, Keys(b"k"))
    try:
        for piece in pieces(data):
            for event in parser.feed(piece):
                if type(event) is Element and end.ready and event.name in ("message", "presence", "iq"):
                    screen(end, event)
                    _reads_again(event)
                else:
                    _obeys(end, parser, end.receive(event))
            if end.ended:
                return
            if end.ready:
                parser.raise_limit(262_144)
    except StreamError as error:
        assert error.condition


def _obeys(end: Receiving, parser: StreamParser, outputs: list[Output]) -> None:
    for output in outputs:
        if isinstance(output, Restart):
            parser.reset()
        elif isinstance(output, StartTLS):
            _obeys(end, parser, end.secured())
        elif isinstance(output, Verify):
            _obeys(end, parser, end.verified(None if output.remote == THEIRS else Code.A01))
        elif isinstance(output, DialBack):
            _obeys(end, parser, end.answered(output.question, "valid"))


def stanza(data: bytes, pieces: Pieces) -> None:
    """Stanzas on a stream that is authenticated."""
    parser = StreamParser()
    list(parser.feed(HEADER))
    parser.raise_limit(262_144)
    end = Receiving(Domain("edge.example"), {OURS}, Identifiers(lambda: "t", "e"), Keys(b"k"))
    for piece in pieces(data):
        for event in parser.feed(piece):
            if isinstance(event, Element):
                _reads_again(event)
                screen(end, event)


def _reads_again(event: Element) -> None:
    """What we would write of it is what we have read."""
    parser = StreamParser(max_stanza=1 << 24)
    list(parser.feed(HEADER))
    parser.raise_limit(1 << 24)
    (again,) = parser.feed(event.to_bytes())
    assert isinstance(again, Element) and again.to_bytes() == event.to_bytes(), "what was written is not what was read"


def certificate(data: bytes, pieces: Pieces) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = x509.load_der_x509_certificate(data)
        except (ValueError, x509.InvalidVersion):
            return
        for name in sip_names(found) | sip_names(found, or_subject=True):
            assert "*" not in name
        subject_name(found)
        xmpp_matches(found, THEIRS, or_subject=True)
        purposes(found)
        judge([(0, UNKNOWN_ISSUER)], found, [found], eku="strict", accepted=True)
        assert all(each.isprintable() for each in presented(found))
        try:
            _ = found.subject, found.issuer
        except (ValueError, TypeError):
            return  # a handshake has looked, and takes it for none
        for errors in ((), ((0, UNKNOWN_ISSUER),)):
            handshake = Handshake(found, (found,), (found, NOBODY), errors, True)
            Security.of(handshake).facts()
            LEDGER.unknown(handshake, NOW)
            assert LEDGER.fault(handshake, "soft", NOW) is None


def elsewhere(data: bytes, pieces: Pieces) -> None:
    with suppress(posh.PoshError):
        found = posh.read(data)
        assert 0 < found.seconds <= posh.MAX_SECONDS and bool(found.url) + bool(found.fingerprints) < 2
        assert not found.names(NOBODY)
    record = tlsa.read(data)
    assert record is None or not tlsa.proves([record], [NOBODY, NOBODY], well_issued=True, well_named=True)


FOLDER = tempfile.TemporaryDirectory(prefix="edge-fuzz-")  # gone with the process that has made it


def configuration(data: bytes, pieces: Pieces) -> None:
    folder = Path(FOLDER.name) / str(os.getpid())  # several may work at a time
    folder.mkdir(exist_ok=True)
    main, sep, partners = data.partition(b"# partners.toml\n")
    (folder / "edge.toml").write_bytes(main)
    (folder / "partners.toml").write_bytes(partners if sep else b"version = 1\n")
    reading = read(folder / "edge.toml", NOW)
    assert reading.config is not None or reading.faults
    for fault in reading.faults:
        assert str(fault).isprintable() or "\n" not in str(fault)


TARGETS = (
    Target("sip", sip, tokens.SIP_WORDS, "sip/torture"),
    Target("sdp", description, tokens.SDP),
    Target("pidf", presence, tokens.XML),
    Target("msrtc", microsoft_presence, tokens.XML),
    Target("cpim", wrapped, tokens.CPIM),
    Target("multipart", parts, tokens.CPIM),
    Target("small", small_documents, tokens.XML),
    Target("rtf", rich_text, tokens.RTF),
    Target("html", markup, tokens.HTML),
    Target("stream", stream, tokens.STREAM),
    Target("stanza", stanza, tokens.STREAM),
    Target("certificate", certificate, tokens.DER),
    Target("elsewhere", elsewhere, tokens.POSH),
    Target("configuration", configuration, tokens.TOML, share=200),
)
EXPECTED = (RemoteProtocolError, StreamError)
