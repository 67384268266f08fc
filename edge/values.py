"""`dataclass`, as the standard library has it, for 5 kB less a class: there are 120 of ours.

A frozen one with slots keeps the class alive that it was made from, because its ``__setattr__`` looks at that class;
and each has functions of its own for what is the same in all. Here they share these. Every room may use it.
"""

import dataclasses
from collections.abc import Callable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

__all__ = ["dataclass"]

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(**options: bool) -> Callable[[type[T]], type[T]]:
        """See `dataclasses.dataclass`, which does everything else; in brackets only, as it stands everywhere."""

        def decorate(cls: type[T]) -> type[T]:
            shows_itself = "__repr__" in cls.__dict__
            made = dataclasses.dataclass(**options)(cls)
            if options.get("frozen"):
                made.__setattr__, made.__delattr__ = _set, _delete
            if options.get("repr", True) and not shows_itself:
                made.__repr__ = _shown
            return made

        return decorate


# -- private ---------------------------------------------------------------------------------------------------------


def _set(self: object, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


@recursive_repr()
def _shown(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({shown})"
