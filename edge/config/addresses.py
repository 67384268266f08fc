"""Host names, IP addresses and ports as administrators write them. All raise `ValueError` with a sentence."""

import ipaddress

from edge.domains import Domain, domain
from edge.errors import RemoteProtocolError
from edge.partners import HostPort

DNS_PORT = 53


def domain_name(text: str) -> Domain:
    """A domain, in whichever form of IDNA it is written."""
    if "*" in text:
        raise ValueError('a wildcard stands for whole labels at the left of a listed domain, as in "*.example.com"')
    if _is_address(text.strip("[]")):
        raise ValueError("an IP address is no domain")
    try:
        name = domain(text)
    except RemoteProtocolError:
        raise ValueError("this is no domain name") from None
    if name.startswith("[") or name.rpartition(".")[2].isdigit():
        raise ValueError("this is no domain name")
    return name


def listed_name(text: str) -> tuple[Domain, bool]:
    """A domain of a list: itself, or with a ``*.`` before it every name below it (then True)."""
    if not text.startswith("*."):
        return domain_name(text), False
    name = domain_name(text[2:])
    if "." not in name:
        raise ValueError("a wildcard for everything below a top-level domain is no partner")
    return name, True


def host_port(text: str) -> HostPort:
    """Where to connect to: "name:port", "192.0.2.1:port" or "[2001:db8::1]:port"."""
    host, port = _split(text)
    if _is_address(host):
        return HostPort(str(ipaddress.ip_address(host)), port)
    return HostPort(domain_name(host), port)


def listen_address(text: str) -> HostPort:
    """Where to listen: an IP address and a port, of which 0 lets the system choose."""
    host, port = _split(text, lowest=0)
    if not _is_address(host):
        raise ValueError('the host must be an IP address; "0.0.0.0" and "[::]" mean all')
    return HostPort(str(ipaddress.ip_address(host)), port)


def loopback_address(text: str) -> HostPort:
    """Where to listen for this machine alone: "127.0.0.1:8061" or "[::1]:8061"."""
    place = listen_address(text)
    if not ipaddress.ip_address(place.host).is_loopback:
        raise ValueError(
            'only loopback addresses are possible, as in "127.0.0.1:8061": beyond this machine it would need TLS and '
            "a token, which do not exist yet"
        )
    return place


def dns_server(text: str) -> HostPort:
    """A resolver: an IP address, with a port if that is not 53."""
    if _is_address(text.strip("[]")):
        return HostPort(str(ipaddress.ip_address(text.strip("[]"))), DNS_PORT)
    host, port = _split(text)
    if not _is_address(host):
        raise ValueError("a DNS server is given by its IP address")
    return HostPort(str(ipaddress.ip_address(host)), port)


def _split(text: str, lowest: int = 1) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or not _is_address(host):
            raise ValueError("there is no IPv6 address in the brackets")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.rpartition(":")
        if ":" in host:
            raise ValueError('an IPv6 address needs brackets, as in "[2001:db8::1]:5061"')
    if colon != ":":
        raise ValueError(f'a port is missing, as in "{text[:60]}:5061"')
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and lowest <= int(port) <= 65535):
        raise ValueError(f"the port must be a number from {lowest} to 65535")
    return host, int(port)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
