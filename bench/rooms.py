"""Which room of the gateway a function belongs to: what `bench.profile` counts by."""

ROOMS = (
    "TLS",
    "sockets, reactor",
    "links",
    "SIP framing",
    "SIP parsing",
    "SIP transactions",
    "SIP dialogs, usages",
    "SIP writing",
    "XML parsing",
    "XMPP streams",
    "XMPP writing",
    "policy",
    "gateway",
    "mapping, bodies",
    "driver, timers",
    "store",
    "log, counters",
    "collector",
)

# What a page-mode message may use in each, in microseconds: together 48 towards XMPP and 38 towards SIP. The figures
# stand in docs/performance.md as well.
BUDGET = {
    "SIP>XMPP": dict(zip(ROOMS, (5, 6, 4, 1.5, 9.5, 4, 0, 2.5, 1, 0.5, 1.5, 1, 6, 4, 1, 0.1, 0.3, 0.1), strict=True)),
    "XMPP>SIP": dict(
        zip(ROOMS, (3.5, 3, 3.5, 1.2, 4, 2, 0, 0.8, 8, 0.3, 0, 0.5, 7.5, 2.5, 0.7, 0.1, 0.3, 0.1), strict=True)
    ),
}

# the longest beginning of "module function" decides
_BEGINNINGS = {
    "OpenSSL.": "TLS",
    "twisted.protocols.": "TLS",
    "edge.net.tls": "TLS",
    "edge.net.xmpp_tls": "TLS",
    "twisted.": "sockets, reactor",
    "twisted.logger": "log, counters",
    "edge.net.": "links",
    "edge.sip.framing": "SIP framing",
    "edge.sip.": "SIP parsing",
    "edge.sip.layer": "SIP transactions",
    "edge.sip.transaction": "SIP transactions",
    "edge.sip.dialog": "SIP dialogs, usages",
    "edge.sip.session": "SIP dialogs, usages",
    "edge.sip.subscri": "SIP dialogs, usages",
    "edge.sip.notifier": "SIP dialogs, usages",
    "edge.sip.serialise": "SIP writing",
    "edge.xmpp.": "XMPP streams",
    "edge.xmpp.document": "XML parsing",
    "edge.xmpp.stream ": "XML parsing",
    "edge.xmpp.markup": "XML parsing",
    "edge.xmpp.element": "XML parsing",
    "edge.xmpp.element escape": "XMPP writing",
    "edge.xmpp.element legal": "XMPP writing",
    "edge.xmpp.element _write": "XMPP writing",
    "edge.xmpp.jid": "XML parsing",
    "edge.xmpp.stanzas": "XMPP writing",
    "edge.xmpp.stanzas parse_stanza": "XML parsing",
    "edge.xmpp.stanzas _message": "XML parsing",
    "edge.xmpp.stanzas _presence": "XML parsing",
    "edge.xmpp.stanzas _iq": "XML parsing",
    "edge.xmpp.stanzas _chosen": "XML parsing",
    "edge.xmpp.stanzas _priority": "XML parsing",
    "edge.partners": "policy",
    "edge.gateway.": "gateway",
    "edge.gateway.policy": "policy",
    "edge.gateway.limits": "policy",
    "edge.gateway.quota": "policy",
    "edge.gateway.guard": "policy",
    "edge.gateway.counters": "log, counters",
    "edge.mapping.": "mapping, bodies",
    "edge.bodies.": "mapping, bodies",
    "edge.": "driver, timers",
    "edge.store": "store",
    "edge.gateway.journal": "store",
    "edge.gateway.records": "store",
    "edge.admin": "log, counters",
    "edge.events": "log, counters",
    "__main__ collected": "collector",
    "__main__": "sockets, reactor",
    "?": "sockets, reactor",
}


def room_of(module: str, function: str) -> str:
    """The room of ``function`` in ``module``; a module of Python's own never comes here (`bench.launched`)."""
    name = f"{module} {function}"
    return _BEGINNINGS[max((each for each in _BEGINNINGS if name.startswith(each)), key=len)]
