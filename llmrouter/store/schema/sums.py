"""Sums of requests and attempts, so that figures cost the same however long the history."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, Table, Text

from llmrouter.store.schema.columns import Big, metadata

HISTOGRAM_BITS: Final = range(10, 33)
"""A duration of b bits, in microseconds, is counted in column ``…_log2_b``: column 11 counts
1.024 ms up to 2.048 ms; the first also what is shorter, the last (36 minutes) what is longer."""

SUMMED: Final = (
    "requests",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nusd",
    "unknown_costs",
    "duration_us",
    "first_tokens",
    "first_token_us",
)
"""What usage rows add up.  Sums are over what is known: ``cost_nusd`` is all that is known of the
requests' attempts, ``unknown_costs`` counts the requests of which something is not, and
``first_tokens`` those that ``first_token_us`` takes in."""

SUMMED_CLASSES: Final = (
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "web_searches",
)
"""Summed, too; they came later and stand at the end of their tables."""

MEASURES: Final = (
    *SUMMED,
    *(f"duration_log2_{bits}" for bits in HISTOGRAM_BITS),
    *(f"first_token_log2_{bits}" for bits in HISTOGRAM_BITS),
    *SUMMED_CLASSES,
)
"""Every column of a usage row that is no part of its key."""

ATTEMPT_MEASURES: Final = (
    "attempts",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nusd",
    "unknown_costs",
    *SUMMED_CLASSES,
)
"""What `usage_attempt_day` adds up; ``unknown_costs`` counts attempts."""

DECISION_MEASURES: Final = ("requests", "cost_nusd", "unknown_costs")
"""What `usage_decision_day` adds up."""


def _sums(names: tuple[str, ...]) -> list[Column[int]]:
    return [
        Column(name, Big, nullable=False, server_default="0" if name in SUMMED_CLASSES else None)
        for name in names
    ]


def _key(name: str) -> Column[str]:
    """A part of a usage row's key; empty text stands for what a request does not have."""
    return Column(name, Text, primary_key=True)


# Live requests only: what /metrics shows of the last hours.  `hour` is 2026-11-20T13.
usage_hour = Table(
    "usage_hour",
    metadata,
    _key("hour"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("provider"),
    _key("model"),
    _key("ending"),
    *_sums(MEASURES),
    sqlite_with_rowid=False,
)

# Every request.  `day` is 2026-11-20.
usage_day = Table(
    "usage_day",
    metadata,
    _key("day"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("key_id"),
    _key("provider"),
    _key("model"),
    _key("category"),
    _key("ending"),
    _key("purpose"),
    *_sums(MEASURES),
    sqlite_with_rowid=False,
)

# Live requests only: how they were classified.
usage_mode = Table(
    "usage_mode",
    metadata,
    _key("hour"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("category"),
    _key("mode"),
    Column("requests", Big, nullable=False),
    sqlite_with_rowid=False,
)

# Live requests only, since the ledger began: /metrics reads nothing else, however long that is.
usage_total = Table(
    "usage_total",
    metadata,
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("provider"),
    _key("model"),
    _key("category"),
    _key("mode"),
    _key("ending"),
    *_sums(MEASURES),
    sqlite_with_rowid=False,
)

# Every attempt under the model that it was sent to, on the day on which it was: what a vendor's
# invoice says.  Key, category, ending and purpose are its request's.
usage_attempt_day = Table(
    "usage_attempt_day",
    metadata,
    _key("day"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("key_id"),
    _key("provider"),
    _key("model"),
    _key("category"),
    _key("ending"),
    _key("purpose"),
    _key("outcome"),
    _key("kind"),
    _key("error_class"),
    _key("cost_basis"),
    *_sums(ATTEMPT_MEASURES),
    sqlite_with_rowid=False,
)

# Live requests only: what settled their category.
usage_decision_day = Table(
    "usage_decision_day",
    metadata,
    _key("day"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("category"),
    _key("decided_by"),
    _key("mode"),
    *(Column(name, Big, nullable=False) for name in DECISION_MEASURES),
    sqlite_with_rowid=False,
)
