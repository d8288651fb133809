"""Percentiles of durations that were counted in buckets, each twice as wide as the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmrouter.core.records import Record

FIRST_BITS: Final = 10
"""The first bucket counts what is shorter than 2^10 µs."""


class Percentile(Record):
    """An estimate, and the bucket that the true value lies in; all in µs.

    ``at_most_us`` is None in the last bucket, which has no upper end.
    """

    estimate_us: float
    at_least_us: int
    at_most_us: int | None


def upper_edges_us(buckets: int) -> list[int]:
    """What each bucket counts up to; the last one counts what is longer, too."""
    return [1 << (FIRST_BITS + place) for place in range(buckets)]


def percentile(counts: Sequence[int], share: float) -> Percentile | None:
    """The duration below which ``share`` (0 to 1) of the counted lies; None of none.

    Interpolated evenly within its bucket, as the view ``v_model_latency`` does.
    """
    rank, below, lower_us = share * sum(counts), 0, 0
    for place, (size, upper_us) in enumerate(zip(counts, upper_edges_us(len(counts)), strict=True)):
        if size and below + size >= rank:
            estimate_us = lower_us + (upper_us - lower_us) * (rank - below) / size
            last = place == len(counts) - 1
            return Percentile(estimate_us, lower_us, None if last else upper_us)
        below, lower_us = below + size, upper_us
    return None
