"""Addresses before they are dialled: their order, and which of them are nobody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.net import addresses
from edge.net.addresses import interleaved, is_public, source_of


def test_families_take_turns_and_ipv6_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "source_of", lambda address: "192.0.2.200")
    given = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]
    assert interleaved(given) == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]


def test_address_without_a_way_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "source_of", lambda address: None if ":" in address else "192.0.2.200")
    assert interleaved(["192.0.2.1", "192.0.2.2", "2001:db8::1"]) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]


def test_one_family_keeps_its_order() -> None:
    assert interleaved(["192.0.2.2", "192.0.2.1"]) == ["192.0.2.2", "192.0.2.1"]
    assert interleaved([]) == []


@given(st.lists(st.ip_addresses().map(str), max_size=8))
def test_order_loses_nothing(given: list[str]) -> None:
    assert sorted(interleaved(given)) == sorted(given)


PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1"),
    *("64:ff9b::10.0.0.1", "2002:7f00:1::1", "64:ff9b::169.254.169.254"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_address_of_somebody_is_public(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "source_of", lambda address: None)
    assert is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_our_own_address_is_not(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "source_of", lambda address: address)
    assert not is_public(address)


def test_what_is_our_own_is_reached_from_itself() -> None:
    assert source_of("127.0.0.1") == "127.0.0.1"
