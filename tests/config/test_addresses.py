"""Host names, addresses and ports as administrators write them."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.addresses import dns_server, domain_name, host_port, listen_address, loopback_address
from edge.partners import HostPort


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("contoso.com", "contoso.com"),
        ("Contoso.COM.", "contoso.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("pool_01.corp", "pool_01.corp"),
        ("localhost", "localhost"),
    ],
)
def test_domain_name_is_canonical(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("*.contoso.com", "a wildcard stands for whole labels at the left"),
        ("*", "a wildcard stands for whole labels at the left"),
        ("192.0.2.1", "an IP address is no domain"),
        ("2001:db8::1", "an IP address is no domain"),
        ("[2001:db8::1]", "an IP address is no domain"),
        ("[contoso.com]", "this is no domain name"),
        ("300.1.2.3", "this is no domain name"),
        ("", "this is no domain name"),
        (".", "this is no domain name"),
        ("a..b", "this is no domain name"),
        ("contoso com", "this is no domain name"),
        ("alice@contoso.com", "this is no domain name"),
        ("sip:contoso.com", "this is no domain name"),
        ("a" * 64 + ".example", "this is no domain name"),
        ("contoso.com\0", "this is no domain name"),
    ],
)
def test_domain_name_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        domain_name(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip.contoso.com:5061", HostPort("sip.contoso.com", 5061)),
        ("SIP.bücher.example:1", HostPort("sip.xn--bcher-kva.example", 1)),
        ("192.0.2.1:65535", HostPort("192.0.2.1", 65535)),
        ("[2001:DB8:0::1]:5061", HostPort("2001:db8::1", 5061)),
    ],
)
def test_host_port_reads_names_and_addresses(text: str, expected: HostPort) -> None:
    assert host_port(text) == expected


HOST_FAULTS = [
    ("sip.contoso.com", "a port is missing"),
    ("192.0.2.1", "a port is missing"),
    ("[::1]", "a port is missing"),
    ("[::1]5061", "a port is missing"),
    ("::1:5061", "needs brackets"),
    ("[::1:5061", "no IPv6 address in the brackets"),
    ("[192.0.2.1]:5061", "no IPv6 address in the brackets"),
    ("[]:5061", "no IPv6 address in the brackets"),
    ("sip.contoso.com:", "a number from 1 to 65535"),
    ("sip.contoso.com:0", "a number from 1 to 65535"),
    ("sip.contoso.com:65536", "a number from 1 to 65535"),
    ("sip.contoso.com:-1", "a number from 1 to 65535"),
    ("sip.contoso.com:5061x", "a number from 1 to 65535"),
    ("sip.contoso.com:²", "a number from 1 to 65535"),
    ("sip.contoso.com:" + "9" * 5000, "a number from 1 to 65535"),
    (":5061", "no domain name"),
    ("*.contoso.com:5061", "a wildcard"),
    ("300.1.2.3:5061", "no domain name"),
]


@pytest.mark.parametrize(("text", "sentence"), HOST_FAULTS)
def test_host_port_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        host_port(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:5061", HostPort("0.0.0.0", 5061)),
        ("[::]:5061", HostPort("::", 5061)),
        ("127.0.0.1:0", HostPort("127.0.0.1", 0)),
    ],
)
def test_listen_address_reads_addresses(text: str, expected: HostPort) -> None:
    assert listen_address(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("edge.example:5061", "must be an IP address"), ("5061", "a port is missing"), ("0.0.0.0", "a port is missing")],
)
def test_listen_address_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        listen_address(text)


def test_loopback_address_is_one_of_this_machine_alone() -> None:
    assert loopback_address("127.0.0.1:8061") == HostPort("127.0.0.1", 8061)
    assert loopback_address("[::1]:0") == HostPort("::1", 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.0.0.0:8061", "only loopback addresses are possible"),
        ("[::]:8061", "it would need TLS and a token, which do not exist yet"),
        ("192.0.2.1:8061", "only loopback addresses are possible"),
        ("localhost:8061", "must be an IP address"),
        ("127.0.0.1", "a port is missing"),
    ],
)
def test_loopback_address_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        loopback_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.53", HostPort("192.0.2.53", 53)),
        ("127.0.0.1:5353", HostPort("127.0.0.1", 5353)),
        ("2001:db8::53", HostPort("2001:db8::53", 53)),
        ("[2001:db8::53]", HostPort("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", HostPort("2001:db8::53", 5353)),
    ],
)
def test_dns_server_has_a_port_by_default(text: str, expected: HostPort) -> None:
    assert dns_server(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"), [("dns.example:53", "by its IP address"), ("dns.example", "a port is missing"), ("", "port")]
)
def test_dns_server_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        dns_server(text)


@settings(max_examples=100)
@given(st.ip_addresses(), st.integers(1, 65535))
def test_what_is_written_is_read_again(address: object, port: int) -> None:
    endpoint = HostPort(str(address), port)
    for read in (host_port, listen_address, dns_server):
        assert read(str(endpoint)) == endpoint


@settings(max_examples=200)
@given(st.text(max_size=40), st.sampled_from([domain_name, host_port, listen_address, dns_server]))
def test_nothing_but_value_errors_leave(text: str, read: Callable[[str], object]) -> None:
    try:
        read(text)
    except ValueError as error:
        assert str(error)
