"""Usage objects of OpenAI and of those who imitate it, as disjoint classes.

Imitators differ in what their figures include; where they say a total, it settles which.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple

from msgspec import field

from llmrouter.core.records import Record
from llmrouter.core.usage import Usage, nusd_from_usd

MAX_TOKENS = 10**12
"""No request uses as many; a larger figure is a provider's fault and not believed."""

MAX_COST_USD = 10**6

XAI_TICKS_PER_NUSD = 10
"""https://docs.x.ai/developers/cost-tracking: 1 USD = 10^10 ticks."""

_Figure = Literal[
    "cache_read",
    "cache_write",
    "reasoning",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "output_audio",
    "output_image",
    "searches",
]

_SPELLINGS: Final[Mapping[_Figure, tuple[tuple[str, ...], ...]]] = {
    "cache_read": (
        ("prompt_tokens_details", "cached_tokens"),  # OpenAI, OpenRouter, xAI, Groq, Zhipu
        ("prompt_token_details", "cached_tokens"),  # Mistral, by one of its three names
        ("num_cached_tokens",),  # Mistral
        ("prompt_cache_hit_tokens",),  # DeepSeek
        ("cached_tokens",),  # Moonshot
        ("cache_read_input_tokens",),  # gateways before Anthropic
    ),
    "cache_write": (
        ("prompt_tokens_details", "cache_write_tokens"),  # OpenRouter, OpenAI
        ("prompt_tokens_details", "cache_creation_tokens"),
        ("cache_creation_input_tokens",),
    ),
    "reasoning": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("reasoning_tokens",),  # Perplexity, Together
    ),
    "cache_write_1h": (
        ("cache_creation", "ephemeral_1h_input_tokens"),  # gateways before Anthropic
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens"),
    ),
    "input_audio": (("prompt_tokens_details", "audio_tokens"),),
    "input_image": (("prompt_tokens_details", "image_tokens"),),  # xAI, image models
    "output_audio": (("completion_tokens_details", "audio_tokens"),),
    "output_image": (("completion_tokens_details", "image_tokens"),),
    "searches": (
        ("server_tool_use", "web_search_requests"),  # OpenRouter, gateways before Anthropic
        ("num_search_queries",),  # Perplexity
        ("num_sources_used",),  # xAI's live search bills sources
    ),
}
"""Where each figure beside the totals stands, in the order in which rivals are believed."""

_TOTALS: Final = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
"""Many a provider says no more."""

_USUAL: Final = _TOTALS | {"prompt_tokens_details", "completion_tokens_details"}
_USUAL_INPUTS: Final = frozenset({"cached_tokens", "audio_tokens"})
_USUAL_OUTPUTS: Final = frozenset(
    {
        "reasoning_tokens",
        "audio_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
    }
)
"""What OpenAI itself says: https://platform.openai.com/docs/api-reference/chat/object"""

_PARTS: Final = frozenset[_Figure](
    {"cache_write_1h", "input_audio", "input_image", "output_audio", "output_image"}
)
"""What is told apart from a class that holds it."""


class _Place(NamedTuple):
    """What a name means; the lower ``rank`` is believed."""

    figure: _Figure
    rank: int


class _Names(Record):
    """What the names in an object mean: figures, or objects with names of their own."""

    figures: dict[str, _Place] = field(default_factory=dict)
    objects: dict[str, _Names] = field(default_factory=dict)


def _names() -> _Names:
    """`_SPELLINGS` by name, so that a usage object is read in one pass over what it says."""
    names = _Names()
    for figure, paths in _SPELLINGS.items():
        for rank, (*holders, name) in enumerate(paths):
            within = names
            for holder in holders:
                within = within.objects.setdefault(holder, _Names())
            within.figures[name] = _Place(figure, rank)
    return names


_NAMES: Final = _names()


class ReportedUsage(Record):
    """What a usage object says.

    ``usage`` is None when it counts nothing.  ``cost_nusd`` is the provider's own figure;
    ``is_absurd`` tells of figures that were left out because they can't be.
    """

    usage: Usage | None
    cost_nusd: int | None = None
    is_absurd: bool = False


