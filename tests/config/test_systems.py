"""From entries to systems: defaults, what goes together, and what is claimed twice."""

from pathlib import Path

import pytest

from edge.config.systems import BUILT_IN, MAX_SECRET
from edge.mapping.profile import Profile
from edge.partners import HostPort, System
from tests.config.written import EDGE, PARTNERS, Written, changed


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def systems(written: Written, edge: str | None = None, partners: str | None = None) -> dict[str, System]:
    config = written.write(edge, partners).read().config
    assert config is not None, written.read().faults
    return {system.name: system for system in config.systems}


def test_entry_that_says_little_gets_the_defaults(written: Written) -> None:
    assert systems(written)["fabrikam"] == System(
        name="fabrikam",
        inside=False,
        protocol="sip",
        domains=("fabrikam.com", "fabrikam.example"),  # type: ignore[arg-type]
        link="tls",
        hosts=None,
        peer_names=frozenset({"fabrikam.com", "fabrikam.example"}),  # type: ignore[arg-type]
        resume_per_s=8.0,
    )


def test_built_in_defaults_are_those_of_a_system() -> None:
    bare = System("x", False, "sip", ())
    assert BUILT_IN.page_type == bare.page_type
    assert BUILT_IN.im_mode == bare.im_mode
    assert (BUILT_IN.html, BUILT_IN.encrypted) == (bare.html, bare.encrypted)
    assert BUILT_IN.verification_marker == bare.verification_marker
    assert (BUILT_IN.presence.format, BUILT_IN.presence.piggyback) == (bare.presence_format, bare.piggyback)
    assert BUILT_IN.tls.min_version == bare.min_version
    for limit in (
        "pending_messages", "pending_seconds", "stanza_bytes", "message_bytes", "resume_per_s", "connections_in",
        "messages_per_s", "burst",
    ):
        assert getattr(BUILT_IN.limits, limit) == getattr(bare, limit)
    assert BUILT_IN.limits.connections_out == bare.connections_out


def test_entry_that_says_everything_is_taken_at_its_word(written: Written) -> None:
    partners = """\
version = 1
[[partner]]
name = "lync"
domains = ["Bücher.example"]
via = "sip"
hosts = ["edge1.contoso.com:5061", "192.0.2.7:5062", "[2001:db8::7]:5063"]
im_mode = "page"
html = "xhtml"
encrypted = "fallback"
verification_marker = "ms-asserted-verification-level: ms-source-verified-user=verified"
offer_alias = true
contact = "uc-team@contoso.com"
notes = "CU10"
[partner.tls]
ca = "certs/ca.pem"
peer_names = ["Edge.Contoso.com."]
min_version = "1.3"
[partner.limits]
pending_messages = 7
pending_seconds = 5
stanza_bytes = 20000
message_bytes = 4000
resume_per_s = 0.5
connections_in = 2
connections_out = 1
[partner.presence]
outbound = "basic"
notes = false
direction = "we-see-them"
format = "msrtc"
piggyback = true
[partner.presence.map]
"sip:busy" = "away+Busy"
[[partner]]
name = "jabber"
domains = ["jabber.example"]
via = "xmpp"
hosts = "srv"
page_type = "normal"
confirm = "write"
"""
    found = systems(written, EDGE, partners)
    assert found["lync"] == System(
        name="lync",
        inside=False,
        protocol="sip",
        domains=("xn--bcher-kva.example",),  # type: ignore[arg-type]
        hosts=(HostPort("edge1.contoso.com", 5061), HostPort("192.0.2.7", 5062), HostPort("2001:db8::7", 5063)),
        peer_names=frozenset({"edge.contoso.com"}),  # type: ignore[arg-type]
        ca=written.folder / "certs" / "ca.pem",
        min_version="1.3",
        im_mode="page",
        message_bytes=4000,
        html="xhtml",
        encrypted="fallback",
        verification_marker="ms-asserted-verification-level: ms-source-verified-user=verified",
        offer_alias=True,
        pending_messages=7,
        pending_seconds=5.0,
        stanza_bytes=20000,
        resume_per_s=0.5,
        connections_in=2,
        connections_out=1,
        presence=Profile.build(outbound="basic", notes=False, rows={"sip:busy": "away+Busy"}),
        direction="we-see-them",
        presence_format="msrtc",
        piggyback=True,
        contact="uc-team@contoso.com",
        notes="CU10",
    )
    assert (found["jabber"].link, found["jabber"].hosts, found["jabber"].page_type) == ("s2s", None, "normal")
    assert found["jabber"].confirm == "write"


