"""How much each system may have under way: one busy or hostile partner must not take the room of the others.

Used by `pager`, `subscriber` and `notifier`, each with one `Quota` for what it keeps.
"""


MOST = 10_000  # systems; when there are more, as discovered partners come and go, those that have nothing are left out


class Quota:
    """Counts things and their bytes by the system that caused them. What is taken must be given back."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: dict[str, list[int]] = {}  # number and bytes

    def take(self, system: str, most: int, size: int = 0, most_bytes: int = 0) -> bool:
        """Count one thing of ``size`` bytes; False, and nothing counted, if there are ``most`` of them already."""
        taken = self._taken.get(system)
        if taken is None:
            if len(self._taken) >= MOST:
                self._taken = {name: each for name, each in self._taken.items() if each[0]}
            taken = self._taken[system] = [0, 0]
        if taken[0] >= most or (size and taken[1] + size > most_bytes):
            return False
        taken[0] += 1
        taken[1] += size
        return True

    def give(self, system: str, size: int = 0) -> None:
        """Give one thing back, with the ``size`` it was taken with."""
        taken = self._taken[system]
        taken[0] -= 1
        taken[1] -= size

    def count(self, system: str) -> int:
        """How many things of ``system`` there are."""
        taken = self._taken.get(system)
        return taken[0] if taken is not None else 0
