"""XMPP: RFC 6120, RFC 6121 and the XEPs the edge speaks; knows nothing of SIP."""
