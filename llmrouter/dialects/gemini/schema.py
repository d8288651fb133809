"""Schemas both ways: Google's own kind, a part of OpenAPI's, and JSON Schema as Google takes it.

The keywords are those that Google's Python library tells of in its types: of
``response_json_schema`` and of ``Schema`` (github.com/googleapis/python-genai, 2026-08-21).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Drop = Callable[[str, str], None]
"""Notes a loss: a path below the schema, and why."""

_KNOWN = frozenset(
    {"$anchor", "$defs", "$id", "$ref", "additionalProperties", "anyOf", "description", "enum"}
    | {"format", "items", "maxItems", "maximum", "minItems", "minimum", "prefixItems"}
    | {"properties", "propertyOrdering", "required", "title", "type"}
    # Known to `Schema` alone, which goes through the same validation.
    | {"default", "maxLength", "maxProperties", "minLength", "minProperties", "nullable", "pattern"}
)
_SILENT = frozenset({"$schema", "$comment"})
"""Keywords that say nothing of a value."""

_NAMES = {"oneOf": "anyOf", "definitions": "$defs"}
_NAMED_SCHEMAS = frozenset({"properties", "$defs"})
_LISTED_SCHEMAS = frozenset({"anyOf", "prefixItems"})
_SINGLE_SCHEMAS = frozenset({"items", "additionalProperties"})

_ANY_NAME = frozenset({"", ".*", "^.*$", "^(.*)$"})
"""Patterns that every name fits."""

_WHOLE_NUMBERS = frozenset(
    {"maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties"}
)


def google_schema(schema: Mapping[str, Any], drop: Drop, at: str = "") -> dict[str, Any]:
    """A JSON schema with the keywords that Gemini knows."""
    fitting: dict[str, Any] = {}
    for key, value in _flat(schema).items():
        place, name = f"{at}.{key}", _NAMES.get(key, key)
        if name == "const":
            _write_enum(fitting, [value], place, drop)
        elif name == "enum" and isinstance(value, list):
            _write_enum(fitting, value, place, drop)
        elif name == "$ref" and isinstance(value, str):
            fitting[name] = value.replace("#/definitions/", "#/$defs/", 1)
        elif name in _KNOWN:
            fitting[name] = _with_inner(
                name, value, lambda inner, sub: _sub(inner, drop, sub), place
            )
        elif name not in _SILENT:
            drop(place, "Gemini's schemas have no such keyword")
    return _without_siblings(fitting, drop, at)


def json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Google's own kind of schema as JSON Schema, without loss."""
    written: dict[str, Any] = {}
    for key, value in schema.items():
        match key:
            case "type":
                written["type"] = value.lower() if isinstance(value, str) else value
            case "defs" | "properties":
                name = "$defs" if key == "defs" else key
                written[name] = _with_inner(name, value, lambda inner, _: _as_json(inner), "")
            case "ref":
                written["$ref"] = str(value).replace("#/defs/", "#/$defs/", 1)
            case "example":
                written["examples"] = [value]
            case "nullable" | "propertyOrdering":
                continue  # told below, in JSON Schema's own way
            case "format" if value == "enum":
                continue  # says that `enum` stands beside it
            case _ if key in _WHOLE_NUMBERS and isinstance(value, str) and value.isdigit():
                written[key] = int(value)  # how Google writes integers of 64 bits
            case _:
                written[key] = _with_inner(key, value, lambda inner, _: _as_json(inner), "")
    _order(written, schema.get("propertyOrdering"))
    if written.get("type") == "integer" and isinstance(written.get("enum"), list):
        written["enum"] = [_whole(item) for item in written["enum"]]
    if schema.get("nullable") is True:
        _allow_null(written)
    if written.get("type") == "type_unspecified":
        del written["type"]
    return written


def _sub(schema: Any, drop: Drop, at: str) -> Any:
    return google_schema(schema, drop, at) if isinstance(schema, dict) else schema


def _as_json(schema: Any) -> Any:
    return json_schema(schema) if isinstance(schema, dict) else schema


def _with_inner(name: str, value: Any, convert: Callable[[Any, str], Any], at: str) -> Any:
    """The value of a keyword, with the schemas inside it converted."""
    if name in _NAMED_SCHEMAS and isinstance(value, dict):
        return {own: convert(_plain(inner), f"{at}.{own}") for own, inner in value.items()}
    if name in _LISTED_SCHEMAS and isinstance(value, list):
        return [convert(_plain(inner), f"{at}.{index}") for index, inner in enumerate(value)]
    if name in _SINGLE_SCHEMAS:
        return convert(value, at)
    return value


def _plain(schema: Any) -> Any:
    """``true`` is the schema that everything fits."""
    return {} if schema is True else schema


def _flat(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with what Gemini can say in other words: a lone ``allOf`` laid into it, and a
    pattern that fits every name."""
    match schema:
        case {"allOf": [dict(only)], **rest} if not (only.keys() & rest.keys()):
            return _flat({**rest, **only})
        case {"patternProperties": {**patterns}, **rest} if (
            patterns.keys() <= _ANY_NAME and len(patterns) == 1
        ) and "additionalProperties" not in rest:
            (inner,) = patterns.values()
            return {**rest, "additionalProperties": inner or True}
        case _:
            return schema


def _write_enum(fitting: dict[str, Any], values: list[Any], at: str, drop: Drop) -> None:
    """Gemini lists texts and numbers; null is a type."""
    kept = [v for v in values if isinstance(v, str | int | float) and not isinstance(v, bool)]
    if any(value is not None and value not in kept for value in values):
        drop(at, "Gemini lists only texts and numbers")
        return
    if kept:
        fitting["enum"] = kept


def _without_siblings(schema: dict[str, Any], drop: Drop, at: str) -> dict[str, Any]:
    """Beside a ``$ref`` nothing else may stand."""
    if "$ref" not in schema:
        return schema
    for key in schema:
        if not key.startswith("$"):
            drop(f"{at}.{key}", "Gemini takes nothing beside a $ref")
    return {key: value for key, value in schema.items() if key.startswith("$")}


def _order(schema: dict[str, Any], ordering: Any) -> None:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not isinstance(ordering, list):
        return
    first = [name for name in ordering if isinstance(name, str) and name in properties]
    rest = [name for name in properties if name not in first]
    schema["properties"] = {name: properties[name] for name in (*first, *rest)}


def _allow_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]


def _whole(item: Any) -> Any:
    return int(item) if isinstance(item, str) and item.lstrip("-").isdigit() else item