def test_component_has_its_secret(written: Written) -> None:
    office = systems(written)["office"]
    assert (office.inside, office.link, office.confirm, office.secret, office.hosts) == (
        True,
        "component",
        "ack",
        "hush",
        (HostPort("127.0.0.1", 5347),),
    )


def test_defaults_apply_to_the_partners_that_say_nothing(written: Written) -> None:
    head = """\
version = 1
[defaults]
page_type = "normal"
im_mode = "page"
html = "xhtml"
encrypted = "fallback"
[defaults.tls]
ca = "certs/ca.pem"
min_version = "1.3"
[defaults.limits]
pending_messages = 9
pending_seconds = 12
stanza_bytes = 30000
message_bytes = 2000
connections_in = 7
connections_out = 2
"""
    own = '\n[partner.tls]\nca = "system"\nmin_version = "1.2"\n[partner.limits]\npending_messages = 1\n'
    found = systems(written, EDGE, changed(PARTNERS, "version = 1\n", head) + own)
    contoso, fabrikam, office = found["contoso"], found["fabrikam"], found["office"]
    assert (contoso.ca, contoso.min_version) == (written.folder / "certs/ca.pem", "1.3")
    assert (contoso.pending_messages, contoso.pending_seconds) == (9, 12.0)
    assert (contoso.stanza_bytes, contoso.message_bytes, contoso.page_type) == (30000, 2000, "normal")
    assert (contoso.connections_in, contoso.connections_out) == (7, 2)
    assert (contoso.html, contoso.encrypted) == ("xhtml", "fallback")
    assert (office.html, office.encrypted) == ("plain", "refuse")
    assert (fabrikam.ca, fabrikam.min_version, fabrikam.pending_messages) == (None, "1.2", 1)
    assert (office.ca, office.min_version, office.pending_messages, office.page_type) == (None, "1.2", 500, "chat")


def test_trust_of_edge_toml_applies_to_all_that_say_nothing(written: Written) -> None:
    edge = changed(EDGE, '"certs/edge.key"\n', '"certs/edge.key"\nca = "certs/ca.pem"\n')
    own = '[partner.tls]\nca = "system"\n'
    found = systems(written, edge, PARTNERS + own)
    assert [found[name].ca for name in ("office", "contoso", "fabrikam")] == [
        written.folder / "certs/ca.pem",
        written.folder / "certs/ca.pem",
        None,
    ]


CLAIMED_TWICE = [
    # what partner "contoso" lists, the fault
    (
        '"xmpp.example"',
        '"xmpp.example" is both our domain and a domain of partner "contoso" (also in edge.toml line 11)',
    ),
    (
        '"XMPP.Example."',
        '"xmpp.example" is both our domain and a domain of partner "contoso" (also in edge.toml line 11)',
    ),
    ('"a.example", "A.example"', '"a.example" is listed twice in partner "contoso"'),
    (
        '"bücher.example", "xn--bcher-kva.example"',
        '"bücher.example" is listed twice in partner "contoso"',
    ),
]


@pytest.mark.parametrize(("domains", "text"), CLAIMED_TWICE)
def test_domain_that_is_claimed_twice_names_both_places(written: Written, domains: str, text: str) -> None:
    faults = written.faults(EDGE, changed(PARTNERS, '"contoso.com"', domains))
    assert faults == [("K03", "partners.toml line 5", text)]


def test_domain_of_two_partners_names_both_places(written: Written) -> None:
    assert written.faults(EDGE, changed(PARTNERS, '"fabrikam.example"', '"contoso.com"')) == [
        (
            "K03",
            "partners.toml line 11",
            '"contoso.com" is a domain of both partner "contoso" and partner "fabrikam" (also in partners.toml line 5)',
        )
    ]


def test_domain_of_two_inside_systems_is_a_fault(written: Written) -> None:
    more = '[[inside]]\nname = "lab"\ndomains = ["xmpp.example"]\nvia = "sip"\n'
    assert written.faults(EDGE + more, PARTNERS) == [
        (
            "K03",
            "edge.toml line 18",
            '"xmpp.example" is a domain of both inside "office" and inside "lab" (also in edge.toml line 11)',
        )
    ]


