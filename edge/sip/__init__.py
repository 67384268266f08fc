"""SIP: RFC 3261 and its family over reliable transports; knows nothing of XMPP."""
