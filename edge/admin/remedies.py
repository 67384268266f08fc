"""What to do about a finding of `edge test`: here, in our own files, and there, at the other side.

What is to be done there may be sent to the other side; what is to be done here names our own keys and stays with us.
Pure. Used by `edge.admin.examining`, which knows the facts that the sentences need.
"""

from collections.abc import Mapping

from edge.admin.cures import CURES
from edge.codes import Code

# The words in braces are `words_of`'s.
HERE = {
    Code.D01: 'name their servers with hosts = ["..."] until they publish it',
    Code.D02: "look for a slip in hosts, if the name is written there",
    Code.D04: 'srv_targets_outside_domain = true, or hosts = ["{found}"], if you know that it is theirs',
    Code.D05: 'hosts = ["..."] with the address that can be reached from here',
    Code.D06: "try the resolver from this machine; [dns] servers names another one",
    Code.N04: "look at the network of this machine, and whether it has IPv6 at all",
    Code.T06: "send them our chain (edge cert chain); {purpose}",
    Code.T05: "send them our chain (edge cert chain); {purpose}",
    Code.C01: '[partner.tls] ca = "FILE" with their root, or pin_spki = ["{pin}"], if you trust this certificate',
    Code.C03: '[partner.tls] peer_names = ["{found}"], if you trust that name',
    Code.C04: '[partner.tls] names = "san-or-cn", if you trust that name',
    Code.C05: '[partner.tls] eku = "any", if the purpose does not matter to you',
    Code.C08: '[partner.tls] revocation = "soft", or let this machine out to their issuer\'s list',
    Code.C09: "compare the clock of this machine with a time server first",
    Code.C12: '[partner.tls] pin_spki = ["{pin}"], if they have told you on another way that the key is new',
    Code.A01: "edge allow {domain}",
    Code.A02: "take it out of [[blocked]]",
    Code.A03: 'change allow, or direction in [partner.presence]',
    Code.A04: "change traffic of the partner",
    Code.A05: "add the sender's domain to domains of the partner, if it is theirs",
    Code.A06: "compare the domain they ask for with domains under [[inside]]: edge explain says who has it",
    Code.A07: 'identity = "verified", if you take their word; else the recipient adds the sender as a contact first',
    Code.A08: "list a domain of ours that speaks the other protocol",
}

THERE = {
    Code.D01: "publish {record}",
    Code.D02: "give {host} an A or AAAA record",
    Code.D04: "publish a server name that lies directly in {domain}",
    Code.D05: "publish public addresses only: inside and outside views of the zone are mixed up",
    Code.D06: "see that the name servers of {domain} answer everybody",
    Code.N01: "start the server, or publish the port on which it listens: nothing listens on {where}",
    Code.N02: "let TCP connections to {where} in: a firewall swallows them, or the host is off",
    Code.N03: "look for what cuts connections on {where}: a firewall, a limit, a restart",
    Code.T01: "turn on TLS on {where}, or look for what takes it out on the way",
    Code.T02: "turn on TLS 1.2 or 1.3",
    Code.T03: "turn on a cipher suite with ECDHE and AES-GCM or ChaCha20",
    Code.T04: "send a certificate when the server connects, and not only when it accepts (mutual TLS)",
    Code.T05: "trust the issuer of our certificate: {issuer}",
    Code.T06: "trust the issuer of our certificate: {issuer}",
    Code.T07: "look in the log of the server for what it could not take",
    Code.C01: "get a certificate from a public issuer, or give us the root that has issued this one",
    Code.C02: "renew the certificate",
    Code.C03: "re-issue the certificate with {wanted}",
    Code.C04: "re-issue the certificate with {wanted} as a subject alternative name",
    Code.C05: "re-issue the certificate with the purpose serverAuth",
    Code.C06: "send the intermediate certificates too{at}",
    Code.C07: "take the certificate that has ended out of what the server sends",
    Code.C09: "compare the clock of the server with a time server",
    Code.C10: "replace the certificate at once: its issuer has taken it back",
    Code.C11: "re-issue the certificate with RSA of 2048 bits or more or an elliptic curve, signed with SHA-256",
    Code.C12: "tell us of the new key, on another way than this one",
    Code.A05: "send it over a link whose certificate has the sender's domain",
    Code.A06: "look for a slip in the address: we serve {local}, and not what was asked for",
    Code.A11: "let {local} in, and our server {name}",
    Code.X01: "send the server's log of this moment to its maker: what it sent is no XML",
    Code.X02: "send the server's log of this moment to its maker: what it sent is no XML that XMPP allows",
    Code.X06: "look in the log of the server for why the stream was not set up in time",
    Code.X07: "see that the server can reach ours to ask about the dialback key",
    Code.L04: "look in the log of the server for what it has sent",
}


def remedy(code: Code, words: Mapping[str, str]) -> tuple[str, str]:
    """What to do here and there; at least one of them says something."""
    here, there = HERE.get(code, ""), THERE.get(code, "")
    if not here and not there:
        here = CURES[code]
    return here.format_map(words), there.format_map(words)
