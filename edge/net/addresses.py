"""IP addresses before they are dialled: in what order they are tried (RFC 8305 §4), and which are nobody else's.

Called by `edge.net.locate` and `edge.net.published` with what DNS or the configuration says.
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
    return is_global(address) and all(source_of(each) != each for each in (address, str(_meant(address))))


def is_global(address: str) -> bool:
    """False for an address that means nothing in the Internet, or leads somewhere else on each machine."""
    forms = (ipaddress.ip_address(address), _meant(address))
    return all(each.is_global and not each.is_multicast for each in forms)


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


def _meant(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that somebody on the way would make of an IPv6 address; or the address itself."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)
