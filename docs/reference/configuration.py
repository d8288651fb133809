"""The router configuration's keys, from the models of `llmrouter.core.configuration`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from docs.reference.markdown import code, either, prose, sentence, table
from llmrouter.core import configuration
from llmrouter.core.configuration import Overrides, RouterConfig

_HEADINGS: Final = ("key", "type", "default", "meaning")
_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true/false",
}
_ENTRY: Final = "<name>"

Schema = Mapping[str, Any]


def key_reference() -> str:
    """A section for each key of the document, with a table of the keys inside."""
    document = RouterConfig.model_json_schema()
    sections = [
        _section(key, schema, document["$defs"]) for key, schema in document["properties"].items()
    ]
    return "\n\n".join([*sections, _overrides(document["$defs"])])


def _section(key: str, schema: Schema, definitions: Schema) -> str:
    entry = _entry(schema)
    of = schema if entry is None else entry
    path = key if entry is None else f"{key}.{_ENTRY}"
    name = _referred(of)
    if name is None:
        return f"### {code(path)}\n\n{_meaning(schema)}"
    rows = _rows(path, definitions[name], definitions)
    text = prose(getattr(configuration, name))
    return f"### {code(path)}\n\n{text}\n\n{table(_HEADINGS, rows)}"


def _rows(
    path: str, definition: Schema, definitions: Schema
) -> Iterator[tuple[str, str, str, str]]:
    required = definition.get("required", ())
    overridable = set(Overrides.model_fields)
    properties = definition["properties"]
    # What every entry may override comes last, whatever the order of inheritance says.
    for key in sorted(properties, key=overridable.__contains__):
        schema = properties[key]
        if key in overridable and _referred(schema):
            yield code(f"{path}.{key}"), "[overrides](#overrides)", "none", _meaning(schema)
            continue
        entry = _entry(schema)
        inner = _referred(entry) if entry is not None else None
        if inner is not None:
            yield code(f"{path}.{key}"), "object", "none", _meaning(schema)
            yield from _rows(f"{path}.{key}.{_ENTRY}", definitions[inner], definitions)
            continue
        default = "required" if key in required else _default(schema)
        yield code(f"{path}.{key}"), _type(schema, definitions), default, _meaning(schema)


def _overrides(definitions: Schema) -> str:
    rows = [
        (code(f"{section}.{key}"), _type(schema, definitions))
        for section, schemas in _override_sections(definitions)
        for key, schema in schemas.items()
    ]
    text = (
        "What a provider, a model, a category and a combo may each set for themselves. "
        "The route's word counts over the model's, the model's over the provider's, the "
        "provider's over the general one."
    )
    return f"### Overrides\n\n{text}\n\n{table(('key', 'type'), rows)}"


def _override_sections(definitions: Schema) -> Iterator[tuple[str, Schema]]:
    for section, schema in Overrides.model_json_schema()["properties"].items():
        name = _referred(schema)
        if name is not None:
            yield section, definitions[name]["properties"]


def _meaning(schema: Schema) -> str:
    description = schema.get("description")
    if not description:
        raise LookupError(f"{schema} has no description; give its Field one")
    return sentence(description)


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default in (None, "", []):
        return "none"
    if isinstance(default, bool):
        return code(str(default).lower())
    return code(f"{default:g}" if isinstance(default, float) else default)


def _type(schema: Schema, definitions: Schema) -> str:
    """A JSON schema in words, bounds included."""
    if "anyOf" in schema:
        known = [s for s in schema["anyOf"] if s.get("type") != "null"]
        words = " or ".join(_type(s, definitions) for s in known)
        return f"{words}, or null" if "," in words else f"{words} or null"
    if "enum" in schema:
        return either(schema["enum"])
    if schema.get("type") == "array":
        items = _type(schema["items"], definitions)
        return f"list of {items if schema['items'].get('type') == 'string' else '(' + items + ')'}"
    words = _TYPES[schema["type"]]
    bounds = [
        f"{mark} {schema[name]:,g}" if isinstance(schema[name], float) else f"{mark} {schema[name]}"
        for name, mark in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("maximum", "≤"))
        if name in schema
    ]
    return ", ".join([words, *bounds])


def _entry(schema: Schema) -> Schema | None:
    """What an object's entries are, when it has names of people's own."""
    patterns: Mapping[str, Schema] = schema.get("patternProperties", {})
    for entry in (*patterns.values(), schema.get("additionalProperties")):
        if isinstance(entry, Mapping):
            return entry
    return None


def _referred(schema: Schema) -> str | None:
    """The name of the model that a property refers to, if it does."""
    reference = schema.get("$ref")
    return str(reference).rpartition("/")[2] if reference else None
