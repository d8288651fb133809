"""One spelling for requests: Google's APIs take ``maxOutputTokens`` and ``max_output_tokens``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNDERSCORE = re.compile(r"(?<=.)_([a-z0-9])")

_FREE = frozenset(
    {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "partMetadata"}
    | {"default", "example"}
)
"""Members whose content is the client's own."""

_NAMED = frozenset({"properties", "defs"})
"""Members whose keys are names that the client chose, and whose values are schemas."""


def camel_case(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with all names of the API in camel case, and everything else as it is."""
    spelled: dict[str, Any] = {}
    for key, value in document.items():
        name = _UNDERSCORE.sub(lambda match: match[1].upper(), key)
        if name in _FREE:
            spelled[name] = value
        elif name in _NAMED and isinstance(value, dict):
            spelled[name] = {own: _spelled(schema) for own, schema in value.items()}
        else:
            spelled[name] = _spelled(value)
    return spelled


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return camel_case(value)
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return value
