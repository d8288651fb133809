"""What is wrong with a request to the Responses API: every fault at once.

Only what the router itself reads, and the types of the oldest fields, are checked.  Ranges and
newer fields are the provider's to judge, and fields that are not known pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from llmrouter.core.errors import FieldError

MAX_ERRORS = 100
"""Enough to mend a request by; a body of 10,000 bad items is not answered in kind."""

ROLES = frozenset({"user", "assistant", "system", "developer"})

Check = Callable[[object], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_text_or_list(value: object) -> bool:
    return isinstance(value, str | list)


def _is_text_or_object(value: object) -> bool:
    return isinstance(value, str | dict)


_FIELDS: Mapping[str, tuple[Check, str]] = {
    "model": (_is_text, "a string"),
    "input": (_is_text_or_list, "a string or a list of items"),
    "instructions": (_is_text_or_list, "a string"),
    "previous_response_id": (_is_text, "a string"),
    "stream": (_is_boolean, "true or false"),
    "background": (_is_boolean, "true or false"),
    "store": (_is_boolean, "true or false"),
    "include": (_is_list, "a list of strings"),
    "tools": (_is_list, "a list"),
    "tool_choice": (_is_text_or_object, "a string or an object"),
    "parallel_tool_calls": (_is_boolean, "true or false"),
    "text": (_is_object, "an object"),
    "reasoning": (_is_object, "an object"),
    "metadata": (_is_object, "an object"),
    "max_output_tokens": (_is_integer, "a whole number"),
    "temperature": (_is_number, "a number"),
    "top_p": (_is_number, "a number"),
}

_CONTEXTS = ("previous_response_id", "conversation", "prompt")
"""What a request without input may go on from."""


def wrong_fields(document: Mapping[str, Any]) -> list[FieldError]:
    """Every fault in order of the document, at most `MAX_ERRORS`; null is as good as absent."""
    return list(islice(_each_fault(document), MAX_ERRORS))


def _each_fault(document: Mapping[str, Any]) -> Iterator[FieldError]:
    for name, value in document.items():
        if name in _FIELDS and value is not None and not _FIELDS[name][0](value):
            yield FieldError(name, f"must be {_FIELDS[name][1]}")
    if document.get("background") is True:
        yield FieldError(
            "background", "is not offered: nobody could fetch the reply later; leave it out"
        )
    if document.get("input") is None and not any(document.get(name) for name in _CONTEXTS):
        yield FieldError("input", "is missing; send a text or a list of items")
    if isinstance(document.get("input"), list):
        yield from _wrong_items(document["input"])
    if isinstance(document.get("tools"), list):
        yield from _wrong_tools(document["tools"])


def _wrong_items(items: list[Any]) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        at = f"input.{index}"
        if not isinstance(item, dict):
            yield FieldError(at, "must be an object")
        elif item.get("type", "message") == "message" and "role" in item:
            yield from _wrong_message(at, item)
        elif not isinstance(item.get("type"), str) and "id" not in item:
            yield FieldError(f"{at}.type", "is missing; an item has a `type` or a `role`")


def _wrong_message(at: str, message: Mapping[str, Any]) -> Iterator[FieldError]:
    role, content = message["role"], message.get("content")
    if not isinstance(role, str) or role not in ROLES:
        yield FieldError(f"{at}.role", f"must be one of {', '.join(sorted(ROLES))}")
    if isinstance(content, list):
        for index, part in enumerate(content):
            if not (isinstance(part, dict) and isinstance(part.get("type"), str)):
                yield FieldError(f"{at}.content.{index}", "must be an object with a `type`")
    elif content is not None and not isinstance(content, str):
        yield FieldError(f"{at}.content", "must be a string or a list of parts")


def _wrong_tools(tools: list[Any]) -> Iterator[FieldError]:
    for index, tool in enumerate(tools):
        if not (isinstance(tool, dict) and isinstance(tool.get("type"), str)):
            yield FieldError(f"tools.{index}", "must be an object with a `type`")
        elif tool["type"] in ("function", "custom", "namespace") and not _is_text(tool.get("name")):
            yield FieldError(f"tools.{index}.name", "is missing")
