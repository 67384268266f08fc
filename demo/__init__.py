"""The gateway at work: ``python -m demo`` lets a SIP partner and an XMPP server talk through it.

Three real processes on loopback, mutual TLS on both sides; the ladder that is printed is what passed the gateway's links.
"""
