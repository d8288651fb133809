"""JSON schemas as the Messages API takes them.

Structured outputs know a part of JSON Schema ("Structured outputs", platform.claude.com, read
2026-11-21): objects are closed, and most limits on values are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Drop = Callable[[str, str], None]
"""Notes a loss: a path below the schema, and why."""

_FORMATS = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"}
)
_KNOWN = frozenset(
    {"$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "definitions"}
    | {"description", "enum", "format", "items", "minItems", "properties", "required", "title"}
    | {"type"}
)
_SCHEMA_MAPS = ("properties", "$defs", "definitions")
_SCHEMA_LISTS = ("anyOf", "allOf")
_COMBINERS = ("oneOf", "anyOf", "allOf")


def output_schema(schema: Mapping[str, Any], drop: Drop, at: str = "") -> dict[str, Any]:
    """The schema of an answer, within what structured outputs take."""
    fitting: dict[str, Any] = {}
    for key, value in schema.items():
        name, place = ("anyOf" if key == "oneOf" else key), f"{at}.{key}"
        if name not in _KNOWN or not _is_known_value(name, value):
            drop(place, "structured outputs know no such limit")
        elif name in _SCHEMA_MAPS and isinstance(value, dict):
            fitting[name] = {k: _sub(v, drop, f"{place}.{k}") for k, v in value.items()}
        elif name in _SCHEMA_LISTS and isinstance(value, list):
            fitting[name] = [_sub(v, drop, f"{place}.{i}") for i, v in enumerate(value)]
        elif name == "items":
            fitting[name] = _sub(value, drop, place)
        else:
            fitting[name] = value
    if _is_object(fitting):
        if fitting.get("additionalProperties") not in (None, False):
            drop(f"{at}.additionalProperties", "structured outputs close every object")
        fitting["additionalProperties"] = False
    return fitting


def input_schema(schema: Mapping[str, Any] | None, drop: Drop, *, strict: bool) -> dict[str, Any]:
    """The schema of a tool's input, which must be an object and no choice at its top.

    Strict tools know as much of JSON Schema as structured outputs do.
    """
    if schema is None:
        return {"type": "object", "properties": {}}
    fitting = {key: value for key, value in schema.items() if key not in _COMBINERS}
    for key in _COMBINERS:
        if key in schema:
            drop(f".{key}", "a tool's schema has no choice at its top")
    fitting = {"type": "object", **fitting}
    return output_schema(fitting, drop) if strict else fitting


def _sub(schema: Any, drop: Drop, at: str) -> Any:
    return output_schema(schema, drop, at) if isinstance(schema, dict) else schema


def _is_known_value(name: str, value: Any) -> bool:
    match name:
        case "format":
            return value in _FORMATS
        case "minItems":
            return value in (0, 1)
        case _:
            return True


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)
