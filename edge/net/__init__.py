"""Twisted shells around the protocol cores: links, dialling, DNS."""