def test_name_that_is_given_twice_names_both_places(written: Written) -> None:
    assert written.faults(EDGE, changed(PARTNERS, '"fabrikam"', '"office"')) == [
        ("K02", "partners.toml line 10", 'the name "office" is given twice (also in edge.toml line 10)')
    ]


SPOILED = [
    # added to partner "fabrikam" (via = "sip", found by SRV), the fault
    ('link = "s2s"', 13, '"link" in partner "fabrikam" is a key of systems with via = "xmpp"'),
    ('page_type = "chat"', 13, '"page_type" in partner "fabrikam" is a key of systems with via = "xmpp"'),
    ('confirm = "write"', 13, '"confirm" in partner "fabrikam" is a key of systems with via = "xmpp"'),
    ('secret_file = "x"', 13, '"secret_file" in partner "fabrikam" is a key of systems with link = "component"'),
    (
        'hosts = ["192.0.2.1:5061"]',
        13,
        'partner "fabrikam" has an IP address among its hosts and needs "peer_names" in [partner.tls]: no certificate '
        "speaks for an address",
    ),
    (
        'hosts = ["edge.fabrikam.com"]',
        13,
        'host "edge.fabrikam.com" in partner "fabrikam": a port is missing, as in "edge.fabrikam.com:5061"',
    ),
    (
        '[partner.tls]\npeer_names = ["*.fabrikam.com"]',
        14,
        'peer name "*.fabrikam.com" in [partner.tls] of partner "fabrikam": a wildcard stands for whole '
        'labels at the left of a listed domain, as in "*.example.com"',
    ),
]


@pytest.mark.parametrize(("lines", "line", "text"), SPOILED)
def test_sip_entry_that_makes_no_sense_is_a_fault(written: Written, lines: str, line: int, text: str) -> None:
    faults = [each for each in written.faults(EDGE, PARTNERS + lines) if each[0] != "K04"]
    assert faults == [("K02", f"partners.toml line {line}", text)]


JABBER = '[[partner]]\nname = "jabber"\ndomains = ["jabber.example"]\nvia = "xmpp"\n'

SPOILED_XMPP = [
    ('im_mode = "page"', 17, '"im_mode" in partner "jabber" is a key of systems with via = "sip"'),
    (
        "[partner.limits]\nmessage_bytes = 2000",
        18,
        '"message_bytes" in [partner.limits] of partner "jabber" is a key of systems with via = "sip"',
    ),
    (
        'verification_marker = "ms-x: y"',
        17,
        '"verification_marker" in partner "jabber" is a key of systems with via = "sip"',
    ),
    ("offer_alias = true", 17, '"offer_alias" in partner "jabber" is a key of systems with via = "sip"'),
    (
        '[partner.presence]\nformat = "msrtc"',
        18,
        '"format" in [partner.presence] of partner "jabber" is a key of systems with via = "sip"',
    ),
    (
        "[partner.presence]\npiggyback = true",
        18,
        '"piggyback" in [partner.presence] of partner "jabber" is a key of systems with via = "sip"',
    ),
    ('link = "component"\nhosts = ["h.example:5347"]', 13, 'a component link needs "secret_file" in partner "jabber"'),
    ('link = "component"\nsecret_file = "component.secret"', 13, 'a component link needs "hosts" in partner "jabber"'),
    (
        'link = "component"\nsecret_file = "component.secret"\nhosts = "srv"',
        13,
        'a component link needs "hosts" in partner "jabber"',
    ),
]


@pytest.mark.parametrize(("lines", "line", "text"), SPOILED_XMPP)
def test_xmpp_entry_that_makes_no_sense_is_a_fault(written: Written, lines: str, line: int, text: str) -> None:
    reading = written.write(EDGE, PARTNERS + JABBER + lines).read()
    errors = [(fault.code.name, fault.place, fault.text) for fault in reading.faults if not fault.warning]
    assert errors == [("K02", f"partners.toml line {line}", text)]


@pytest.mark.parametrize(
    "value",
    [
        'ca = "system"', 'peer_names = ["x.example"]', 'min_version = "1.3"', 'eku = "any"', 'names = "san"',
        f'pin_spki = ["sha256/{"A" * 43}="]', 'revocation = "off"',
    ],
)
def test_component_link_has_no_tls_to_set(written: Written, value: str) -> None:
    [(code, place, text)] = written.faults(f"{EDGE}[inside.tls]\n{value}\n", PARTNERS)
    assert (code, place) == ("K02", "edge.toml line 17")
    assert text.endswith('of inside "office" is a key of links with TLS, and a component link has none')


