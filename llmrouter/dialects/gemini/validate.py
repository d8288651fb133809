"""What is wrong with a Gemini request: every fault at once.

Only what the router itself reads is checked; fields that are not known pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from llmrouter.core.errors import FieldError

MAX_ERRORS = 100

_ROLES = (None, "user", "model", "function", "system")
_OBJECTS = ("generationConfig", "toolConfig", "labels")
_LISTS = ("tools", "safetySettings")


def wrong_fields(document: Mapping[str, Any]) -> list[FieldError]:
    """The faults of a document in camel case; null is as good as absent."""
    return list(islice(_wrong_fields(document), MAX_ERRORS))


def _wrong_fields(document: Mapping[str, Any]) -> Iterator[FieldError]:
    for name in _OBJECTS:
        if not isinstance(document.get(name), dict | None):
            yield FieldError(name, "must be an object")
    for name in _LISTS:
        if not isinstance(document.get(name), list | None):
            yield FieldError(name, "must be a list")
    yield from _wrong_instruction(document.get("systemInstruction"))
    yield from _wrong_contents(document.get("contents"))
    tools = document.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        yield from _wrong_tool(tool, f"tools.{index}")


def _wrong_instruction(instruction: object) -> Iterator[FieldError]:
    if isinstance(instruction, dict):
        yield from _wrong_parts(instruction.get("parts"), "systemInstruction.parts")
    elif not isinstance(instruction, str | None):
        yield FieldError("systemInstruction", "must be a content: an object with `parts`")


def _wrong_contents(contents: object) -> Iterator[FieldError]:
    if contents is None:
        yield FieldError("contents", "is missing; send a list with at least one content")
    elif not isinstance(contents, list):
        yield FieldError("contents", "must be a list")
    elif not contents:
        yield FieldError("contents", "is empty; send at least one content")
    else:
        for index, content in enumerate(contents):
            at = f"contents.{index}"
            if not isinstance(content, dict):
                yield FieldError(at, "must be an object")
                continue
            if content.get("role") not in _ROLES:
                yield FieldError(f"{at}.role", "must be user or model")
            yield from _wrong_parts(content.get("parts"), f"{at}.parts")


def _wrong_parts(parts: object, at: str) -> Iterator[FieldError]:
    if not isinstance(parts, list | None):
        yield FieldError(at, "must be a list of parts")
        return
    for index, part in enumerate(parts or ()):
        place = f"{at}.{index}"
        if not isinstance(part, dict):
            yield FieldError(place, "must be an object")
            continue
        if not isinstance(part.get("text"), str | None):
            yield FieldError(f"{place}.text", "must be a string")
        for name in ("inlineData", "fileData", "functionCall", "functionResponse"):
            if not isinstance(part.get(name), dict | None):
                yield FieldError(f"{place}.{name}", "must be an object")


def _wrong_tool(tool: object, at: str) -> Iterator[FieldError]:
    if not isinstance(tool, dict):
        yield FieldError(at, "must be an object")
        return
    functions = tool.get("functionDeclarations")
    if not isinstance(functions, list | None):
        yield FieldError(f"{at}.functionDeclarations", "must be a list")
        return
    for index, function in enumerate(functions or ()):
        place = f"{at}.functionDeclarations.{index}"
        if not isinstance(function, dict):
            yield FieldError(place, "must be an object")
        elif not (isinstance(function.get("name"), str) and function["name"]):
            yield FieldError(f"{place}.name", "is missing; name the function")
