"""What is said about one system."""

import pytest

from edge.domains import domain
from edge.partners import HostPort, System


def system(name: str, protocol: str, *domains: str, **more: object) -> System:
    return System(name, False, protocol, tuple(map(domain, domains)), **more)  # type: ignore[arg-type]


def test_peer_names_default_to_domains_and_host_names_but_not_to_addresses() -> None:
    hosts = (HostPort("edge.contoso.com", 5061), HostPort("192.0.2.1", 5061), HostPort("2001:db8::1", 5061))
    assert system("c", "sip", "contoso.com", hosts=hosts).peer_names == {"contoso.com", "edge.contoso.com"}


def test_secret_is_not_shown() -> None:
    assert "hush" not in repr(system("c", "xmpp", "a.example", secret="hush"))


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [(HostPort("a.test", 1), "a.test:1"), (HostPort("::1", 2), "[::1]:2"), (HostPort("10.0.0.1", 3), "10.0.0.1:3")],
)
def test_host_and_port_are_written_as_people_write_them(endpoint: HostPort, text: str) -> None:
    assert str(endpoint) == text


def test_wildcards_say_where_to_connect_only_if_the_hosts_are_known() -> None:
    below = {"wildcards": (domain("contoso.com"), domain("contoso.net"))}
    hosts = (HostPort("edge.contoso.com", 5061),)
    assert system("c", "sip", **below).reached == ()
    assert system("c", "sip", hosts=hosts, **below).reached == ("contoso.com",)
    assert system("c", "sip", "a.example", "b.example", hosts=hosts, **below).reached == ("a.example", "b.example")