def test_xmpp_servers_may_have_other_names_than_their_domains(written: Written) -> None:
    found = systems(written, EDGE, PARTNERS + JABBER + '[partner.tls]\npeer_names = ["x1.hoster.example"]\n')
    assert found["jabber"].peer_names == {"x1.hoster.example"}


def test_address_of_an_xmpp_host_needs_no_peer_names(written: Written) -> None:
    found = systems(written, EDGE, PARTNERS + JABBER + 'hosts = ["192.0.2.1:5269"]\n')
    assert found["jabber"].hosts == (HostPort("192.0.2.1", 5269),)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "holds no single line of text"),
        (b" \n", "holds no single line of text"),
        (b"one\ntwo\n", "holds no single line of text"),
        (b"\xff\xfe", "holds no single line of text"),
        (b"x" * (MAX_SECRET + 1), "has more than 1024 bytes"),
        (None, "does not exist"),
    ],
)
def test_secret_file_that_holds_no_secret_is_a_fault(written: Written, content: bytes | None, text: str) -> None:
    secret = written.folder / "component.secret"
    secret.unlink() if content is None else secret.write_bytes(content)
    [(code, place, said)] = written.faults()
    assert (code, place) == ("K04", "edge.toml line 15")
    assert text in said


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"", "there is no PEM certificate"), (b"-----BEGIN CERTIFICATE-----", "damaged"), (None, "does not exist")],
)
def test_trust_bundle_that_is_none_is_one_fault(written: Written, content: bytes | None, text: str) -> None:
    if content is not None:
        (written.folder / "bundle.pem").write_bytes(content)
    head = 'version = 1\n[defaults.tls]\nca = "bundle.pem"\n'
    own = '[partner.tls]\nca = "bundle.pem"\n'
    [(code, place, said)] = written.faults(EDGE, changed(PARTNERS, "version = 1\n", head) + own)
    assert (code, place) == ("K04", "partners.toml line 3")
    assert text in said


MARKERS = ["X-Mine: yes", "ms-a:b", "ms-a: b\\r\\nVia: c", "ms-a: b ", "ms-: ä", "ms-a", "Via: SIP/2.0/TLS x"]


@pytest.mark.parametrize(("key", "value"), [("html", "xhtml"), ("encrypted", "fallback")])
def test_what_passes_between_us_and_a_partner_is_said_of_the_partner(written: Written, key: str, value: str) -> None:
    edge = changed(EDGE, 'link = "component"\n', f'link = "component"\n{key} = "{value}"\n')
    [(code, _, said)] = written.faults(edge)
    assert code == "K02"
    assert said.startswith(f'"{key}" in inside "office" is a key of partners')


@pytest.mark.parametrize("line", MARKERS)
def test_marker_of_verification_is_one_header_of_its_kind(written: Written, line: str) -> None:
    partners = changed(PARTNERS, 'via = "sip"\nhosts', f'via = "sip"\nverification_marker = "{line}"\nhosts')
    [(code, place, said)] = written.faults(EDGE, partners)
    assert (code, place) == ("K02", "partners.toml line 7")
    assert 'must be the line of a header whose name begins with "ms-", or ""' in said


def test_defaults_that_are_for_sip_partners_alone_leave_the_others_out(written: Written) -> None:
    head = 'version = 1\n[defaults]\nverification_marker = "ms-a: b"\n[defaults.presence]\nformat = "msrtc"\n'
    head += "[defaults.limits]\nmessage_bytes = 2000\n"
    own = '[partner.presence]\nformat = "pidf"\npiggyback = true\n'
    found = systems(written, EDGE, changed(PARTNERS, "version = 1\n", head) + own + JABBER)
    told = {name: (each.verification_marker, each.presence_format, each.piggyback) for name, each in found.items()}
    assert told == {
        "office": ("", "pidf", False), "contoso": ("ms-a: b", "msrtc", False),
        "fabrikam": ("ms-a: b", "pidf", True), "jabber": ("", "pidf", False),
    }
    assert (found["contoso"].message_bytes, found["jabber"].message_bytes) == (2000, 1300)
