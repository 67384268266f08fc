"""MIME bodies carried by SIP: presence documents and text."""
