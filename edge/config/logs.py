"""How the gateway logs: `[log]` of edge.toml. Called by `edge.config.loading`, used by `edge.service`."""

from dataclasses import dataclass, field

from edge.codes import Code
from edge.config.schema import Log
from edge.config.tables import Document, quoted

MAX_KEY = 1024  # bytes of a key file
SHORTEST_KEY = 16  # characters; a shorter one can be guessed, and with it who is meant by a hash


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``key`` is empty for a random one."""

    format: str = "text"  # "text" | "json"
    level: str = "info"  # "debug" | "info" | "warn" | "error": the least that is logged
    addresses: bool = False
    key: bytes = field(default=b"", repr=False)


def log_settings(document: Document, log: Log) -> LogSettings:
    """What ``log`` means; a key that cannot be read, or that could be guessed, is noted."""
    return LogSettings(log.format, log.level, log.log_addresses, _key(document, log.key_file))


# -- private ---------------------------------------------------------------------------------------------------------


def _key(document: Document, name: str) -> bytes:
    if not name:
        return b""
    at = ("log", "key_file")
    content = document.read(document.beside(name), MAX_KEY, at)
    key = b"" if content is None else content.strip()
    if content is not None and len(key) < SHORTEST_KEY:
        document.error(Code.K04, at, f"the key in {quoted(name)} has fewer than {SHORTEST_KEY} characters")
    return key
