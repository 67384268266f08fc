"""How the command `edge` asks the running gateway: HTTP over its local socket (`edge.admin.api`)."""

import http.client
import json
import re
import socket as sockets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from edge.config.schema import Admin

SECONDS = 60.0  # for one answer; a test of a partner takes longest
MAX_ANSWER = 256 << 20  # bytes; a million subscriptions with their addresses are 200 MB

SOCKET = re.compile(r"""^\s*socket\s*=\s*(["'])(.*?)\1""", re.MULTILINE)  # there is one such key in edge.toml


class Unreachable(Exception):
    """There is no gateway to ask, or it does not answer; ``str`` says what was tried."""


class Refused(Exception):
    """The gateway has answered that it will not; ``str`` is its sentence."""


class Client:
    """Asks the gateway that listens on one socket."""

    def __init__(self, socket: Path, seconds: float = SECONDS) -> None:
        self._socket = socket
        self._seconds = seconds

    def patient(self, seconds: float) -> "Client":
        """The same, for an answer that takes longer."""
        return Client(self._socket, seconds)

    def get(self, name: str, /, **said: str) -> dict[str, Any]:
        """Ask; raises `Unreachable` or `Refused`."""
        given = {key: value for key, value in said.items() if value}
        return self._ask("GET", f"/v1/{name}" + (f"?{urlencode(given)}" if given else ""), None)

    def post(self, name: str, /, **said: str | bool | int) -> dict[str, Any]:
        """Have something done; raises `Unreachable` or `Refused`."""
        return self._ask("POST", f"/v1/{name}", said)

    def _ask(self, method: str, target: str, said: Mapping[str, object] | None) -> dict[str, Any]:
        connection = _Connection(self._socket, self._seconds)
        body = None if said is None else json.dumps(said)
        try:
            connection.request(method, target, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            content = response.read(MAX_ANSWER)
            answer = json.loads(content)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"no gateway can be asked at {self._socket}: {self._why(error)}") from None
        finally:
            connection.close()
        if response.status != 200:
            raise Refused(str(answer.get("error", response.reason)))
        assert isinstance(answer, dict)
        return answer


    def _why(self, error: Exception) -> str:
        reason = getattr(error, "strerror", None) or str(error) or "it does not answer"
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return f"{reason} (does it run, and with this configuration?)"
        if isinstance(error, PermissionError):
            return f"{reason} (only its user and its group may ask it)"
        if isinstance(error, TimeoutError):
            return f"there was no answer in {self._seconds:.0f} seconds"
        return str(reason)


def socket_of(config: Path) -> Path:
    """Where the gateway with this edge.toml listens. `Unreachable` if the file does not say.

    One that has been broken while the gateway runs says it well enough: who asks will be told what is wrong with it.
    """
    folder = config.absolute().parent
    try:
        text = config.read_text("utf-8-sig")
        said = tomllib.loads(text).get("admin", {})
    except tomllib.TOMLDecodeError as error:
        found = SOCKET.search(text)
        path = folder / (found[2] if found else Admin().socket)
        if path.is_socket():
            return path
        raise Unreachable(_unreadable(config, error)) from None
    except (OSError, ValueError) as error:
        raise Unreachable(_unreadable(config, error)) from None
    name = said.get("socket", Admin().socket) if isinstance(said, dict) else ""
    if not isinstance(name, str) or not name:
        raise Unreachable(f'[admin] socket in {config} is "": the gateway listens to nobody')
    return folder / name


# -- private ---------------------------------------------------------------------------------------------------------


def _unreadable(config: Path, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or error
    otherwise = "--config names another file, --socket the socket of a gateway that runs"
    return f"{config} cannot be read: {reason} ({otherwise})"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = sockets.socket(sockets.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
