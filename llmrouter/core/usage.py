"""Tokens and money: what an attempt used, and what that cost.

Token classes are disjoint; totals are sums.  ``None`` is "not known" everywhere and is never read
as zero.  Money is an integer number of nano-dollars (1 USD = 1,000,000,000).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

NUSD_PER_USD = 1_000_000_000

UsageSource = Literal["provider", "estimated", "none"]
"""Who counted: the provider, our estimator, or nobody."""

CostBasis = Literal["provider_reported", "computed", "estimated", "unknown"]
"""How a cost came about, best first."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Disjoint token classes of one attempt, in tokens.

    Cached and reasoning classes that a provider did not mention stay ``None``; the class that
    holds the rest (uncached input, text output) then carries the provider's whole total.
    """

    uncached_input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    text_output_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def input_tokens(self) -> int | None:
        """All input, cached or not."""
        return _total(self.uncached_input_tokens, self.cache_read_tokens, self.cache_write_tokens)

    @property
    def output_tokens(self) -> int | None:
        """All output, reasoning included."""
        return _total(self.text_output_tokens, self.reasoning_tokens)


@dataclass(frozen=True, slots=True)
class Price:
    """What a model charges, in nano-dollars per million tokens; ``None`` is not known.

    A cache or reasoning price that is not given falls back to the input or output price.
    """

    input_nusd_per_mtok: int | None
    output_nusd_per_mtok: int | None
    cache_read_nusd_per_mtok: int | None = None
    cache_write_nusd_per_mtok: int | None = None
    reasoning_nusd_per_mtok: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in nano-dollars and how it came about; ``unknown`` has no amount."""

    nusd: int | None
    basis: CostBasis


UNKNOWN_COST = Cost(None, "unknown")


def nusd_from_usd(usd: Decimal | float | int | str) -> int:
    """Nano-dollars, rounded half to even once."""
    return int((Decimal(str(usd)) * NUSD_PER_USD).to_integral_value())


def usd_from_nusd(nusd: int | None) -> Decimal | None:
    """The exact amount in dollars."""
    return None if nusd is None else Decimal(nusd) / NUSD_PER_USD


def _total(*classes: int | None) -> int | None:
    known = [tokens for tokens in classes if tokens is not None]
    return sum(known) if known else None
