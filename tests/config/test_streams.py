"""[partner.xmpp]: which proofs count, and how streams begin and end."""

from pathlib import Path

import pytest

from edge.config.schema import SystemStreams
from edge.config.streams import streams_of
from edge.partners import Streams
from tests.config.written import EDGE, PARTNERS, Written

SERVER = """
[[partner]]
name = "montague"
domains = ["montague.example"]
via = "xmpp"
{more}
[partner.xmpp]
{keys}
"""


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def faults(written: Written, keys: str, more: str = "") -> list[str]:
    return [text for _, _, text in written.faults(partners=PARTNERS + SERVER.format(keys=keys, more=more))]


def test_streams_of_whom_nothing_is_said_need_a_certificate() -> None:
    assert streams_of(SystemStreams()) == Streams(external=True, dialback=False, bidi=True, direct=False)


def test_streams_are_as_they_are_configured() -> None:
    said = SystemStreams(starttls="direct", auth=["dialback-tls"], bidi=False, idle_seconds=90)
    assert streams_of(said) == Streams(external=False, dialback=True, bidi=False, direct=True, idle_seconds=90)
    assert streams_of(SystemStreams(auth=["external", "dialback-tls"])) == Streams(dialback=True)


def test_further_proofs_keep_their_order() -> None:
    assert streams_of(SystemStreams(auth=["posh", "external", "dane", "posh"])) == Streams(further=("posh", "dane"))
    assert streams_of(SystemStreams(auth=["dane"])) == Streams(external=False, further=("dane",))


def test_dane_wants_a_resolver_that_validates(written: Written) -> None:
    written.write(partners=PARTNERS + SERVER.format(keys='auth = ["external", "dane"]', more=""))
    assert [str(each) for each in written.read().faults if "montague" in str(each) and "dnssec" in str(each)]
    written.write(EDGE + "[dns]\ndnssec = true\n")
    reading = written.read()
    assert not [str(each) for each in reading.faults if "dnssec" in str(each)]
    assert reading.config is not None and reading.config.validators == ()
    config = written.write(EDGE).read().config
    assert config is not None and config.validators is None


def test_streams_are_read_from_the_partner_file(written: Written) -> None:
    keys = 'auth = ["external", "dialback-tls"]\nidle_seconds = 60'
    reading = written.write(partners=PARTNERS + SERVER.format(keys=keys, more="")).read()
    assert reading.config is not None, reading.faults
    streams = {system.name: system.streams for system in reading.config.systems}
    assert streams["montague"] == Streams(dialback=True, idle_seconds=60)
    assert streams["fabrikam"] == Streams()


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ("auth = []", "auth"),
        ('auth = ["dialback"]', "auth"),
        ('auth = "external"', "auth"),
        ('starttls = "optional"', "starttls"),
        ('bidi = "yes"', "bidi"),
        ("idle_seconds = 10", "idle_seconds"),
    ],
)
def test_streams_that_cannot_be_are_a_fault(written: Written, keys: str, word: str) -> None:
    (text,) = faults(written, keys)
    assert f'"{word}"' in text


def test_streams_belong_to_servers(written: Written) -> None:
    component = 'link = "component"\nhosts = ["127.0.0.1:5347"]\nsecret_file = "s"'
    assert any('"bidi"' in text and 'link = "s2s"' in text for text in faults(written, "bidi = true", component))
    sip = SERVER.replace('"xmpp"', '"sip"').format(keys="bidi = true", more="")
    said = [text for _, _, text in written.faults(partners=PARTNERS + sip)]
    assert any('"bidi"' in text and 'via = "xmpp"' in text for text in said)