def read_usage(raw: Mapping[str, Any]) -> ReportedUsage:
    """The usage object of a completion or of a stream's last chunk."""
    plain = _plain_usage(raw)
    if plain is not None:
        return ReportedUsage(plain)
    figures = _Figures(raw)
    prompt = figures.count(raw.get("prompt_tokens"))
    completion = figures.count(raw.get("completion_tokens"))
    total = figures.count(raw.get("total_tokens"))
    reasoning = cache_read = cache_write = cost_nusd = None
    if figures.tell_more:
        cache_read, cache_write = figures.first("cache_read"), figures.first("cache_write")
        reasoning = figures.first("reasoning")
        cost_nusd = _cost_nusd(raw)
    if not prompt and not completion and not reasoning:
        return ReportedUsage(None, cost_nusd, figures.is_absurd)

    if completion is None and total is not None and prompt is not None:
        completion = max(total - prompt, 0)
    surplus = 0
    if prompt is not None and completion is not None and total is not None:
        surplus = total - prompt - completion
    cached = (cache_read or 0) + (cache_write or 0)
    caches_beside = reasoning_beside = False
    if cached or reasoning:
        caches_beside, reasoning_beside = _what_stands_beside(
            surplus, cached, reasoning or 0, prompt or 0, completion or 0
        )
    if reasoning is None and surplus > 0 and not caches_beside:
        reasoning, reasoning_beside = surplus, True  # Google counts thoughts in the total alone
    uncached = _without(prompt, 0 if caches_beside else cached)
    text = _without(completion, 0 if reasoning_beside else reasoning or 0)
    cache_write_1h = input_audio = input_image = output_audio = output_image = None
    if figures.tell_parts:
        uncached, input_audio = _split(uncached, figures.first("input_audio"))
        uncached, input_image = _split(uncached, figures.first("input_image"))
        text, output_audio = _split(text, figures.first("output_audio"))
        text, output_image = _split(text, figures.first("output_image"))
        cache_write, cache_write_1h = _split(cache_write, figures.first("cache_write_1h"))
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
        web_searches=figures.first("searches"),
    )
    return ReportedUsage(usage, cost_nusd, figures.is_absurd)


def _plain_usage(raw: Mapping[str, Any]) -> Usage | None:
    """What the usual figures say, where they agree; None where there are others, or some are odd.

    This is what OpenAI sends, and most who imitate it; the long way to read it says the same.
    """
    prompt, total = raw.get("prompt_tokens"), raw.get("total_tokens")
    completion = raw.get("completion_tokens")
    if not int is type(prompt) is type(completion) is type(total):
        return None
    if not (0 <= prompt <= total <= MAX_TOKENS and 0 < total == prompt + completion):
        return None
    if not raw.keys() <= _USUAL:
        return None
    if len(raw) == 3:  # many a provider says no more
        return Usage(uncached_input_tokens=prompt, text_output_tokens=completion)
    inputs = raw.get("prompt_tokens_details") or {}
    outputs = raw.get("completion_tokens_details") or {}
    if not (dict is type(inputs) is type(outputs)):
        return None
    if not (inputs.keys() <= _USUAL_INPUTS and outputs.keys() <= _USUAL_OUTPUTS):
        return None
    for figure in (*inputs.values(), *outputs.values()):
        if type(figure) is not int or not 0 <= figure <= MAX_TOKENS:
            return None
    cached, reasoning = inputs.get("cached_tokens"), outputs.get("reasoning_tokens")
    if (cached or 0) > prompt or (reasoning or 0) > completion:
        return None
    uncached, input_audio = _split(prompt - (cached or 0), inputs.get("audio_tokens"))
    text, output_audio = _split(completion - (reasoning or 0), outputs.get("audio_tokens"))
    return Usage(
        uncached_input_tokens=uncached,
        cache_read_tokens=cached,
        text_output_tokens=text,
        reasoning_tokens=reasoning,
        input_audio_tokens=input_audio,
        output_audio_tokens=output_audio,
    )


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
        self.is_absurd = False
        self.tell_more = not raw.keys() <= _TOTALS
        self._given: dict[_Figure, list[tuple[int, Any]]] = {}
        if self.tell_more:
            self._find(raw, _NAMES)
        self.tell_parts = not _PARTS.isdisjoint(self._given)

    def count(self, value: object) -> int | None:
        """The figure, where it can be one."""
        if type(value) is int and 0 <= value <= MAX_TOKENS:
            return value
        if type(value) is float and 0 <= value <= MAX_TOKENS and value.is_integer():
            return int(value)
        if value is not None:
            self.is_absurd = True
        return None

    def first(self, figure: _Figure) -> int | None:
        """The first of its spellings that is given."""
        given = self._given.get(figure)
        if given is None:
            return None
        if len(given) > 1:
            given.sort(key=itemgetter(0))
        for _, value in given:
            count = self.count(value)
            if count is not None:
                return count
        return None

    def _find(self, raw: Mapping[str, Any], names: _Names) -> None:
        for name, value in raw.items():
            place = names.figures.get(name)
            if place is not None:
                if value is not None:
                    self._given.setdefault(place.figure, []).append((place.rank, value))
            elif isinstance(value, dict) and name in names.objects:
                self._find(value, names.objects[name])


def _cost_nusd(raw: Mapping[str, Any]) -> int | None:
    ticks = raw.get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool) and ticks >= 0:
        return round(Decimal(ticks) / XAI_TICKS_PER_NUSD)
    cost = raw.get("cost")
    if cost is None:
        return None
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
