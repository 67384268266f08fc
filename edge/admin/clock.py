"""Whether anybody keeps the clock of this machine in step. A clock that is off makes good certificates bad (EDGE-C09).

The kernel is told by whoever does it (chrony, ntpd, systemd-timesyncd), and says so to everybody: adjtimex(2) with
nothing to change. `edge.service` asks once, at the start.
"""

import ctypes
from collections.abc import Callable

UNSYNCHRONISED = 0x40  # STA_UNSYNC of <sys/timex.h>


class Timex(ctypes.Structure):
    """The beginning of ``struct timex``, with room for the rest, which is 168 bytes where it is longest."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # what is to be changed: nothing
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def is_synchronised(ask: "Callable[[Timex], int] | None" = None) -> bool | None:
    """What the kernel says; None if it says nothing (no Linux, or a container that may not ask)."""
    answer = Timex()
    try:
        state = (ask or _kernel)(answer)
    except (AttributeError, OSError, TypeError):
        return None
    return None if state < 0 else not answer.status & UNSYNCHRONISED


# -- private ---------------------------------------------------------------------------------------------------------


def _kernel(answer: Timex) -> int:
    return int(ctypes.CDLL(None).adjtimex(ctypes.byref(answer)))
