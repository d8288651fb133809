"""The longest answer that a request asks for, brought down to what a model can give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from llmrouter.core.records import replace
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.documents import write_document

_PLACES: Final[Mapping[DialectName, tuple[tuple[str, ...], ...]]] = {
    "openai": (("max_completion_tokens",), ("max_tokens",)),
    "responses": (("max_output_tokens",),),
    "anthropic": (("max_tokens",),),
    "gemini": tuple(
        (section, name)
        for section in ("generationConfig", "generation_config")
        for name in ("maxOutputTokens", "max_output_tokens")
    ),
    "ollama": (("options", "num_predict"),),
}
"""Where each dialect's requests say it; Google's APIs take two spellings."""

_LEAST_THINKING: Final = 1024
"""What Anthropic's API takes as the least budget of thinking."""


def within_output(request: ChatRequest, most: int | None) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request, asking for no more than ``most`` tokens, and notes of what was changed.

    Providers refuse a request that asks for more than the model can give, though the answer would
    hardly ever be that long.
    """
    if most is None or request.max_output_tokens is None or request.max_output_tokens <= most:
        return request, ()
    document: Mapping[str, Any] = request.document
    notes: list[str] = []
    for path in _PLACES[request.dialect]:
        asked = _at(document, path)
        if asked is not None and asked > most:
            document = _with(document, path, most)
            notes.append(f"{'.'.join(path)}: {most} instead of {asked}, the most it can give")
    if request.dialect == "anthropic":
        document, told = _thinking_within(document, request.max_output_tokens, most)
        notes += told
    changed = replace(
        request, document=document, body=write_document(document), max_output_tokens=most
    )
    return changed, tuple(notes)


def _thinking_within(
    document: Mapping[str, Any], asked: int, most: int
) -> tuple[Mapping[str, Any], list[str]]:
    """The document with room for its thinking, which has to be less than ``max_tokens``.

    A budget beyond what the client itself asked for stays: with interleaved thinking that is
    allowed, and without it the fault is not ours.
    """
    path = ("thinking", "budget_tokens")
    budget = _at(document, path)
    if budget is None or not most <= budget < asked:
        return document, []
    if most <= _LEAST_THINKING:
        less = {name: value for name, value in document.items() if name != "thinking"}
        return less, [f"thinking: left out, {most} tokens leave no room for it"]
    told = f"thinking.budget_tokens: {most - 1} instead of {budget}, it counts in max_tokens"
    return _with(document, path, most - 1), [told]


def with_output_limit(body: bytes, dialect: DialectName, most: int) -> bytes:
    """The body, asking for no more than ``most`` tokens where it set no limit of its own."""
    document: dict[str, Any] = orjson.loads(body)
    if any(_at(document, path) is not None for path in _PLACES[dialect]):
        return body
    section, *rest = _PLACES[dialect][0]
    within = document.get(section)
    limit: Any = {**(within if isinstance(within, dict) else {}), rest[0]: most} if rest else most
    return write_document({**document, section: limit})


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> int | float | None:
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def _with(document: Mapping[str, Any], path: tuple[str, ...], value: int) -> dict[str, Any]:
    name, *rest = path
    return {**document, name: _with(document[name], tuple(rest), value) if rest else value}
