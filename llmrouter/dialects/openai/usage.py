"""Usage objects of OpenAI and of those who imitate it, as disjoint classes.

Imitators differ in what their figures include; where they say a total, it settles which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from llmrouter.core.records import record
from llmrouter.core.usage import Usage, nusd_from_usd

MAX_TOKENS = 10**12
"""No request uses as many; a larger figure is a provider's fault and not believed."""

MAX_COST_USD = 10**6

XAI_TICKS_PER_NUSD = 10
"""https://docs.x.ai/developers/cost-tracking: 1 USD = 10^10 ticks."""

_Path = tuple[str, ...]

_CACHE_READ: tuple[_Path, ...] = (
    ("prompt_tokens_details", "cached_tokens"),  # OpenAI, OpenRouter, xAI, Groq, Zhipu
    ("prompt_token_details", "cached_tokens"),  # Mistral, by one of its three names
    ("num_cached_tokens",),  # Mistral
    ("prompt_cache_hit_tokens",),  # DeepSeek
    ("cached_tokens",),  # Moonshot
    ("cache_read_input_tokens",),  # gateways before Anthropic
)
_CACHE_WRITE: tuple[_Path, ...] = (
    ("prompt_tokens_details", "cache_write_tokens"),  # OpenRouter, OpenAI
    ("prompt_tokens_details", "cache_creation_tokens"),
    ("cache_creation_input_tokens",),
)
_REASONING: tuple[_Path, ...] = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),  # Perplexity, Together
)
_CACHE_WRITE_1H: tuple[_Path, ...] = (
    ("cache_creation", "ephemeral_1h_input_tokens"),  # gateways before Anthropic
    ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens"),
)
_INPUT_AUDIO: tuple[_Path, ...] = (("prompt_tokens_details", "audio_tokens"),)
_INPUT_IMAGE: tuple[_Path, ...] = (("prompt_tokens_details", "image_tokens"),)  # xAI, image models
_OUTPUT_AUDIO: tuple[_Path, ...] = (("completion_tokens_details", "audio_tokens"),)
_OUTPUT_IMAGE: tuple[_Path, ...] = (("completion_tokens_details", "image_tokens"),)
_SEARCHES: tuple[_Path, ...] = (
    ("server_tool_use", "web_search_requests"),  # OpenRouter, gateways before Anthropic
    ("num_search_queries",),  # Perplexity
    ("num_sources_used",),  # xAI's live search bills sources
)


@record
class ReportedUsage:
    """What a usage object says.

    ``usage`` is None when it counts nothing.  ``cost_nusd`` is the provider's own figure;
    ``is_absurd`` tells of figures that were left out because they can't be.
    """

    usage: Usage | None
    cost_nusd: int | None = None
    is_absurd: bool = False


def read_usage(raw: Mapping[str, Any]) -> ReportedUsage:
    """The usage object of a completion or of a stream's last chunk."""
    figures = _Figures(raw)
    prompt = figures.first([("prompt_tokens",)])
    completion = figures.first([("completion_tokens",)])
    total = figures.first([("total_tokens",)])
    cache_read = figures.first(_CACHE_READ)
    cache_write = figures.first(_CACHE_WRITE)
    reasoning = figures.first(_REASONING)
    cost_nusd = _cost_nusd(raw)
    if not prompt and not completion and not reasoning:
        return ReportedUsage(None, cost_nusd, figures.is_absurd)

    if completion is None and total is not None and prompt is not None:
        completion = max(total - prompt, 0)
    surplus = 0
    if prompt is not None and completion is not None and total is not None:
        surplus = total - prompt - completion
    cached = (cache_read or 0) + (cache_write or 0)
    caches_beside, reasoning_beside = _what_stands_beside(
        surplus, cached, reasoning or 0, prompt or 0, completion or 0
    )
    if reasoning is None and surplus > 0 and not caches_beside:
        reasoning, reasoning_beside = surplus, True  # Google counts thoughts in the total alone
    uncached = _without(prompt, 0 if caches_beside else cached)
    text = _without(completion, 0 if reasoning_beside else reasoning or 0)
    uncached, input_audio = _split(uncached, figures.first(_INPUT_AUDIO))
    uncached, input_image = _split(uncached, figures.first(_INPUT_IMAGE))
    text, output_audio = _split(text, figures.first(_OUTPUT_AUDIO))
    text, output_image = _split(text, figures.first(_OUTPUT_IMAGE))
    cache_write, cache_write_1h = _split(cache_write, figures.first(_CACHE_WRITE_1H))
    usage = Usage(
        uncached_input_tokens=uncached,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=cache_write_1h,
        text_output_tokens=text,
        reasoning_tokens=reasoning,
        input_audio_tokens=input_audio,
        input_image_tokens=input_image,
        output_audio_tokens=output_audio,
        output_image_tokens=output_image,
        web_searches=figures.first(_SEARCHES),
    )
    return ReportedUsage(usage, cost_nusd, figures.is_absurd)


def _what_stands_beside(
    surplus: int, cached: int, reasoning: int, prompt: int, completion: int
) -> tuple[bool, bool]:
    """Whether caches and reasoning are counted beside input and output, and not within them.

    OpenAI counts both within; xAI's reasoning and Anthropic's caches stand beside.  What does not
    fit in must stand beside; else the total tells by its ``surplus`` over input and output.
    """
    reasoning_beside = reasoning > completion or 0 < reasoning == surplus
    if 0 < cached + reasoning == surplus and cached:
        return True, reasoning > 0
    explained = reasoning if reasoning_beside else 0
    return cached > prompt or 0 < cached == surplus - explained, reasoning_beside


def _split(whole: int | None, part: int | None) -> tuple[int | None, int | None]:
    """A class without the part of it that has a class of its own, and that part.

    A part that does not fit overlaps with a cache or with reasoning, which keep it.
    """
    if whole is None or part is None:
        return whole, None
    part = min(part, whole)
    return whole - part, part


def _without(whole: int | None, part: int) -> int | None:
    return None if whole is None else whole - part


class _Figures:
    """Token counts out of a usage object; what can't be a count reads as not given."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self.is_absurd = False

    def first(self, paths: Iterable[_Path]) -> int | None:
        """The first figure that is given."""
        for path in paths:
            value: Any = self._raw
            for step in path:
                value = value.get(step) if isinstance(value, dict) else None
            if value is None:
                continue
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and 0 <= value <= MAX_TOKENS
                and value == int(value)
            ):
                return int(value)
            self.is_absurd = True
        return None


def _cost_nusd(raw: Mapping[str, Any]) -> int | None:
    ticks = raw.get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool) and ticks >= 0:
        return round(Decimal(ticks) / XAI_TICKS_PER_NUSD)
    cost = raw.get("cost")
    if isinstance(cost, dict):  # Perplexity
        return _nusd(cost.get("total_cost"))
    nusd = _nusd(cost)
    if nusd is not None and raw.get("is_byok") is True:
        # OpenRouter with the user's own key: its cost is the fee, the provider bills the rest.
        details = raw.get("cost_details")
        if isinstance(details, dict):
            nusd += _nusd(details.get("upstream_inference_cost")) or 0
    return nusd


def _nusd(usd: object) -> int | None:
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 <= usd <= MAX_COST_USD:
        return None
    return nusd_from_usd(usd)
