"""What the administrator of the other side has to set for us, by the software that he runs: for `edge onboard`.

Facts are those of the makers' documents; of Prosody and ejabberd they have been tried (docs/interop.md).
"""

from collections.abc import Callable
from typing import NamedTuple

from cryptography.x509.oid import NameOID

from edge.certificates.identity import Identity
from edge.domains import Domain
from edge.partners import System

SPEAKS = {
    "lync": "sip", "cisco": "sip", "prosody": "xmpp", "ejabberd": "xmpp", "openfire": "xmpp", "expressway": "xmpp",
    "cisco-xmpp": "xmpp",
}
TITLES = {
    "lync": "Lync Server or Skype for Business Server, in its Management Shell",
    "cisco": "Cisco IM and Presence, SIP federation",
    "prosody": "Prosody, in prosody.cfg.lua",
    "ejabberd": "ejabberd, in ejabberd.yml",
    "openfire": "Openfire, in its system properties",
    "expressway": "Cisco IM and Presence behind Expressway, XMPP federation on Expressway-E",
    "cisco-xmpp": "Cisco IM and Presence, its own XMPP federation",
}
TRIED = frozenset({"prosody", "ejabberd"})


class Ours(NamedTuple):
    """What the other side has to know of us."""

    name: Domain
    port: int
    domains: tuple[Domain, ...]  # that may talk to them
    identity: Identity
    records: tuple[str, ...]


def needed(kind: str, system: System) -> str:
    """What we have to set first, at our side."""
    if kind == "expressway" and not system.streams.dialback:
        key = 'auth = ["external", "dialback-tls"] in its [partner.xmpp]'
        return f"let {system.name} prove itself by dialback, the only way that it has: {key}"
    return ""


# -- private ---------------------------------------------------------------------------------------------------------


def _lync(ours: Ours, theirs: str) -> list[str]:
    lines = ["Set-CsAccessEdgeConfiguration -AllowFederatedUsers $true"]
    lines += [
        f'New-CsAllowedDomain -Identity {domain} -ProxyFqdn {ours.name} -Comment "XMPP federation"'
        for domain in ours.domains
    ]
    return [
        *lines,
        "Set-CsExternalAccessPolicy -Identity Global -EnableFederationAccess $true",
        "",
        "The domains must not stand under the hosting or public providers as well: then every request is answered 403.",
        f"Firewalls have to let your Access Edge out to {ours.name}, port {ours.port}, and us in to yours, port 5061.",
        "",
        "To try it:",
        f"Test-CsFederatedPartner -TargetFqdn INTERNAL-NAME-OF-YOUR-EDGE -Domain {ours.domains[0]}",
    ]


def _cisco(ours: Ours, theirs: str) -> list[str]:
    called = ours.identity.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    subject = str(called[0].value) if called else f"{ours.name} (our certificate has no common name: ask us for one)"
    patterns = [f".{'.'.join(reversed(domain.split('.')))}.*" for domain in ours.domains]
    return [
        f"SIP federated domain:  {', '.join(ours.domains)} (not as an XMPP federated domain as well)",
        f"TLS peer subject:      {subject}, with a TLS context that asks for the certificates of both sides",
        f"Static route:          {', '.join(patterns)}, which is the domain from right to left",
        f"                       next hop {ours.name}, port {ours.port}, type domain, TLS",
        "Trust:                 the root of our issuer as a trusted certificate of the service that serves SIP",
        "",
        "The server takes most of this up when it is restarted.",
    ]


def _prosody(ours: Ours, theirs: str) -> list[str]:
    return [
        's2s_require_encryption = true',
        f"s2s_secure_domains = {{ {', '.join(f'{chr(34)}{each}{chr(34)}' for each in ours.domains)} }}",
        '   -- not needed where s2s_secure_auth = true',
        'modules_enabled = { ... "s2s_bidi" }   -- one connection for both directions, from 0.12 on',
        "",
        "To try it:",
        f"prosodyctl shell 'xmpp:ping(\"{theirs.partition(',')[0]}\", \"{ours.domains[0]}\")'",
        f"prosodyctl shell 's2s:show(\"{ours.domains[0]}\")'",
    ]


def _ejabberd(ours: Ours, theirs: str) -> list[str]:
    lines = ["s2s_use_starttls: required", "modules:", "  mod_s2s_bidi: {}        # from 24.10 on"]
    if not ours.identity.allows_client:
        lines += [
            "  mod_s2s_dialback: {}",
            "",
            "Before 25.08 ejabberd does not take our certificate, which is for servers alone, from us as a client:",
            "update it, or tell us, so that we allow dialback for your domain.",
        ]
    return [
        *lines,
        "",
        f"If s2s_access names who may connect, let it name {', '.join(ours.domains)}.",
    ]


def _openfire(ours: Ours, theirs: str) -> list[str]:
    return [
        "xmpp.server.socket.active                   true",
        "xmpp.server.tls.policy                      required",
        "xmpp.server.certificate.accept-selfsigned   false",
        "",
        f"If xmpp.server.permission lets listed servers in alone, list {', '.join(ours.domains)}.",
        "The root of our issuer has to be in the trust store for servers.",
        "Of a certificate it takes the XMPP addresses, else the other alternative names, and the common name only",
        f"where there is none of these; ours {_carries(ours)}.",
        "",
        "To try it: add a contact of ours, and look at the server sessions in its console.",
    ]


def _expressway(ours: Ours, theirs: str) -> list[str]:
    return [
        "XMPP federation:  on for your domain, with TLS required, which is the default",
        f"Allow list:       {', '.join(ours.domains)}, each exactly so: there are no wildcards, and by default",
        "                  nobody is let in who is not on the list",
        "How we are found: by the records above; or by static routes, which put the domain on the list by themselves,",
        f"                  to {ours.name}, port {ours.port}. Where they fail DNS is not asked.",
        "",
        "Expressway proves itself by dialback and has no SASL EXTERNAL. So we ask the server back that",
        f"_xmpp-server._tcp of your domain leads to: it must be your Expressway-E, and let {ours.name} in.",
        "It asks for the domain as an alternative name of a certificate, even where certificates of the other side",
        f"are not required; ours {_carries(ours)}.",
        "",
        "The domains must not be federated by SIP as well.",
        "That a connection is dead it may notice only after a quarter of an hour.",
    ]


def _cisco_xmpp(ours: Ours, theirs: str) -> list[str]:
    return [
        "Security mode:  TLS required, with SASL EXTERNAL offered and used (two check boxes)",
        f"Policy:         where it is Deny, an exception for {', '.join(ours.domains)}, for packets of both directions",
        "Trust:          the root of our issuer in cup-xmpp-trust",
        f"Certificate:    cup-xmpp-s2s, with {theirs} as alternative names",
        "",
        "Where certificates of the other side are required, they have to carry the domain as an alternative name;",
        f"ours {_carries(ours)}.",
        "",
        "The domains must not be federated by SIP as well.",
        "Each change takes a restart of Cisco XCP Router and of Cisco XCP XMPP Federation Connection Manager.",
    ]


def _carries(ours: Ours) -> str:
    """Whether our certificate has what those want that look at alternative names alone."""
    missing = [each for each in ours.domains if each not in ours.identity.names]
    return f"does not carry {', '.join(missing)}: tell us" if missing else f"carries {', '.join(ours.domains)}"


STEPS: dict[str, Callable[[Ours, str], list[str]]] = {
    "lync": _lync, "cisco": _cisco, "prosody": _prosody, "ejabberd": _ejabberd, "openfire": _openfire,
    "expressway": _expressway, "cisco-xmpp": _cisco_xmpp,
}
