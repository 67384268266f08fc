"""A street of partners of the gateway, each broken in one way, beside some that are good: for `test_edge_test`.

`build` makes those that are found broken when they are dialled, `come` has some come to the gateway themselves.
"""

import socket
import ssl
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from demo.authority import Authority, Issued
from tests.certificates.issuing import REVOKED, ROOT, leaf, response
from tests.certificates.made import DAY, NOW, Made, dns, make
from tests.certificates.made import authority as made_authority
from tests.interop import broken
from tests.interop.broken import Behaviour, Broken, Hole
from tests.interop.by_hand import PATIENCE, Credentials, SipLink, XmppStream
from tests.interop.edge import NAME, Edge, Keys, System
from tests.interop.process import Addresses, wait_until

MADE = "made.pem"  # a bundle with one root, beside edge.toml
STRANGER = Authority("Whom our peers trust, and not us")
LIMITED: dict[str, Keys] = {
    "one-way": {"allow": "outgoing"},
    "talks-only": {"traffic": "im-only"},
    "unvouched": {"identity": "unverified"},
}
ASKING = {  # what is asked for on a good link, by whom: recipient and sender
    "stray": ("juliet@nowhere.example", "romeo@stray.example"),
    "mouthpiece": ("juliet@capulet.example", "romeo@good.example"),
    "unvouched": ("juliet@capulet.example", "romeo@unvouched.example"),
    "kin": ("juliet@house.example", "romeo@kin.example"),
}
STREAMS = {"x-bare": "house.example", "x-stray": "nowhere.example"}  # and whom they want
EXTERNAL = (
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
    "</stream:features>"
)
STRANGE = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"


@dataclass
class Street:
    """The partners, as they are built up."""

    stack: ExitStack
    addresses: Addresses
    folder: Path
    authority: Authority
    partners: list[System] = field(default_factory=list)

    def context(self, name: str, issued: Issued | Made, *, more: bytes = b"", trusts: bytes = b"") -> ssl.SSLContext:
        """That of a server which trusts our authority, or another; ``more`` certificates go with its own."""
        chain, key = (issued.chain, issued.key) if isinstance(issued, Issued) else (issued.pem, issued.key_pem)
        return broken.context(chain + more, key, self.folder / name, trusts=trusts or self.authority.pem)

    def good(self, name: str) -> Issued:
        return self.authority.issue("", dns=[f"{name}.example"])

    def add(
        self, name: str, behaviour: Behaviour | None = None, *, hosts: list[str] | None = None, via: str = "sip",
        tls: Keys | None = None, xmpp: Keys | None = None, **keys: Any,
    ) -> None:
        if behaviour is not None:
            hosts = [self.stack.enter_context(Broken(self.addresses, "broken", behaviour)).written]
        listed: Keys = {} if hosts is None else {"hosts": hosts}
        names: Keys = {"peer_names": [f"{name}.example"]} if hosts is not None and via == "sip" else {}
        of_tls: Keys = {**names, **(tls or {})}
        self.partners.append(System(name, f"{name}.example", via, {**listed, **keys}, tls=of_tls, xmpp=xmpp or {}))

    def sip(self, name: str, issued: Issued | Made, *, tls: Keys | None = None, more: bytes = b"") -> None:
        """One that has nothing wrong but its certificate."""
        self.add(name, broken.answering(self.context(name, issued, more=more)), tls=tls)


