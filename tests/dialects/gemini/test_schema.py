"""Schemas as Gemini takes them, and Google's own kind as JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from llmrouter.dialects.gemini.schema import google_schema, json_schema
from tests.dialects.prompts import schemas


def fit(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    dropped: list[str] = []
    return google_schema(schema, lambda path, _: dropped.append(path)), dropped


@pytest.mark.parametrize(
    ("schema", "fitting"),
    [
        ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}),
        ({"const": "a"}, {"enum": ["a"]}),
        (
            {"type": ["string", "null"], "enum": ["a", None]},
            {"type": ["string", "null"], "enum": ["a"]},
        ),
        ({"allOf": [{"type": "object"}], "title": "T"}, {"title": "T", "type": "object"}),
        (
            {"definitions": {"a": {"$ref": "#/definitions/b"}}},
            {"$defs": {"a": {"$ref": "#/$defs/b"}}},
        ),
        ({"$schema": "https://json-schema.org/x", "type": "object"}, {"type": "object"}),
        ({"properties": {"any": True}}, {"properties": {"any": {}}}),
        ({"patternProperties": {"^.*$": {}}}, {"additionalProperties": True}),
        (
            {"patternProperties": {".*": {"const": 1}}},
            {"additionalProperties": {"enum": [1]}},
        ),
        ({"items": {"const": 1}, "minItems": 1}, {"items": {"enum": [1]}, "minItems": 1}),
    ],
)
def test_what_gemini_says_otherwise_is_no_loss(
    schema: dict[str, Any], fitting: dict[str, Any]
) -> None:
    assert fit(schema) == (fitting, [])


@pytest.mark.parametrize(
    ("schema", "fitting", "dropped"),
    [
        ({"type": "number", "multipleOf": 2}, {"type": "number"}, [".multipleOf"]),
        ({"type": "boolean", "const": True}, {"type": "boolean"}, [".const"]),
        ({"enum": ["a", {"b": 1}]}, {}, [".enum"]),
        ({"not": {"type": "string"}}, {}, [".not"]),
        (
            {"properties": {"a": {"if": {}}}, "patternProperties": {"^x": {}}},
            {"properties": {"a": {}}},
            [".properties.a.if", ".patternProperties"],
        ),
        ({"$ref": "#/$defs/a", "description": "x"}, {"$ref": "#/$defs/a"}, [".description"]),
        (
            {"anyOf": [{"type": "string"}, {"uniqueItems": True}]},
            {"anyOf": [{"type": "string"}, {}]},
            [".anyOf.1.uniqueItems"],
        ),
    ],
)
def test_what_gemini_does_not_know_is_dropped_and_named(
    schema: dict[str, Any], fitting: dict[str, Any], dropped: list[str]
) -> None:
    assert fit(schema) == (fitting, dropped)


@pytest.mark.parametrize(
    ("own", "plain"),
    [
        ({"type": "STRING", "format": "enum", "enum": ["A"]}, {"type": "string", "enum": ["A"]}),
        ({"type": "INTEGER", "enum": ["101"]}, {"type": "integer", "enum": [101]}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "STRING", "nullable": True, "enum": ["A"]},
            {"type": ["string", "null"], "enum": ["A", None]},
        ),
        ({"type": "ARRAY", "minItems": "1", "items": {"type": "NUMBER"}},
         {"type": "array", "minItems": 1, "items": {"type": "number"}}),
        (
            {
                "type": "OBJECT",
                "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}, "c": {}},
                "propertyOrdering": ["b", "a"],
            },
            {
                "type": "object",
                "properties": {"b": {"type": "string"}, "a": {"type": "string"}, "c": {}},
            },
        ),
        ({"ref": "#/defs/Pet", "defs": {"Pet": {"type": "OBJECT"}}},
         {"$ref": "#/$defs/Pet", "$defs": {"Pet": {"type": "object"}}}),
        ({"anyOf": [{"type": "STRING"}], "nullable": True},
         {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "TYPE_UNSPECIFIED", "example": 1}, {"examples": [1]}),
    ],
)  # fmt: skip
def test_googles_own_kind_is_read_without_loss(own: dict[str, Any], plain: dict[str, Any]) -> None:
    read = json_schema(own)

    assert read == plain
    assert list(read.get("properties", {})) == list(plain.get("properties", {}))


@given(schema=schemas)
def test_plain_schemas_pass_unchanged_both_ways(schema: dict[str, Any]) -> None:
    assert fit(schema) == (schema, [])
    assert json_schema(schema) == schema
