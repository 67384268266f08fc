"""Memory that a crowd has used, back to the kernel. Called by `edge.net.entrance` when the crowd has gone."""

import ctypes


def give_back() -> bool:
    """Return free pages to the kernel, which takes a millisecond for each 10 MB or so; False if the C library cannot.

    The allocator keeps what was freed for the next time; after a flood of connections that would be for good.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
    return trim is not None and bool(trim(0))
