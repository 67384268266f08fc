"""What the administrator decides about presence as a whole: [presence] of edge.toml.

Made by `edge.config.loading`, used by the subscribers and notifiers of `edge.gateway`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PresenceSettings:
    """All in seconds. The defaults are those of the configuration."""

    expires: int = 3600  # what we ask for when we subscribe
    shortest: int = 300  # a SUBSCRIBE that asks for less is answered 423; never more than an hour
    longest: int = 28_800  # what we grant at most
    pace: float = 5.0  # between two notifications of one watcher about one contact; 0 for none
    grace: float = 60.0  # how long a way may be down before the watchers behind it see that
