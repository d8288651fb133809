"""Prices as documents state them: the built-in file, imports, and whoever posts to ``/prices``.

{"model": "google/gemini-3.1-pro-preview", "valid_from": "2026-07-22",
 "usd_per_million": {"input": 2, "output": 12},
 "tiers": [{"from_input_tokens": 200001, "usd_per_million": {"input": 4, "output": 18}}],
 "source": "https://ai.google.dev/gemini-api/docs/pricing"}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import resources
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from llmrouter.core.prices import PriceCard, PriceOrigin, Rate, ServiceTier, UnitClass
from llmrouter.core.usage import nusd_from_usd

MAX_TOKENS: Final = 10**12
Usd = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]
UsdPerMillion = Mapping[UnitClass, Usd]


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StatedTier(_Stated):
    """What is charged otherwise: for requests from a size on, or for another service."""

    usd_per_million: UsdPerMillion
    from_input_tokens: int = Field(0, ge=0, le=MAX_TOKENS)
    service_tier: ServiceTier = "standard"


class StatedPrice(_Stated):
    """What a model charges, in US dollars per million units; ``*`` stands for all of a provider's
    models.  Reasoning without a price of its own is charged as output, as by every provider that
    counts it.  A day without an hour begins at midnight UTC; no day at all is now."""

    model: str = Field(pattern=r"^[^/\s]+/\S.*$", max_length=256)
    usd_per_million: UsdPerMillion
    tiers: tuple[StatedTier, ...] = ()
    valid_from: datetime | date | None = None
    valid_to: datetime | date | None = None
    source: str | None = Field(None, max_length=1000)
    note: str | None = Field(None, max_length=1000)

    def card(self, *, origin: PriceOrigin, now_us: int) -> PriceCard:
        """The statement as a card."""
        provider, _, model = self.model.partition("/")
        return PriceCard(
            provider,
            model,
            rates=tuple(self._rates()),
            valid_from_us=now_us if self.valid_from is None else _micros(self.valid_from),
            valid_to_us=None if self.valid_to is None else _micros(self.valid_to),
            origin=origin,
            source="; ".join(part for part in (self.source, self.note) if part) or None,
        )

    def _rates(self) -> Iterator[Rate]:
        for tier in (StatedTier(usd_per_million=self.usd_per_million), *self.tiers):
            usd_per_million = dict(tier.usd_per_million)
            if "output" in usd_per_million:
                usd_per_million.setdefault("reasoning", usd_per_million["output"])
            for unit_class, usd in usd_per_million.items():
                yield Rate(
                    unit_class, nusd_from_usd(usd), tier.service_tier, tier.from_input_tokens
                )


def built_in_prices() -> Sequence[PriceCard]:
    """The list prices that the program brings, each from the day on which it was read or began.

    Reads the package's data: call it once and keep it.
    """
    text = (resources.files("llmrouter.policy") / "data" / "prices.json").read_text("utf-8")
    stated = TypeAdapter(list[StatedPrice]).validate_json(text)
    return [price.card(origin="built_in", now_us=0) for price in stated]


def _micros(moment: datetime | date) -> int:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), UTC)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)
