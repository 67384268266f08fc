"""A SIP/SIMPLE to XMPP federation gateway. Start with ``twistd edge``; docs/ says how it is built."""

__version__ = "0.1.0"
