"""What is wrong with an Ollama request: every fault at once.

Only what the router itself reads is checked; fields that are not known pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from llmrouter.core.errors import FieldError
from llmrouter.dialects.ollama.address import Operation

MAX_ERRORS = 100

_ROLES = ("system", "developer", "user", "assistant", "tool")

_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "a string"),
    "stream": ((bool,), "true or false"),
    "tools": ((list,), "a list"),
    "options": ((dict,), "an object"),
    "format": ((str, dict), "`json` or a schema"),
    "think": ((bool, str), "true, false, or a level"),
    "prompt": ((str,), "a string"),
    "system": ((str,), "a string"),
    "images": ((list,), "a list of base64 texts"),
}


def wrong_fields(document: Mapping[str, Any], operation: Operation) -> list[FieldError]:
    """The faults in order of the document; null is as good as absent."""
    return list(islice(_wrong_fields(document, operation), MAX_ERRORS))


def _wrong_fields(document: Mapping[str, Any], operation: Operation) -> Iterator[FieldError]:
    for name, value in document.items():
        if name in _TYPES and value is not None and not isinstance(value, _TYPES[name][0]):
            yield FieldError(name, f"must be {_TYPES[name][1]}")
    if operation == "chat":
        yield from _wrong_messages(document.get("messages"))
    elif not document.get("prompt") and not document.get("images"):
        yield FieldError("prompt", "is missing; send a text")
    tools = document.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not (isinstance(function, dict) and isinstance(function.get("name"), str)):
            yield FieldError(
                f"tools.{index}", "must be an object with a `function` that has a name"
            )


def _wrong_messages(messages: object) -> Iterator[FieldError]:
    if messages is None:
        yield FieldError("messages", "is missing; send a list with at least one message")
    elif not isinstance(messages, list):
        yield FieldError("messages", "must be a list")
    elif not messages:
        yield FieldError("messages", "is empty; send at least one message")
    else:
        for index, message in enumerate(messages):
            yield from _wrong_message(message, f"messages.{index}")


def _wrong_message(message: object, at: str) -> Iterator[FieldError]:
    if not isinstance(message, dict):
        yield FieldError(at, "must be an object")
        return
    if str(message.get("role")).lower() not in _ROLES:
        yield FieldError(f"{at}.role", f"must be one of {', '.join(_ROLES)}")
    if not isinstance(message.get("content"), str | None):
        yield FieldError(f"{at}.content", "must be a string")
    if not isinstance(message.get("images"), list | None):
        yield FieldError(f"{at}.images", "must be a list of base64 texts")
    calls = message.get("tool_calls")
    if not isinstance(calls, list | None) or not all(isinstance(c, dict) for c in calls or ()):
        yield FieldError(f"{at}.tool_calls", "must be a list of objects")
