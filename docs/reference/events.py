"""The events, from `llmrouter.core.events`."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from docs.reference.markdown import code, either, prose, table
from docs.reference.meanings import meaning, unit
from llmrouter.core.events import EVENT_TYPES, AttemptSucceeded
from llmrouter.core.records import field_names

_WORDS = {int: "whole number", float: "number", str: "text", bool: "true/false"}
_SHARED = AttemptSucceeded
"""Its fields are those of every ended attempt; they are listed once."""


def event_reference() -> str:
    """A section for each kind of event: what it says, and its fields."""
    return "\n\n".join(_section(kind, event) for kind, event in EVENT_TYPES.items())


def _section(kind: str, event: type[Any]) -> str:
    parts = [f"### {code(kind)}", prose(event)]
    names = field_names(event)
    if event is not _SHARED and issubclass(event, _SHARED.__mro__[1]):
        shared = frozenset(field_names(_SHARED))
        names = tuple(name for name in names if name not in shared)
        parts.append(f"All fields of {code(_SHARED.kind)}, and:")
    hints = typing.get_type_hints(event)
    rows = [
        (
            code(name),
            type_in_words(hints[name]),
            unit(name),
            meaning(kind, name),
        )
        for name in names
    ]
    if rows:
        parts.append(table(("field", "type", "unit", "meaning"), rows))
    return "\n\n".join(parts)


def type_in_words(hint: Any) -> str:
    """A type hint as people say it; what may be null says so."""
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        known = [type_in_words(a) for a in arguments if a is not type(None)]
        return " or ".join([*known, "null"] if type(None) in arguments else known)
    if origin is Literal:
        return either(arguments)
    if origin is tuple:
        return f"list of {_plural(type_in_words(arguments[0]))}"
    if origin is not None and issubclass(origin, Mapping):
        return "object"
    return _WORDS[hint]


def _plural(word: str) -> str:
    return word if word == "text" else f"{word}s"
