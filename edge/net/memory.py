"""Memory that is not in use goes back to the kernel, and the collector learns what stays.

Called by `edge.service` when the gateway has started, and by `edge.net.entrance` when a crowd has gone.
"""

import ctypes
import gc

# New objects until the collector looks at them, and how many such looks until it looks at older ones too. Subscriptions
# are a hundred objects each that stay: by default each thousand of them would have all of them looked at once more.
GARBAGE = (20_000, 20, 100)


def settle() -> None:
    """What the start has made stays for good: the collector need not look at it again."""
    gc.collect()
    give_back()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def give_back() -> bool:
    """Return free pages to the kernel, which takes a millisecond for each 10 MB or so; False if the C library cannot.

    The allocator keeps what was freed for the next time; after a flood of connections that would be for good.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
    return trim is not None and bool(trim(0))
