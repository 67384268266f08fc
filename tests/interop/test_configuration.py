"""`twistd edge` with a configuration that it cannot use: it says all that is wrong, listens nowhere, ends with 1."""

import socket
from pathlib import Path

import pytest

from demo.authority import Authority
from tests.interop.edge import Edge, System
from tests.interop.process import Addresses, accepts

pytestmark = pytest.mark.slow


@pytest.fixture
def edge(tmp_path: Path, authority: Authority, addresses: Addresses) -> Edge:
    nowhere = {"hosts": [f"{addresses.of('nobody')}:5061"]}
    edge = Edge(tmp_path, addresses, authority, ["montague.example"])
    return edge.configure(
        [System("capulet", "capulet.example", "xmpp")],
        [System("montague", "montague.example", "sip", nowhere, tls={"peer_names": ["montague.example"]})],
    )


def test_every_fault_is_told_and_nothing_is_started(edge: Edge) -> None:
    partners = edge.folder / "partners.toml"
    partners.write_text(partners.read_text().replace("peer_names", "peer_nams"))
    edge.file.write_text(edge.file.read_text().replace('"edge.key"', '"no.key"').replace("listen", "lisen", 1))
    ended = edge.refuse()
    assert ended.returncode == 1
    faults = ended.stderr.splitlines()
    for code, words in (("K01", "peer_nams"), ("K01", "lisen"), ("K04", "no.key")):
        assert any(code in line and words in line for line in faults), ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "starting on" not in ended.stdout


def test_file_that_is_not_there_is_told(edge: Edge) -> None:
    edge.file.unlink()
    ended = edge.refuse()
    assert ended.returncode == 1
    assert "K04" in ended.stderr and "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("which", ["sip", "xmpp"])
def test_port_that_is_in_use_is_told_and_nothing_else_stays_open(which: str, edge: Edge) -> None:
    ports = {"sip": edge.sip, "xmpp": edge.xmpp}
    with socket.create_server((edge.address, ports.pop(which))) as taken:
        ended = edge.refuse()
        host, port = taken.getsockname()
    assert ended.returncode == 1
    (line,) = (line for line in ended.stdout.splitlines() if "EDGE-K08" in line)  # by now the log has its place
    assert f"{host}:{port}" in line
    assert "Traceback" not in ended.stderr + ended.stdout
    assert not any(accepts(edge.address, other) for other in ports.values())


def test_good_configuration_listens_until_it_is_stopped(edge: Edge) -> None:
    with edge.start():
        assert accepts(edge.address, edge.sip) and accepts(edge.address, edge.xmpp)
    assert not accepts(edge.address, edge.sip) and not accepts(edge.address, edge.xmpp)
