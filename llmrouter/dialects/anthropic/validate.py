"""What is wrong with a request to the Messages API: every fault at once.

Only what the router itself reads is checked; fields that are not known pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from llmrouter.core.errors import FieldError

MAX_ERRORS = 100

_ROLES = ("user", "assistant", "system")

_NUMBER = (int, float)
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "a string"),
    "max_tokens": ((int,), "a whole number"),
    "system": ((str, list), "a string or a list of blocks"),
    "stream": ((bool,), "true or false"),
    "stop_sequences": ((list,), "a list of strings"),
    "temperature": (_NUMBER, "a number"),
    "top_p": (_NUMBER, "a number"),
    "top_k": ((int,), "a whole number"),
    "tools": ((list,), "a list"),
    "tool_choice": ((dict,), "an object with a `type`"),
    "thinking": ((dict,), "an object with a `type`"),
    "metadata": ((dict,), "an object"),
    "output_config": ((dict,), "an object"),
    "output_format": ((dict,), "an object with a `type`"),
    "cache_control": ((dict,), "an object with a `type`"),
}


def wrong_fields(document: Mapping[str, Any], *, needs_max_tokens: bool) -> list[FieldError]:
    """The faults in order of the document; null is as good as absent."""
    return list(islice(_wrong_fields(document, needs_max_tokens), MAX_ERRORS))


def _wrong_fields(document: Mapping[str, Any], needs_max_tokens: bool) -> Iterator[FieldError]:
    if needs_max_tokens and document.get("max_tokens") is None:
        yield FieldError("max_tokens", "is missing; send the most tokens that may be written")
    for name, value in document.items():
        if name not in _TYPES or value is None:
            continue
        types, wanted = _TYPES[name]
        is_bool_for_number = isinstance(value, bool) and bool not in types
        if not isinstance(value, types) or is_bool_for_number:
            yield FieldError(name, f"must be {wanted}")
    if isinstance(document.get("system"), list):
        yield from _wrong_blocks(document["system"], "system")
    yield from _wrong_messages(document.get("messages"))
    if isinstance(document.get("tools"), list):
        yield from _wrong_tools(document["tools"])


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
    if message.get("role") not in _ROLES:
        yield FieldError(f"{at}.role", f"must be one of {', '.join(_ROLES)}")
    content = message.get("content")
    if isinstance(content, list):
        yield from _wrong_blocks(content, f"{at}.content")
    elif not isinstance(content, str):
        yield FieldError(f"{at}.content", "must be a string or a list of blocks")


def _wrong_blocks(blocks: list[Any], at: str) -> Iterator[FieldError]:
    for index, block in enumerate(blocks):
        place = f"{at}.{index}"
        match block:
            case {"type": "text"} if not isinstance(block.get("text"), str):
                yield FieldError(f"{place}.text", "must be a string")
            case {"type": "tool_use"} if not isinstance(block.get("name"), str):
                yield FieldError(f"{place}.name", "must be a string")
            case {"type": "tool_result"} if not isinstance(block.get("tool_use_id"), str):
                yield FieldError(f"{place}.tool_use_id", "must be a string")
            case {"type": "tool_result", "content": [*inner]}:
                yield from _wrong_blocks(inner, f"{place}.content")
            case {"type": str()}:
                continue
            case _:
                yield FieldError(place, "must be an object with a `type`")


def _wrong_tools(tools: list[Any]) -> Iterator[FieldError]:
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            yield FieldError(f"tools.{index}", "must be an object")
        elif not isinstance(tool.get("name") or tool.get("type"), str):
            yield FieldError(f"tools.{index}.name", "is missing; name the tool")
