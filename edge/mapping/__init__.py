"""Pure translation between SIP and XMPP, one file per interworking RFC."""
