"""IP addresses before they are dialled: in what order they are tried (RFC 8305 §4), and which are nobody else's.

Called by `edge.net.locate` with what DNS or the configuration says.
"""

import ipaddress
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_ANY_PORT = 9  # to nobody: nothing is sent


def interleaved(addresses: Sequence[str]) -> list[str]:
    """Both families in turn, IPv6 first. Those to which this machine has no way come last (RFC 6724 §6)."""
    six = [address for address in addresses if ":" in address]
    four = [address for address in addresses if ":" not in address]
    mixed = [each for each in chain.from_iterable(zip_longest(six, four)) if each is not None]
    return sorted(mixed, key=lambda address: source_of(address) is None) if six else mixed


def is_public(address: str) -> bool:
    """False for an address that is private, special or our own, in whatever form it is written."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if not ip.is_global or ip.is_multicast:
            return False
        within = _embedded(ip)
        if within is None:
            return source_of(address) != address
        ip = within
    return ip.is_global and not ip.is_multicast and source_of(str(ip)) != str(ip)


def source_of(address: str) -> str | None:
    """From which of our addresses a packet to ``address`` would go; None if there is no way. Sends nothing.

    What is our own is reached from itself.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, _ANY_PORT))
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that somebody on the way would make of it."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