def build(street: Street) -> None:
    authority, addresses = street.authority, street.addresses
    now = datetime.now(UTC)
    # network
    street.add("closed", hosts=[f"{addresses.of('closed')}:{addresses.port('closed')}"])
    street.add("hole", hosts=[street.stack.enter_context(Hole(addresses, "hole")).written])
    street.add("goes", broken.goes)
    street.add("no-route", hosts=["255.255.255.255:5061"])
    # TLS
    street.add("clear", broken.speaks_in_clear)
    street.add("breaks-off", broken.breaks_off)
    street.add("mute", broken.is_silent)
    old = street.context("old-tls", street.good("old-tls"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    street.add("old-tls", broken.answering(old))
    lower = street.context("modern", street.good("modern"))
    lower.maximum_version = ssl.TLSVersion.TLSv1_2
    street.add("modern", broken.answering(lower), tls={"min_version": "1.3"})
    other = street.context("other-cipher", street.good("other-cipher"))
    other.maximum_version = ssl.TLSVersion.TLSv1_2
    other.set_ciphers("ECDHE-ECDSA-AES128-SHA")
    street.add("other-cipher", broken.answering(other))
    for name, version in (("", ssl.TLSVersion.TLSv1_3), ("-12", ssl.TLSVersion.TLSv1_2)):
        minding = street.context(f"minds-us{name}", street.good(f"minds-us{name}"), trusts=STRANGER.pem)
        minding.maximum_version = version
        street.add(f"minds-us{name}", broken.answering(minding))
        going = street.context(f"goes-on-ours{name}", street.good(f"goes-on-ours{name}"))
        going.maximum_version = version
        street.add(f"goes-on-ours{name}", broken.goes_when_it_has_seen(going))
    # certificates
    street.sip("good", street.good("good"))
    street.sip("unknown-ca", Authority("A stranger").issue("", dns=["unknown-ca.example"]))
    street.sip("expired", authority.issue("", dns=["expired.example"], not_after=now - timedelta(hours=1)))
    street.sip("ends-soon", authority.issue("", dns=["ends-soon.example"], not_after=now + timedelta(days=3)))
    street.sip("wrong-name", authority.issue("padua.example", dns=["padua.example"]))
    street.sip("cn-only", authority.issue("cn-only.example"))
    street.sip("client-only", authority.issue("", dns=["client-only.example"], eku=["client"]))
    street.sip("too-early", authority.issue("", dns=["too-early.example"], not_before=now + timedelta(hours=1)))
    street.sip("other-key", street.good("other-key"), tls={"pin_spki": ["sha256/" + "A" * 43 + "="]})
    own: Keys = {"ca": MADE}
    between = made_authority("Between", issuer=ROOT, number=3)
    street.sip("no-intermediate", make(dns("no-intermediate.example"), issuer=between, says_issuer=True), tls=own)
    ended = made_authority("Ended", issuer=ROOT, number=4, ends=NOW - DAY, begins=NOW - 9 * DAY)
    street.sip("old-issuer", make(dns("old-issuer.example"), issuer=ended), tls=own, more=ended.pem)
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    street.sip("weak", make(dns("weak.example"), issuer=ROOT, own=short), tls=own)
    street.sip("unknowable", make(dns("unknowable.example"), issuer=ROOT), tls={**own, "revocation": "hard"})
    bad = leaf(number=7)
    stapled = broken.stapling(bad.pem + ROOT.pem, bad.key_pem, street.folder / "revoked", response(bad, REVOKED))
    street.add("revoked", stapled, tls={**own, "peer_names": ["b.example"]})
    # what they say
    street.add("blocked", broken.goes)
    refusing = street.context("refuses", street.good("refuses"))
    why = ("ms-diagnostics-public", '1027;reason="Cannot route this type of SIP request to or from federated partners"')
    street.add("refuses", broken.answering(refusing, "403 Forbidden", (why,)))
    busy = street.context("busy", street.good("busy"))
    street.add("busy", broken.answering(busy, "503 Service Unavailable"))
    street.add("full", broken.answering(street.context("full", street.good("full")), "483 Too Many Hops"))
    for name, keys in LIMITED.items():
        street.add(name, broken.answering(street.context(name, street.good(name))), **keys)
    for name in ("stray", "mouthpiece", "kin"):
        street.sip(name, street.good(name))
    good = broken.answering(street.context("bare", street.good("bare")))
    street.add("bare", hosts=[street.stack.enter_context(Broken(addresses, "bare", good)).written])
    build_xmpp(street)


def build_xmpp(street: Street) -> None:
    def secured(name: str, certificate: Issued | None = None) -> ssl.SSLContext:
        return street.context(name, certificate or street.good(name))

    without = "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
    for name, then in {
        "x-no-proof": (without,), "x-stranger": (STRANGE,), "x-wrong-name": (EXTERNAL,), "x-slow": (),
    }.items():
        issued = street.authority.issue("", dns=["padua.example"]) if name == "x-wrong-name" else None
        found = secured(name, issued)
        behaviour = broken.streaming(f"{name}.example", found, *then)
        if name == "x-slow":
            behaviour = broken.waiting(f"{name}.example", found)
        street.add(name, behaviour, via="xmpp")
    for name in STREAMS:
        street.add(name, hosts=[f"{street.addresses.of('closed')}:{street.addresses.port('closed')}"], via="xmpp")
    street.add("x-no-tls", broken.streaming("x-no-tls.example", None, EXTERNAL), via="xmpp")
    street.add("x-goes", broken.going("x-goes.example", secured("x-goes")), via="xmpp")


def come(street: Street, edge: Edge) -> None:
    """Those whose own links, or what they ask for on them, the gateway refuses."""

    def credentials(name: str) -> Credentials:
        return Credentials(street.folder, None if name.endswith("bare") else street.good(name), street.authority.pem)

    for name, (recipient, sender) in ASKING.items():
        with SipLink.dial((edge.address, edge.sip), NAME, credentials(name)) as link:
            assert link.message(f"sip:{recipient}", f"sip:{sender}", "Hello").status >= 400
    ours = (street.addresses.of("bare"), 0)  # all that tells who it is
    context = credentials("bare").context(ssl.Purpose.SERVER_AUTH)
    with (
        socket.create_connection((edge.address, edge.sip), PATIENCE, source_address=ours) as plain,
        context.wrap_socket(plain, server_hostname=NAME),
    ):
        wait_until(lambda: edge.says("link.refused", f"peer_ip={ours[0]}"), "it is refused", PATIENCE)
    for name, wanted in STREAMS.items():
        with XmppStream((edge.address, edge.xmpp), f"{name}.example", wanted) as stream, suppress(OSError):
            assert not stream.authenticate(credentials(name))
        refused = partial(edge.says, "link.refused", f"remote={name}.example")
        wait_until(refused, f"{name} is refused", PATIENCE)
