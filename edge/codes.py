"""The reason codes: every refusal carries exactly one.

A code is stable and never used twice for different things. `Code.status` and `Code.condition` are what a
SIP and an XMPP peer are told; `Code.sentence` is what everybody may read (it names nobody), `Code.who`
says whose administrator must act.
"""

from enum import Enum


class Code(Enum):
    """EDGE-xnn. D: DNS, N: network, T: TLS, C: certificate, A: admission, S: SIP, X: XML and streams,
    P: presence, M: messages, L: limits, K: configuration."""

    D01 = ("no SRV record for the domain", 404, "remote-server-not-found", "them")
    D02 = ("the host name has no address", 404, "remote-server-not-found", "them")
    D03 = ("DNS leads to other servers than those expected", 504, "remote-server-not-found", "them")
    D04 = ("the SRV record leads to servers outside of the domain", 504, "remote-server-not-found", "them")
    D05 = ("DNS leads to addresses that are not public", 504, "remote-server-not-found", "them")
    D06 = ("DNS did not answer in time", 504, "remote-server-timeout", "us")

    N01 = ("the connection was refused", 503, "remote-server-timeout", "them")
    N02 = ("the connection attempt timed out", 504, "remote-server-timeout", "them")
    N03 = ("the connection was lost", 504, "remote-server-timeout", "them")
    N04 = ("there is no route to the host", 504, "remote-server-timeout", "us")

    T01 = ("the peer offers no TLS", 504, "remote-server-timeout", "them")
    T02 = ("there is no version of TLS that both sides allow", 504, "remote-server-timeout", "them")
    T03 = ("there is no cipher suite that both sides allow", 504, "remote-server-timeout", "them")
    T04 = ("the peer sent no certificate", 403, "not-authorized", "them")
    T05 = ("the peer refused our certificate with a TLS alert", 504, "remote-server-timeout", "them")
    T06 = ("the peer closed the connection when we had shown our certificate", 504, "remote-server-timeout", "them")
    T07 = ("the TLS handshake failed", 504, "remote-server-timeout", "them")

    C01 = ("the certificate's issuer is not trusted", 403, "not-authorized", "them")
    C02 = ("the certificate has expired", 403, "not-authorized", "them")
    C03 = ("the certificate does not carry the expected name", 403, "not-authorized", "them")
    C04 = ("the certificate carries the expected name as its common name only", 403, "not-authorized", "them")
    C05 = ("the certificate's purpose does not allow this use", 403, "not-authorized", "them")
    C06 = ("the certificate chain is incomplete", 403, "not-authorized", "them")
    C07 = ("a certificate of an issuer in the chain has expired", 403, "not-authorized", "them")
    C08 = ("it cannot be found out whether the certificate was revoked", 403, "not-authorized", "them")
    C09 = ("the certificate is not valid yet", 403, "not-authorized", "them")
    C10 = ("the certificate was revoked", 403, "not-authorized", "them")
    C11 = ("the certificate's key or signature is too weak", 403, "not-authorized", "them")
    C12 = ("the certificate's key is not one that is pinned", 403, "not-authorized", "them")

    A01 = ("the domain is not on the partner list", 403, "forbidden", "us")
    A02 = ("traffic with this domain is not allowed", 403, "forbidden", "us")
    A03 = ("traffic does not go in this direction", 403, "forbidden", "us")
    A04 = ("this kind of traffic is not allowed", 403, "forbidden", "us")
    A05 = ("this link does not speak for the sender's domain", 403, "forbidden", "them")
    A06 = ("the domain is not served here", 404, "item-not-found", "them")
    A07 = ("the recipient has not allowed this sender, whose identity nobody vouches for", 403, "forbidden", "us")
    A08 = ("traffic does not go between these two domains", 403, "forbidden", "us")
    A11 = ("the partner refused us", 403, "forbidden", "them")

    S01 = ("the message cannot be parsed", 400, "bad-request", "them")
    S02 = ("the message went through too many hops", 483, "not-acceptable", "them")
    S03 = ("the method is not supported", 405, "feature-not-implemented", "them")
    S04 = ("the body type is not supported", 415, "not-acceptable", "them")
    S05 = ("the dialog does not exist", 481, "item-not-found", "them")
    S06 = ("the event package is not supported", 489, "feature-not-implemented", "them")
    S07 = ("an extension is required that is not supported", 420, "feature-not-implemented", "them")
    S08 = ("the address cannot be expressed on the other side", 404, "jid-malformed", "them")
    S09 = ("the message is too large", 513, "policy-violation", "them")

    X01 = ("the XML is not well-formed", 400, "not-well-formed", "them")
    X02 = ("the XML uses features that XMPP forbids", 400, "restricted-xml", "them")
    X03 = ("the stanza exceeds a limit", 513, "policy-violation", "them")
    X04 = ("the sender of the stanza is not covered by the stream", 403, "invalid-from", "them")
    X05 = ("the stream's namespace is not that of a server", 400, "invalid-namespace", "them")
    X06 = ("the stream was not established in time", 504, "connection-timeout", "them")
    X07 = ("the dialback was not completed", 504, "remote-server-timeout", "them")

    P01 = ("the contact has not decided yet", 480, "recipient-unavailable", "them")
    P02 = ("the other half of the subscription is missing", 480, "recipient-unavailable", "them")
    P03 = ("presence was withdrawn because the way to it is down", 480, "recipient-unavailable", "them")

    M01 = ("too many messages are waiting for this partner", 480, "resource-constraint", "us")
    M02 = ("the message waited too long and was not delivered", 504, "remote-server-timeout", "them")
    M03 = ("the other side refused the message", 480, "recipient-unavailable", "them")
    M05 = ("the recipient does not want to be disturbed", 486, "recipient-unavailable", "them")

    L01 = ("too many messages in too short a time", 500, "policy-violation", "them")
    L02 = ("too many users are addressed from this domain", 403, "policy-violation", "us")
    L03 = ("too many connections", 503, "resource-constraint", "them")
    L04 = ("the peer took too long or sent too much before it was authenticated", 503, "policy-violation", "them")

    K01 = ("the configuration has an unknown key", 0, "", "us")
    K02 = ("the configuration has a wrong value", 0, "", "us")
    K03 = ("a domain is claimed twice", 0, "", "us")
    K04 = ("a file cannot be read", 0, "", "us")
    K05 = ("a wildcard does not cover what it seems to", 0, "", "us")
    K06 = ("the key does not fit the certificate", 0, "", "us")
    K07 = ("the key or the names of our certificate have changed", 0, "", "us")
    K08 = ("the address to listen on is in use", 0, "", "us")
    K10 = ("the clock of this machine is not kept in step", 0, "", "us")
    K11 = ("the state file was written by a newer release", 0, "", "us")
    K12 = ("the state file cannot be used", 0, "", "us")
    K13 = ("the time of a partner on the list is over", 0, "", "us")
    K14 = ("the change takes effect only when the gateway is started again", 0, "", "us")

    def __init__(self, sentence: str, status: int, condition: str, who: str) -> None:
        self.sentence = sentence
        self.status = status
        self.condition = condition
        self.who = who

    def __str__(self) -> str:
        return f"EDGE-{self.name}"
