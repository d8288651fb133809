"""Tokens and money: what an attempt used, and what that cost.

Token classes are disjoint; totals are sums.  ``None`` is "not known" everywhere and is never read
as zero.  Money is an integer number of nano-dollars (1 USD = 1,000,000,000).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final, Literal

from llmrouter.core.records import Record

NUSD_PER_USD = 1_000_000_000

UsageSource = Literal["provider", "estimated", "none"]
"""Who counted: the provider, our estimator, or nobody."""

CostBasis = Literal["provider_reported", "computed", "estimated", "unknown"]
"""How a cost came about, best first."""


class Usage(Record):
    """Disjoint token classes of one attempt, in tokens, and what else it was billed for.

    A class that a provider did not mention stays ``None``; the class that holds the rest
    (uncached input, text output) then carries the provider's whole total.  Where two classes
    overlap and nobody says how far (audio that was cached), the cache has them.
    """

    uncached_input_tokens: int | None = None
    """Text, and whatever is not told apart from it."""
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    """Kept for five minutes, or for a time that was not said."""
    text_output_tokens: int | None = None
    """Text and tool calls, and whatever is not told apart from them."""
    reasoning_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None
    """A count: searches that the provider made on the model's behalf and bills one by one."""

    @property
    def input_tokens(self) -> int | None:
        """All input, cached or not."""
        return sum_of_known(_inputs_of(self))

    @property
    def output_tokens(self) -> int | None:
        """All output, reasoning included."""
        return sum_of_known(_outputs_of(self))


INPUT_CLASSES: Final = (
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
)
"""The fields of `Usage` that sum to all input."""

OUTPUT_CLASSES: Final = (
    "text_output_tokens",
    "reasoning_tokens",
    "output_audio_tokens",
    "output_image_tokens",
)
"""The fields of `Usage` that sum to all output."""

BILLED_CLASSES: Final = (*INPUT_CLASSES, *OUTPUT_CLASSES, "web_searches")
"""Everything that `Usage` counts."""

_inputs_of: Final = attrgetter(*INPUT_CLASSES)
_outputs_of: Final = attrgetter(*OUTPUT_CLASSES)


class Cost(Record):
    """An amount in nano-dollars and how it came about; ``unknown`` has no amount.

    ``price_id`` is the price card that it was computed with, where there is one.
    """

    nusd: int | None
    basis: CostBasis
    price_id: int | None = None


UNKNOWN_COST = Cost(None, "unknown")


def nusd_from_usd(usd: Decimal | float | int | str) -> int:
    """Nano-dollars, rounded half to even once."""
    return int((Decimal(str(usd)) * NUSD_PER_USD).to_integral_value())


def usd_from_nusd(nusd: int | None) -> Decimal | None:
    """The exact amount in dollars."""
    return None if nusd is None else Decimal(nusd) / NUSD_PER_USD


def sum_of_known(parts: Sequence[int | None]) -> int | None:
    """The sum of what is known; None when nothing is."""
    total = sum(filter(None, parts))
    return None if total == 0 and parts.count(None) == len(parts) else total
