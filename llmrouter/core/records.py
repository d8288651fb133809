"""`Record`: what types are made of whose objects never change.

They are `msgspec`'s structs, because a request makes dozens of objects, and every start three
hundred types: an object takes a fifth of the time that a dataclass takes, a type a twentieth.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from msgspec import NODEFAULT, field, structs

if TYPE_CHECKING:
    from typing import dataclass_transform

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    class Record:
        """For type checkers, which know no class that is frozen because its parent is."""

        __struct_fields__: ClassVar[tuple[str, ...]]

else:
    from msgspec import Struct

    class Record(Struct, frozen=True):
        """Equal and hashed by its members, in their order."""


R = TypeVar("R", bound=Record)

NO_DEFAULT: Final = object()
"""Stands for the default of a member that has none, and equals nothing else."""


class Remarked(Record):
    """A record with members that are remarks: two that differ in them alone are equal."""

    remarks: ClassVar[frozenset[str]]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(
            getattr(self, name) == getattr(other, name)
            for name in self.__struct_fields__
            if name not in self.remarks
        )

    def __hash__(self) -> int:
        names = (name for name in self.__struct_fields__ if name not in self.remarks)
        return hash(tuple([getattr(self, name) for name in names]))


def field_names(cls: type[Record]) -> tuple[str, ...]:
    """A record's members in their order, those that it has from its parents first."""
    return cls.__struct_fields__


def defaults(cls: type[Record]) -> dict[str, Any]:
    """The members' defaults by name, in their order; `NO_DEFAULT` where there is none."""
    return {each.name: _default(each) for each in structs.fields(cls)}  # type: ignore[arg-type]


def replace(value: R, **changes: Any) -> R:
    """A record like this one, with some members changed."""
    changed: R = structs.replace(value, **changes)  # type: ignore[type-var]
    return changed


def as_mapping(value: Record) -> dict[str, Any]:
    """A record's members by name; what they hold is as it is."""
    return structs.asdict(value)  # type: ignore[arg-type]


def plain(value: object) -> object:
    """What JSON has for a record, a mapping or a set: the ``default`` to give to orjson.

    Raises ``TypeError`` for anything else.
    """
    if isinstance(value, Record):
        return as_mapping(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _default(member: structs.FieldInfo) -> Any:
    if member.default is not NODEFAULT:
        return member.default
    return NO_DEFAULT if member.default_factory is NODEFAULT else member.default_factory()
