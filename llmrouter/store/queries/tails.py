"""How slow models are when they are slow, from the usage rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, select

from llmrouter.core.latency import Tail
from llmrouter.store.rollups import hour_of
from llmrouter.store.schema import HISTOGRAM_BITS, usage_hour

SHARE: Final = 0.95

_HISTOGRAMS: Final = ("first_token", "duration")


def tails(connection: Connection, since_us: int) -> tuple[Tail, ...]:
    """Of each model that answered live requests since the hour in which ``since_us`` lies."""
    key = (usage_hour.c.provider, usage_hour.c.model)
    buckets = [f"{name}_log2_{bits}" for name in _HISTOGRAMS for bits in HISTOGRAM_BITS]
    statement = (
        select(*key, *(func.sum(usage_hour.c[name]).label(name) for name in buckets))
        .where(usage_hour.c.hour >= hour_of(since_us), usage_hour.c.ending == "completed")
        .group_by(*key)
    )
    found = []
    for row in connection.execute(statement):
        counts = [int(count) for count in row[2:]]
        first_tokens, durations = counts[: len(HISTOGRAM_BITS)], counts[len(HISTOGRAM_BITS) :]
        found.append(
            Tail(
                provider=row.provider,
                model=row.model,
                first_tokens=sum(first_tokens),
                first_token_p95_us=_quantile_us(first_tokens),
                answers=sum(durations),
                duration_p95_us=_quantile_us(durations),
            )
        )
    return tuple(found)


def _quantile_us(counts: Sequence[int]) -> int | None:
    """Where the share lies, interpolated within its bucket; None of an empty histogram."""
    rank, below, lower_us = SHARE * sum(counts), 0, 0
    for bits, count in zip(HISTOGRAM_BITS, counts, strict=True):
        upper_us = 1 << bits
        if count and below + count >= rank:
            return round(lower_us + (upper_us - lower_us) * (rank - below) / count)
        below, lower_us = below + count, upper_us
    return None
