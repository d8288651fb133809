"""How what the ledger keeps becomes JSON: members at their defaults are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cache
from itertools import compress
from operator import attrgetter, ne
from typing import Any, Final

import orjson

from llmrouter.core.records import Record, field_names
from llmrouter.core.records import defaults as defaults_of
from llmrouter.core.records import plain as plain_record

_MAX_INTEGER: Final = 2**63 - 1


class Members:
    """Takes the members of one record that differ from their defaults.

    Seven events are written for each request, so every step is one for all members together.
    """

    def __init__(self, kind: type[Record], names: Iterable[str] | None = None) -> None:
        """``names`` are those that are of interest, all without it."""
        wanted = field_names(kind) if names is None else tuple(names)
        defaults = defaults_of(kind)
        self.names = tuple(name for name in defaults if name in wanted)
        self._defaults = tuple(defaults[name] for name in self.names)
        self._take = _taker(self.names)

    def of(self, value: Record) -> dict[str, Any]:
        """By name, in the order of the fields."""
        taken = self._take(value)
        return dict(compress(zip(self.names, taken, strict=True), map(ne, taken, self._defaults)))

    def named(self, values: Sequence[Any]) -> dict[str, Any]:
        """The same, of values that went through JSON."""
        defaults = [[] if default == () else default for default in self._defaults]
        return dict(compress(zip(self.names, values, strict=True), map(ne, values, defaults)))


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
    return Members(kind)


def _taker(names: tuple[str, ...]) -> Callable[[object], tuple[Any, ...]]:
    """Gives some attributes of an object together."""
    if not names:
        return lambda _: ()
    take = attrgetter(*names)
    return (lambda value: (take(value),)) if len(names) == 1 else take


def plain(value: object) -> object:
    """What orjson does not know by itself: the ``default`` to give it."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return sorted(value)
    return plain_record(value)
