"""What we tell systemd: that we are ready, reload, stop, and, for its watchdog, that we still turn (sd_notify(3)).

Without systemd (no ``NOTIFY_SOCKET`` in the environment) nothing is said to anybody. `edge.service` uses this.
"""

import os
import socket
import time
from collections.abc import Mapping

READY, STOPPING, WATCHDOG = "READY=1", "STOPPING=1", "WATCHDOG=1"
PART = 3.0  # of the watchdog's time, after which we give a sign of life: one that is late is no disaster


class Systemd:
    """Whoever started us, if it is systemd."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._period = _period(environment)

    @property
    def period(self) -> float:
        """Seconds between two signs of life; 0 if nobody waits for them."""
        return self._period if self._address else 0.0

    def say(self, *words: str) -> None:
        """Tell it; whether it hears is its own affair."""
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto("\n".join(words).encode(), address)
        except OSError:
            return  # a gateway does not stop because nobody listens

    def reloading(self) -> None:
        """The configuration is read again; `READY` follows when it is in force, or left as it was."""
        self.say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def _period(environment: Mapping[str, str]) -> float:
    """What the watchdog gives us, if it means this process."""
    microseconds, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (process and process != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1e6 / PART
