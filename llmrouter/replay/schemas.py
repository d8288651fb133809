"""Whether a text is JSON of a schema.  Loaded when an answer is checked: the library that knows all
of JSON Schema takes 3 MB, which a server that replays nothing need not carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable


def json_fault(text: str, schema: Mapping[str, Any]) -> str | None:
    """What keeps a text from being JSON of a schema.  A schema that is none itself, or refers to
    somewhere else, forbids nothing: nothing is ever fetched."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "is no JSON"
    rules = dict(schema)
    kind = validator_for(rules, default=Draft202012Validator)
    try:
        kind.check_schema(rules)
        kind(rules, registry=Registry()).validate(document)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.absolute_path)
        return f"{where or 'it'}: {error.message}"[:300]
    except (SchemaError, Unresolvable, RecursionError):
        return None
    return None
