"""What is wrong with a chat completion request: every fault at once.

Only what the router itself reads, and the types of the oldest fields, are checked.  Ranges and
newer fields are the provider's to judge, and fields that are not known pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmrouter.core.errors import FieldError

MAX_ERRORS = 100
"""Enough to mend a request by; a body of 10,000 bad messages is not answered in kind."""

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})

Check = Callable[[object], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
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
    "stream": (_is_boolean, "true or false"),
    "stream_options": (_is_object, "an object"),
    "tools": (_is_list, "a list"),
    "functions": (_is_list, "a list"),
    "tool_choice": (_is_text_or_object, "a string or an object"),
    "parallel_tool_calls": (_is_boolean, "true or false"),
    "response_format": (_is_object, "an object"),
    "modalities": (_is_list, "a list"),
    "max_tokens": (_is_integer, "a whole number"),
    "max_completion_tokens": (_is_integer, "a whole number"),
    "n": (_is_integer, "a whole number"),
    "seed": (_is_integer, "a whole number"),
    "temperature": (_is_number, "a number"),
    "top_p": (_is_number, "a number"),
    "frequency_penalty": (_is_number, "a number"),
    "presence_penalty": (_is_number, "a number"),
    "stop": (_is_text_or_list, "a string or a list"),
}


_SAMPLES: Final[tuple[object, ...]] = ("", 0, 0.5, True, [], {})
_SUSPECT: Final = frozenset(
    (name, type(sample))
    for name, (check, _) in _FIELDS.items()
    for sample in _SAMPLES
    if not check(sample)
)
"""Fields with the types of JSON that are wrong there, or that take a second look."""


def wrong_fields(document: Mapping[str, Any], *, plain: bool) -> list[FieldError]:
    """Every fault in order of the document, at most `MAX_ERRORS`; null is as good as absent.

    ``plain`` says that its messages are known to be sound.
    """
    errors: list[FieldError] = []
    if not _SUSPECT.isdisjoint(zip(document, map(type, document.values()), strict=True)):
        errors += _wrong_types(document)
    if not plain:
        errors += _wrong_messages(document)
    tools = document.get("tools")
    if isinstance(tools, list):
        errors += _wrong_tools(tools)
    return errors[:MAX_ERRORS]


def tool_name(tool: object) -> str | None:
    """What a tool is called; for a provider's own tools (``{"type": "web_search"}``,
    ``{"google_search": {}}``) their kind."""
    if isinstance(tool, str):
        return tool or None
    if not isinstance(tool, dict):
        return None
    for holder in (tool.get("function"), tool.get("custom"), tool):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str) and holder["name"]:
            return str(holder["name"])
    kind = tool.get("type", next(iter(tool), None))
    return kind if isinstance(kind, str) and kind not in ("", "function", "custom") else None


def _wrong_types(document: Mapping[str, Any]) -> list[FieldError]:
    return [
        FieldError(name, f"must be {_FIELDS[name][1]}")
        for name, value in document.items()
        if name in _FIELDS and value is not None and not _FIELDS[name][0](value)
    ]


def _wrong_messages(document: Mapping[str, Any]) -> list[FieldError]:
    messages = document.get("messages")
    if messages is None:
        return [FieldError("messages", "is missing; send a list with at least one message")]
    if not isinstance(messages, list):
        return [FieldError("messages", "must be a list")]
    if not messages:
        return [FieldError("messages", "is empty; send at least one message")]
    errors: list[FieldError] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            errors.append(FieldError(f"messages.{index}", "must be an object"))
        elif not _is_sound(message):
            errors += _wrong_in_message(f"messages.{index}", message)
        if len(errors) >= MAX_ERRORS:
            break
    return errors


def _is_sound(message: Mapping[str, Any]) -> bool:
    """The quick way past the common message: a known role and a text."""
    content = message.get("content")
    return (
        type(message.get("role")) is str
        and message["role"] in ROLES
        and (content is None or type(content) is str)
        and "tool_calls" not in message
    )


def _wrong_in_message(at: str, message: Mapping[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    role = message.get("role")
    if role is None:
        errors.append(FieldError(f"{at}.role", f"is missing; use {_list_roles()}"))
    elif not isinstance(role, str):
        errors.append(FieldError(f"{at}.role", f"must be a string: {_list_roles()}"))
    elif role not in ROLES:
        errors.append(FieldError(f"{at}.role", f"`{role[:40]}` is no role; use {_list_roles()}"))
    content = message.get("content")
    if isinstance(content, list):
        errors += [
            FieldError(f"{at}.content.{index}", "must be an object with a `type`")
            for index, part in enumerate(content)
            if not (isinstance(part, dict) and isinstance(part.get("type"), str))
        ]
    elif content is not None and not isinstance(content, str):
        errors.append(FieldError(f"{at}.content", "must be a string, a list of parts, or null"))
    calls = message.get("tool_calls")
    if calls is not None and not (
        isinstance(calls, list) and all(isinstance(call, dict) for call in calls)
    ):
        errors.append(FieldError(f"{at}.tool_calls", "must be a list of objects"))
    return errors


def _wrong_tools(tools: list[Any]) -> list[FieldError]:
    return [
        FieldError(
            f"tools.{index}", "must have a name: {'type': 'function', 'function': {'name'…}}"
        )
        for index, tool in enumerate(tools)
        if tool_name(tool) is None
    ]


def _list_roles() -> str:
    return "system, developer, user, assistant, tool or function"
