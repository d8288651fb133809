"""Token counts of Gemini.

``promptTokenCount`` holds what was cached, ``candidatesTokenCount`` does not hold the thoughts,
and ``totalTokenCount`` is the sum of prompt, tool use, candidates and thoughts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.usage import Usage
from llmrouter.dialects.fields import compact

_MOST_TOKENS = 2**40
"""Beyond this a count is a mistake."""


def read_usage(document: Mapping[str, Any]) -> Usage:
    """Disjoint classes of tokens."""
    prompt = _count(document, "promptTokenCount")
    tool_use = _count(document, "toolUsePromptTokenCount") or 0
    cached = _count(document, "cachedContentTokenCount")
    thoughts = _count(document, "thoughtsTokenCount")
    total = _count(document, "totalTokenCount")
    said = _count(document, "candidatesTokenCount")
    if prompt is not None and total is not None:
        # A count of zero is left out, and some gateways count the thoughts among the candidates.
        rest = total - prompt - tool_use - (thoughts or 0)
        if rest >= 0 and (said is None or said == rest + (thoughts or 0)):
            said = rest
    uncached = None if prompt is None else max(0, prompt - (cached or 0)) + tool_use
    return Usage(
        uncached_input_tokens=uncached,
        cache_read_tokens=cached,
        text_output_tokens=said,
        reasoning_tokens=thoughts,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The counts for a client; what is not known is left out."""
    known = [n for n in (usage.input_tokens, usage.output_tokens) if n is not None]
    return compact(
        promptTokenCount=usage.input_tokens,
        cachedContentTokenCount=usage.cache_read_tokens,
        candidatesTokenCount=usage.text_output_tokens,
        thoughtsTokenCount=usage.reasoning_tokens,
        totalTokenCount=sum(known) if known else None,
    )


def _count(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_TOKENS:
        return None
    return value
