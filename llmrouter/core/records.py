"""`record`: how types are declared whose objects never change.

A type checker holds everybody to that, as it does with frozen dataclasses; at run time nothing
does, because a frozen dataclass takes three times as long to make, and a request makes dozens.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """A dataclass with slots, equal and hashed by its fields."""
    if "__repr__" not in cls.__dict__:
        cls.__repr__ = _shown  # type: ignore[assignment]
    return dataclass(slots=True, unsafe_hash=True, repr=False)(cls)


def _shown(self: DataclassInstance) -> str:
    """What a dataclass shows of itself; one for all records, so that a start need not make two
    hundred."""
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def field_names(cls: type[DataclassInstance]) -> tuple[str, ...]:
    """A record's fields in their order, those that it has from its parents first."""
    return tuple(each.name for each in fields(cls))
