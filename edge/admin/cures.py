"""What to do about each reason code: for `edge code`, and for docs/codes.md, which is made of it.

A code says what has happened and whose administrator must act (`edge.codes`); this says what he should change. Nothing
of it is ever sent to a peer.
"""

from edge.codes import Code

KINDS = {
    "D": "DNS", "N": "Network", "T": "TLS", "C": "Certificates", "A": "Admission", "S": "SIP", "X": "XML and streams",
    "P": "Presence", "M": "Messages", "L": "Limits", "K": "Configuration",
}

WHO = {"us": "our administrator", "them": "the other side's administrator"}

CURES = {
    Code.D01: "They must publish the record: `_sipfederationtls._tcp` for SIP, `_xmpp-server._tcp` for XMPP. Until "
    "then name their servers with `hosts`.",
    Code.D02: "They must give the host an A or AAAA record. If the name is ours to write, look for a slip in "
    "`hosts`.",
    Code.D03: "If the records are ours, let all of one domain lead to the same servers. If they are theirs and `hosts` "
    "names others, ask which are right; `hosts` counts.",
    Code.D04: "They must use a server name within their domain. If you know that the other one is theirs, set "
    "`srv_targets_outside_domain = true` for the partner, or name it with `hosts`.",
    Code.D05: "They must publish public addresses: inside and outside views of the zone have been mixed up. In a "
    "closed network name the servers with `hosts`.",
    Code.D06: "Try the resolver from this machine (`dig`), and set `[dns] servers` if another one is to be asked. "
    "If only this domain is silent, its name servers are down.",
    Code.N01: "Their server does not listen there: it is down, or the port is another one (5061 for SIP, 5269 for "
    "XMPP).",
    Code.N02: "A firewall on the way swallows the packets, or the host is off. Try from this machine; then ask them"
    " to let our address in.",
    Code.N03: "Look for what happened at that moment on their side: a restart, a firewall that forgets silent "
    "connections, a limit. It is dialled again when it is needed.",
    Code.N04: "This machine has no route there: look at its network, and whether it has IPv6 at all.",
    Code.T01: "They must turn on TLS (XMPP: STARTTLS), or something on the way takes it out. It is never done "
    "without.",
    Code.T02: "They must turn on TLS 1.2 or 1.3. If the partner's `min_version` is \"1.3\" and they have 1.2 only, "
    "lower it; older versions are never spoken.",
    Code.T03: "They must turn on a cipher suite with ECDHE and AES-GCM or ChaCha20, and one that fits the key of their "
    "certificate.",
    Code.T04: "They must send a certificate when they connect, and not only when they accept (mutual TLS).",
    Code.T05: "They do not take ours. Give them our chain (`edge cert chain`), and look at its purposes and names "
    "(`edge cert list`): the text of the alert says which it is.",
    Code.T06: "It probably rejected our certificate, without saying so. Send them our chain (`edge cert chain`) and "
    "its root, which they must trust; and see `edge cert list` for what strict partners miss in ours.",
    Code.T07: "Compare what both sides want of TLS. Their log says what they could not take; `edge test` shows how far "
    "it gets.",
    Code.C01: "If their CA is a private one, name its certificate with `ca` in the partner's `[partner.tls]`, or "
    "pin their key with `pin_spki`. Else they must get one from a public CA.",
    Code.C02: "They must renew it. `edge cert peers` shows when those of all partners end.",
    Code.C03: "They must get one with that name; or, if you trust a name that it does carry, add it to `peer_names`"
    " in the partner's `[partner.tls]`.",
    Code.C04: "They must get one with the name as subject alternative name. For an old Access Edge set `names = "
    "\"san-or-cn\"` in the partner's `[partner.tls]`.",
    Code.C05: "They must get one for TLS servers (serverAuth). With `eku = \"any\"` in the partner's `[partner.tls]` "
    "the purpose is not looked at.",
    Code.C06: "They must send the intermediate certificates along with their own: in most servers, one file with "
    "all.",
    Code.C07: "They must take the certificate that has ended out of what they send; mostly an old root or "
    "cross-signature.",
    Code.C08: "The CA's list or responder cannot be reached: see `edge cert peers`. Let this machine out to it, or "
    'set `revocation = "soft"`. A list can also be put into a file (`crl` in `[tls]`), and has to be replaced in time.',
    Code.C09: "One of the two clocks is wrong. Compare ours with a time server first.",
    Code.C10: "They must replace it at once: its CA has taken it back.",
    Code.C11: "They must get one with RSA of 2048 bits or more, or with an elliptic curve, and signed with SHA-256.",
    Code.C12: "If they have told you on another way that they have a new key, pin it: `edge cert pin` shows the one"
    " that was seen. If they have not, ask.",
    Code.A01: "If you want to talk with them: `edge allow DOMAIN`. `edge partners seen` shows who came.",
    Code.A02: "It stands under `[[blocked]]`. Take it away there if it is to be let in.",
    Code.A03: "Change `allow`, or `direction` under `[partner.presence]`, if it is to go this way too.",
    Code.A04: "Change `traffic` of the partner if messages, or presence, are to pass.",
    Code.A05: "They must send it over a link that proves the sender's domain. If that domain is theirs, add it to "
    "the partner's `domains`.",
    Code.A06: "They have our domain wrong, or we do not serve it: compare with `domains` under `[[inside]]`.",
    Code.A07: 'The recipient has to add the sender as a contact first; or set `identity = "verified"` for a partner'
    " whose word you take.",
    Code.A08: "Traffic goes between the two protocols only, and between two partners only if both have `transit = "
    "true`.",
    Code.A11: "Ask them to list our domains and this gateway's name. Their log names the rule that has refused us.",
    Code.S01: "Their software sent something that is no SIP, or no body of its type. Send them the line of the log.",
    Code.S02: "Look for a route that leads back to us, in their servers or in our inside ones.",
    Code.S03: "Nothing to do: their client asked for something that a gateway for presence and messages does not "
    "have.",
    Code.S04: "Their client must send plain text, or a type that docs/mapping.md lists.",
    Code.S05: "It was over already, mostly after a restart; the client begins anew by itself.",
    Code.S06: "Only `presence` is served. Their client asked for another event package.",
    Code.S07: "Their server requires an extension: let it only be supported there.",
    Code.S08: "The address has characters, or a length, that the other protocol cannot write. The user needs "
    "another one.",
    Code.S09: "It must be shorter. For a partner that takes more, raise `message_bytes` or `stanza_bytes` under its"
    " limits.",
    Code.X01: "Their server sent broken XML: a fault of its software. Send them the line of the log.",
    Code.X02: "Their server sent comments, entities or the like, which XMPP forbids: a fault of its software.",
    Code.X03: "It must be shorter; `stanza_bytes` under the partner's limits says how long one may be.",
    Code.X04: "Their server sent in the name of a domain that it has not proved. It must open a stream for that "
    "domain.",
    Code.X05: "A client, or a component, has connected to the port for servers.",
    Code.X06: "Their server did not come to an end with TLS and authentication. Look at its log; it may be "
    "overloaded.",
    Code.X07: "Their server's own address did not confirm it: look at their DNS, and whether we can reach them. "
    "With a certificate for their domain no dialback is needed.",
    Code.P01: "Nothing to do: the user was asked, and has not answered.",
    Code.P02: "Presence goes one way only. If that is not meant, the user who is named has to add the other as a "
    "contact; where he did, look for a refusal with `edge explain`.",
    Code.P03: "See `edge links` for why the way is down. Presence comes back with it.",
    Code.M01: "Messages come faster than they go: see `edge links`. `pending_messages` under the limits says how "
    "many wait.",
    Code.M02: "See `edge links` for why the way is down. The sender was told.",
    Code.M03: "The reason is that of the other side, and stands in the log with its status. The sender was told.",
    Code.M05: "Nothing to do: the recipient has set that he takes no messages, or has declined this one. The sender "
    "was told.",
    Code.L01: "They must send less; or raise `messages_per_s` and `burst` under the partner's limits.",
    Code.L02: "If the domain has so many contacts here, list it as a partner; or raise `local_users` under "
    "`[discovered.limits]`. If somebody tries out addresses, block it.",
    Code.L03: "They must use fewer connections; or raise `connections_in` under the partner's limits. If they are "
    "strangers, somebody fills the door.",
    Code.L04: "Their server is slow or overloaded; or somebody tries doors. The address stands in the log.",
    Code.K01: "Mend the name of the key: the fault says which one it may have been.",
    Code.K02: "Mend the value: the fault says what may stand there.",
    Code.K03: "Take the domain out of one of the two places, both of which the fault names.",
    Code.K04: "See that the file is there, and that the gateway's user may read it.",
    Code.K05: "Add the domain itself, beside its wildcard, if it is meant too.",
    Code.K06: "Give the key that the certificate was made with. `openssl pkey -pubout` and `openssl x509 -pubkey` "
    "must print the same.",
    Code.K07: "Tell the partners who pin our key or our names, before it is put into use.",
    Code.K08: "Another process listens there, mostly another gateway: stop it, or choose another address.",
    Code.K10: "Run chrony, ntpd or systemd-timesyncd (`timedatectl` says whether one does its work), or certificates "
    "will be taken for expired, or for not valid yet, when they are good.",
    Code.K11: "Run the newer release, or put the state of the older one back.",
    Code.K12: "See that the folder is there, is the gateway's, and has room. A state that is beyond help may be "
    "moved away: subscriptions are then asked for anew.",
    Code.K13: "Set `expires` to a later day if it is to go on, or take the entry out.",
    Code.K14: "Start the gateway again; or put the old value back, and all other changes can be loaded.",
}


def told(code: Code) -> dict[str, object]:
    """All there is to say of one code."""
    return {
        "code": str(code), "meaning": code.sentence, "who": WHO[code.who], "cure": CURES[code],
        "sip": code.status, "xmpp": code.condition,
    }


def page() -> str:
    """docs/codes.md"""
    lines = [
        "# Reason codes",
        "",
        "Every refusal has one code: in the log, in what the command `edge` prints, and on the wire in a `Warning`",
        "header or in the text of an error stanza. `edge code EDGE-C05` prints what stands here. A code is never given",
        "a second meaning.",
        "",
        "This page is made by `edge code --page`.",
    ]
    kind = ""
    for code in Code:
        if code.name[0] != kind:
            kind = code.name[0]
            lines += ["", f"## {KINDS[kind]}"]
        lines += ["", f"### {code}", "", f"{_capital(code.sentence)}.", "", f"* Who must act: {WHO[code.who]}."]
        if code.status:
            lines.append(f"* Peers are told: SIP {code.status}, XMPP `{code.condition}`.")
        lines.append(f"* What to do: {CURES[code]}")
    return "\n".join(lines) + "\n"


# -- private ---------------------------------------------------------------------------------------------------------


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
