"""Token counts of the Responses API, whose details are parts of the totals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.chat.deltas import UsageReported
from llmrouter.core.usage import NUSD_PER_USD, sum_of_known
from llmrouter.dialects.openai.usage import ReportedUsage
from llmrouter.dialects.openai.usage import read_usage as read_completion_usage

_COMPLETION_NAMES: Mapping[str, str] = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
"""The same figures under the names that chat completions have for them."""


def read_usage(raw: Mapping[str, Any]) -> ReportedUsage:
    """The usage object of a response, as disjoint classes."""
    renamed = {_COMPLETION_NAMES.get(name, name): value for name, value in raw.items()}
    return read_completion_usage(renamed)


def write_usage(report: UsageReported) -> dict[str, Any]:
    """The counts for a client, whose types ask for every one: what is not known shows as 0."""
    usage = report.usage
    input_tokens, output_tokens = usage.input_tokens or 0, usage.output_tokens or 0
    document: dict[str, Any] = {
        "input_tokens": input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": sum_of_known(
                (usage.cache_write_tokens, usage.cache_write_1h_tokens)
            )
            or 0,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": input_tokens + output_tokens,
    }
    if report.cost_nusd is not None:
        document["cost"] = report.cost_nusd / NUSD_PER_USD
    return document
