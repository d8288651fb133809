"""Token counts of the Messages API.

``input_tokens`` is what no cache had a part in, and ``output_tokens`` holds the thinking, unlike
OpenAI's totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.prices import STANDARD_SERVICE
from llmrouter.core.usage import NUSD_PER_USD, Usage, nusd_from_usd, sum_of_known
from llmrouter.dialects.service_tiers import read_service_tier

_MOST_TOKENS = 2**40
"""Beyond this a count is a mistake."""

_ANYWHERE = frozenset({"global", "not_available"})
"""Where ``inference_geo`` names no geography; the second word is that of models before it."""


def merge_usage(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a stream so far: ``message_delta`` repeats, cumulated, only what changed."""
    return {**earlier, **{name: value for name, value in later.items() if value is not None}}


def read_usage(document: Mapping[str, Any]) -> Usage:
    """Disjoint classes of tokens, and the searches that are billed one by one."""
    output = _count(document.get("output_tokens"))
    details = document.get("output_tokens_details")
    thinking = _count(details.get("thinking_tokens")) if isinstance(details, dict) else None
    if output is None or (thinking is not None and thinking > output):
        thinking = None
    brief, hour = _cache_writes(document)
    server_tools = document.get("server_tool_use")
    return Usage(
        uncached_input_tokens=_count(document.get("input_tokens")),
        cache_read_tokens=_count(document.get("cache_read_input_tokens")),
        cache_write_tokens=brief,
        cache_write_1h_tokens=hour,
        text_output_tokens=output if output is None or thinking is None else output - thinking,
        reasoning_tokens=thinking,
        web_searches=(
            _count(server_tools.get("web_search_requests"))
            if isinstance(server_tools, dict)
            else None
        ),
    )


def read_tier(document: Mapping[str, Any]) -> str | None:
    """At which service the tokens were made.

    Fast mode (https://platform.claude.com/docs/en/build-with-claude/fast-mode) and work inside a
    geography (https://platform.claude.com/docs/en/manage-claude/data-residency) are charged apart:
    a geography's own word stands for its standard service, and behind the word of any other.
    """
    fast = document.get("speed") == "fast"
    tier = "fast" if fast else read_service_tier(document.get("service_tier"))
    geography = read_service_tier(document.get("inference_geo"))
    if geography is None or geography in _ANYWHERE:
        return tier
    return geography if tier is None or tier == STANDARD_SERVICE else f"{tier}_{geography}"


def read_cost_nusd(document: Mapping[str, Any]) -> int | None:
    """What a compatible provider says that the reply cost (``usage.cost``, US dollars)."""
    cost = document.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < 1e6:
        return None
    return nusd_from_usd(cost)


def write_usage(usage: Usage, cost_nusd: int | None) -> dict[str, Any]:
    """The counts for a client; what is not known is left out, but for the two totals."""
    document: dict[str, Any] = {
        "input_tokens": sum_of_known(
            (usage.uncached_input_tokens, usage.input_audio_tokens, usage.input_image_tokens)
        )
        or 0,
        "output_tokens": usage.output_tokens or 0,
    }
    written = sum_of_known((usage.cache_write_tokens, usage.cache_write_1h_tokens))
    if written is not None:
        document["cache_creation_input_tokens"] = written
    if usage.cache_write_1h_tokens is not None:
        document["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.web_searches is not None:
        document["server_tool_use"] = {"web_search_requests": usage.web_searches}
    if usage.cache_read_tokens is not None:
        document["cache_read_input_tokens"] = usage.cache_read_tokens
    if usage.reasoning_tokens is not None:
        document["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if cost_nusd is not None:
        document["cost"] = cost_nusd / NUSD_PER_USD
    return document


def _cache_writes(document: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """For five minutes (or a time that is not said), and for an hour.

    https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching: the total is the sum of
    ``cache_creation``'s members.  A stream's last event may tell the total alone.
    """
    total = _count(document.get("cache_creation_input_tokens"))
    by_lifetime = document.get("cache_creation")
    if not isinstance(by_lifetime, dict):
        return total, None
    hour = _count(by_lifetime.get("ephemeral_1h_input_tokens"))
    brief = _count(by_lifetime.get("ephemeral_5m_input_tokens"))
    if total is None:
        return brief, hour
    if hour is None or hour > total:
        return total, None
    return total - hour, hour


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_TOKENS:
        return None
    return value
