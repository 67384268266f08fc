"""Memory that is not in use goes back to the kernel, and the collector learns what stays.

Called by `edge.service` around the life of the gateway, and by `edge.net.entrance` when a crowd has gone. A million
subscriptions are five million objects that the collector would look at whenever there are a quarter more of them, a
second and a half each time. None of them needs it: what ends leaves no circle behind. So what has been looked at once
is set aside (`gc.freeze`), and a full collection costs as much as what is new since the last one. Now and then
everything is looked at, for the sake of closed connections, of which circles may be left: in a flood there are many.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

# New objects until the collector looks at them, and how many such looks until it looks at older ones too. Subscriptions
# are many objects each that stay: by default each thousand of them would have all of them looked at once more.
GARBAGE = (20_000, 20, 100)
LEAST, MOST = 600.0, 86_400.0  # seconds between two collections that look at everything
SHARE = 10_000  # one part in so many of the time goes into these: what takes a second is done every three hours

USUAL = gc.get_threshold()

_whole_at = 0.0  # when everything was looked at last
_every = LEAST
_is_whole = False  # it is being looked at


@contextmanager
def loading() -> Iterator[None]:
    """What is made in here stays for good, and leaves no garbage: nobody looks for any."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settle() -> None:
    """The start is over: what it has made stays for good."""
    global _whole_at, _every
    _whole_at, _every = monotonic(), LEAST
    gc.set_threshold(*GARBAGE)
    if _looked not in gc.callbacks:
        gc.callbacks.append(_looked)
    gc.collect()
    give_back()


def unsettle() -> None:
    """The end of it, for whoever lives on in this process. What is set aside stays so: that makes the end short."""
    if _looked in gc.callbacks:
        gc.callbacks.remove(_looked)
    gc.set_threshold(*USUAL)


def give_back() -> bool:
    """Return free pages to the kernel, which takes a millisecond for each 10 MB or so; False if the C library cannot.

    The allocator keeps what was freed for the next time; after a flood of connections that would be for good.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
    return trim is not None and bool(trim(0))


def _looked(phase: str, about: dict[str, int]) -> None:
    """Before and after each collection."""
    global _whole_at, _every, _is_whole
    if about["generation"] < 2:
        return
    now = monotonic()
    if phase == "stop":
        gc.freeze()
        if _is_whole:
            _is_whole, _every = False, min(max((now - _whole_at) * SHARE, LEAST), MOST)
    elif now - _whole_at >= _every:
        _is_whole, _whole_at = True, now
        gc.unfreeze()
