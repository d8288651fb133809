"""Token counts of Ollama: one for the prompt, one for the answer, thoughts included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.usage import Usage
from llmrouter.dialects.fields import compact

_MOST_TOKENS = 2**40
"""Beyond this a count is a mistake."""

_METRICS = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)


def read_metrics(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the last line says of tokens and of time, in nanoseconds."""
    return {name: document[name] for name in _METRICS if document.get(name) is not None}


def read_usage(metrics: Mapping[str, Any]) -> Usage:
    """A count of zero is left out by Ollama, and so is one of a prompt that was cached."""
    return Usage(
        uncached_input_tokens=_count(metrics.get("prompt_eval_count")),
        text_output_tokens=_count(metrics.get("eval_count")),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The counts for a client; what is not known is left out."""
    return compact(prompt_eval_count=usage.input_tokens, eval_count=usage.output_tokens)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_TOKENS:
        return None
    return value
