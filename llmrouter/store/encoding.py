"""How what the ledger keeps becomes JSON: members at their defaults are left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from itertools import compress
from operator import attrgetter, ne
from typing import Any, Final

import orjson

from llmrouter.core.records import Record, defaults, plain

_MAX_INTEGER: Final = 2**63 - 1


class Members:
    """Takes some members of a kind of records: those that differ from their defaults.

    Seven events are written for each request, so every step is one for all members together.
    """

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        """``defaults`` are those of the members that are of interest."""
        self.names = tuple(defaults)
        self._defaults = tuple(defaults.values())
        self._take = _taker(self.names)

    def of(self, value: Record) -> dict[str, Any]:
        """By name, in the order of the fields."""
        taken = self._take(value)
        return dict(compress(zip(self.names, taken, strict=True), map(ne, taken, self._defaults)))

    def named(self, values: Sequence[Any]) -> dict[str, Any]:
        """The same, of values that went through JSON."""
        as_read = [[] if default == () else default for default in self._defaults]
        return dict(compress(zip(self.names, values, strict=True), map(ne, values, as_read)))


def members(value: Record) -> dict[str, Any]:
    """The members of a record that differ from their defaults.

    Reading them back through the constructor gives an equal value.
    """
    return _all_members(type(value)).of(value)  # type: ignore[arg-type]  # a type has its own hash


def to_json(document: object) -> str:
    """JSON text.  Raises ``TypeError`` (or a subclass) for what JSON cannot hold."""
    return orjson.dumps(document, default=plain).decode()


def storable(value: Any) -> Any:
    """The nearest value that every database takes.

    PostgreSQL refuses NUL in texts, UTF-8 has no surrogates, integers end at 63 bits, and what is
    neither text, number, list nor mapping is told in words.
    """
    match value:
        case bool() | None:
            return value
        case str():
            return (
                value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
            )
        case int():
            return value if -_MAX_INTEGER <= value <= _MAX_INTEGER else str(value)
        case Mapping():
            return {storable(str(key)): storable(member) for key, member in value.items()}
        case list() | tuple():
            return [storable(member) for member in value]
        case float():
            return value
        case _:
            return storable(str(value))


@cache
def _all_members(kind: type[Record]) -> Members:
    return Members(defaults(kind))


def split(kind: type[Record], names: Collection[str]) -> tuple[Members, Members]:
    """The members of these names, and all others."""
    known = defaults(kind)
    named = {name: default for name, default in known.items() if name in names}
    others = {name: default for name, default in known.items() if name not in names}
    return Members(named), Members(others)


def _taker(names: tuple[str, ...]) -> Callable[[object], tuple[Any, ...]]:
    """Gives some attributes of an object together."""
    if not names:
        return lambda _: ()
    take = attrgetter(*names)
    return (lambda value: (take(value),)) if len(names) == 1 else take
