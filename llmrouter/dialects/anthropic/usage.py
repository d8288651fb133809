"""Token counts of the Messages API.

``input_tokens`` is what no cache had a part in, and ``output_tokens`` holds the thinking, unlike
OpenAI's totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.usage import NUSD_PER_USD, Usage, nusd_from_usd

_MOST_TOKENS = 2**40
"""Beyond this a count is a mistake."""


def merge_usage(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a stream so far: ``message_delta`` repeats, cumulated, only what changed."""
    return {**earlier, **{name: value for name, value in later.items() if value is not None}}


def read_usage(document: Mapping[str, Any]) -> Usage:
    """Disjoint classes of tokens."""
    output = _count(document.get("output_tokens"))
    details = document.get("output_tokens_details")
    thinking = _count(details.get("thinking_tokens")) if isinstance(details, dict) else None
    if output is None or (thinking is not None and thinking > output):
        thinking = None
    return Usage(
        uncached_input_tokens=_count(document.get("input_tokens")),
        cache_read_tokens=_count(document.get("cache_read_input_tokens")),
        cache_write_tokens=_cache_writes(document),
        text_output_tokens=output if output is None or thinking is None else output - thinking,
        reasoning_tokens=thinking,
    )


def read_cost_nusd(document: Mapping[str, Any]) -> int | None:
    """What a compatible provider says that the reply cost (``usage.cost``, US dollars)."""
    cost = document.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < 1e6:
        return None
    return nusd_from_usd(cost)


def write_usage(usage: Usage, cost_nusd: int | None) -> dict[str, Any]:
    """The counts for a client; what is not known is left out, but for the two totals."""
    document: dict[str, Any] = {
        "input_tokens": usage.uncached_input_tokens or 0,
        "output_tokens": usage.output_tokens or 0,
    }
    if usage.cache_write_tokens is not None:
        document["cache_creation_input_tokens"] = usage.cache_write_tokens
    if usage.cache_read_tokens is not None:
        document["cache_read_input_tokens"] = usage.cache_read_tokens
    if usage.reasoning_tokens is not None:
        document["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if cost_nusd is not None:
        document["cost"] = cost_nusd / NUSD_PER_USD
    return document


def _cache_writes(document: Mapping[str, Any]) -> int | None:
    total = _count(document.get("cache_creation_input_tokens"))
    by_lifetime = document.get("cache_creation")
    if total is not None or not isinstance(by_lifetime, dict):
        return total
    counts = [_count(value) for value in by_lifetime.values()]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_TOKENS:
        return None
    return value
