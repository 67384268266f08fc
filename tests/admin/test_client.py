"""How the command asks: where the socket is, and what becomes of answers and of silence."""

import json
import re
import socket
import threading
from pathlib import Path

import pytest

from edge.admin.client import Client, Refused, Unreachable, socket_of


class Gateway:
    """Listens on a socket, keeps one question and gives one answer, which may be no HTTP at all."""

    def __init__(self, folder: Path, answer: bytes) -> None:
        self.path = folder / "admin.sock"
        self.asked = b""
        self._answer = answer
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(1)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.settimeout(5)
            while not self._complete():
                self.asked += connection.recv(4096)
            connection.sendall(self._answer)

    def _complete(self) -> bool:
        head, blank, body = self.asked.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return bool(blank) and len(body) >= (int(length[1]) if length else 0)

    def close(self) -> None:
        self._thread.join(5)
        self._listening.close()


def http(status: int, body: object) -> bytes:
    data = json.dumps(body).encode()
    return b"HTTP/1.1 %d Well\r\nContent-Length: %d\r\n\r\n%s" % (status, len(data), data)


def exchange(folder: Path, answer: bytes, *, post: bool = False) -> tuple[object, bytes]:
    gateway = Gateway(folder, answer)
    try:
        client = Client(gateway.path, 5.0)
        result = client.post("allow", domain="x.example", dry_run=True) if post else client.get("links", partner="a b")
        return result, gateway.asked
    finally:
        gateway.close()


def test_question_is_a_get_with_what_was_said(tmp_path: Path) -> None:
    answer, asked = exchange(tmp_path, http(200, {"links": []}))
    assert answer == {"links": []}
    assert asked.startswith(b"GET /v1/links?partner=a+b HTTP/1.1\r\n")


def test_nothing_is_said_of_what_is_empty(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, http(200, {}))
    Client(gateway.path).get("links", partner="")
    gateway.close()
    assert gateway.asked.startswith(b"GET /v1/links HTTP/1.1\r\n")


def test_order_is_a_post_with_an_object(tmp_path: Path) -> None:
    _, asked = exchange(tmp_path, http(200, {}), post=True)
    assert asked.startswith(b"POST /v1/allow HTTP/1.1\r\n")
    assert json.loads(asked.partition(b"\r\n\r\n")[2]) == {"domain": "x.example", "dry_run": True}


def test_refusal_is_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^there is no partner$"):
        exchange(tmp_path, http(404, {"error": "there is no partner"}))


@pytest.mark.parametrize("answer", [b"", b"SIP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"])
def test_what_is_no_answer_is_as_if_nobody_were_there(tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(Unreachable, match=r"^no gateway can be asked at /"):
        exchange(tmp_path, answer)


def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"No such file or directory \(does it run"):
        Client(tmp_path / "admin.sock").get("status")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied (only its user and its group may ask it)"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused (does it run"),
        (TimeoutError("timed out"), "there was no answer in 60 seconds"),
    ],
)
def test_why_nobody_can_be_asked(error: OSError, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: socket.socket, place: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(Unreachable, match=re.escape(words)):
        Client(Path("admin.sock")).get("status")


@pytest.mark.parametrize(
    ("text", "name"),
    [("", "state/admin.sock"), ("[admin]\n", "state/admin.sock"), ("[admin]\nsocket = '/run/e.sock'", "/run/e.sock")],
)
def test_socket_is_where_the_configuration_says(tmp_path: Path, text: str, name: str) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(text)
    assert socket_of(file) == tmp_path / name


@pytest.mark.parametrize("text", ["x = ", "[admin]\nsocket = ''", "[admin]\nsocket = 1", "admin = 1"])
def test_configuration_that_does_not_say_where(tmp_path: Path, text: str) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(text)
    with pytest.raises(Unreachable, match=r"edge\.toml"):
        socket_of(file)


@pytest.mark.parametrize(
    ("text", "name"), [("x = \n", "state/admin.sock"), ("[admin]\nsocket = 'e.sock'\nx = ", "e.sock")]
)
def test_configuration_that_was_broken_under_a_gateway_that_runs(tmp_path: Path, text: str, name: str) -> None:
    file, path = tmp_path / "edge.toml", tmp_path / name
    file.write_text(text)
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        assert socket_of(file) == path
    path.unlink()
    with pytest.raises(Unreachable, match="cannot be read: Invalid value"):
        socket_of(file)
