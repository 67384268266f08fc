"""The gateway at work: ``python -m demo`` lets a SIP partner and an XMPP server talk through it.

Three real processes on loopback, mutual TLS on both sides. The ladder that is printed is what passed the gateway's own
links.
"""
