"""The only door to wokkel, whose last release still expects the Twisted of 2018.

It imports names that `twisted.python.compat` has dropped or deprecates, and a module that has become
`constantly`. They are put back here before wokkel is imported; importing this module has that one effect.

Its addresses are `twisted.words.protocols.jabber.jid.JID`: prepared with IDNA2003 and, when interned, kept
for ever. Never give wokkel an address that a peer has chosen; `edge.xmpp.service` does not.
"""

import sys
import warnings

import constantly  # type: ignore[import-untyped]  # it carries no types
from twisted.python import compat

_DROPPED = {
    "_PY3": True,
    "unicode": str,
    "StringType": str,
    "iteritems": lambda mapping: iter(mapping.items()),
    "itervalues": lambda mapping: iter(mapping.values()),
}

for _name, _value in _DROPPED.items():
    setattr(compat, _name, _value)
sys.modules.setdefault("twisted.python.constants", constantly)

with warnings.catch_warnings():  # to read a deprecated name warns, even after it was set
    warnings.simplefilter("ignore", DeprecationWarning)
    from wokkel.disco import NS_DISCO_INFO, NS_DISCO_ITEMS, DiscoFeature, DiscoHandler, DiscoIdentity
    from wokkel.generic import NS_VERSION, VersionHandler, domish, utility
    from wokkel.iwokkel import IDisco
    from wokkel.ping import NS_PING, PingHandler

__all__ = [
    "NS_DISCO_INFO",
    "NS_DISCO_ITEMS",
    "NS_PING",
    "NS_VERSION",
    "DiscoFeature",
    "DiscoHandler",
    "DiscoIdentity",
    "IDisco",
    "PingHandler",
    "VersionHandler",
    "domish",
    "utility",
]
