"""State machines as literal tables, checked for completeness when they are built.

The standards we implement print tables (RFC 3261 figures 5 to 8, RFC 6665 §4.1.2 and §4.2.1, RFC 6121
appendix A); a `Table` is such a print. States, inputs and actions are `IntEnum`s named as the RFC names
them, so that a step is two list look-ups.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Generic, TypeVar

from edge.errors import LocalProtocolError

S = TypeVar("S", bound=IntEnum)
I = TypeVar("I", bound=IntEnum)  # noqa: E741 - the letter the literature uses
A = TypeVar("A", bound=IntEnum)


class Table(Generic[S, I, A]):
    """A transition table: rows of (state, input, next state, action).

    Every (state, input) pair is a row, or is listed in ``illegal``: a pair that only our own code could
    cause. Building raises `ValueError` naming each pair that is missing or given twice.
    """

    def __init__(
        self,
        name: str,
        states: type[S],
        inputs: type[I],
        *rows: tuple[S, I, S, A],
        illegal: Iterable[tuple[S, I]] = (),
    ) -> None:
        self.name = name
        self.states = states
        self.inputs = inputs
        pairs: dict[tuple[S, I], tuple[S, A] | None] = {}
        doubled = []
        for state, given, following, action in rows:
            if (state, given) in pairs:
                doubled.append((state, given))
            pairs[state, given] = (following, action)
        for pair in illegal:
            if pair in pairs:
                doubled.append(pair)
            pairs[pair] = None
        missing = [(s, i) for s in states for i in inputs if (s, i) not in pairs]
        if missing or doubled:
            faults = [f"{s.name}/{i.name} is missing" for s, i in missing]
            faults += [f"{s.name}/{i.name} is given twice" for s, i in doubled]
            raise ValueError(f"{name}: " + ", ".join(faults))
        self._pairs = [[pairs[s, i] for i in sorted(inputs)] for s in sorted(states)]
        if sorted(states) != list(range(len(states))) or sorted(inputs) != list(range(len(inputs))):
            raise ValueError(f"{name}: states and inputs must be numbered from 0")

    def step(self, state: S, given: I) -> tuple[S, A]:
        """Return (next state, action). Raises `LocalProtocolError` for an illegal pair."""
        found = self._pairs[state][given]
        if found is None:
            raise LocalProtocolError(f"{self.name}: {given.name} in state {state.name}")
        return found

    def rows(self) -> Iterable[tuple[S, I, S, A]]:
        """Every legal row, for tests and documentation."""
        for state in self.states:
            for given in self.inputs:
                found = self._pairs[state][given]
                if found is not None:
                    yield state, given, *found
