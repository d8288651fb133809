"""Sums of request rows by hour and day, so that figures cost the same however long the history.

They are added up in memory for a whole batch first; the database sees a few rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from llmrouter.core.ledger import RequestRow
from llmrouter.store.schema import HISTOGRAM_BITS, MEASURES, SUMMED

Key = tuple[str | int, ...]

_HOUR_US: Final = 3_600_000_000
_FIRST_BITS: Final = HISTOGRAM_BITS[0]
_LAST_BITS: Final = HISTOGRAM_BITS[-1]
_DURATIONS_AT: Final = len(SUMMED)
_FIRST_TOKENS_AT: Final = len(SUMMED) + len(HISTOGRAM_BITS)


@dataclass(slots=True)
class Rollups:
    """What a batch of requests adds to each usage row, by key in the order of its columns."""

    hours: dict[Key, list[int]] = field(default_factory=dict)
    days: dict[Key, list[int]] = field(default_factory=dict)
    modes: dict[Key, list[int]] = field(default_factory=dict)


def sum_up(requests: Iterable[RequestRow]) -> Rollups:
    """The sums over some requests."""
    rollups = Rollups()
    hour_names: dict[int, str] = {}
    for row in requests:
        hour_number = row.started_us // _HOUR_US
        hour = hour_names.get(hour_number)
        if hour is None:
            hour = hour_names[hour_number] = hour_of(row.started_us)
        provider, model, category = row.provider or "", row.model or "", row.category or ""
        measures = _measures(row)
        _add(
            rollups.days,
            (
                hour[:10],
                row.node,
                row.key_id or "",
                provider,
                model,
                category,
                row.ending,
                row.purpose,
            ),
            measures,
        )
        if row.purpose == "live":
            _add(rollups.hours, (hour, row.node, provider, model, row.ending), measures)
            _add(rollups.modes, (hour, row.node, category, row.mode or ""), [1])
    return rollups


def hour_of(at_us: int) -> str:
    """The hour (UTC) as usage rows name it: ``2026-11-20T13``."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H")


def _measures(row: RequestRow) -> list[int]:
    measures = [0] * len(MEASURES)
    measures[: len(SUMMED)] = (
        1,
        row.attempts,
        row.input_tokens or 0,
        row.output_tokens or 0,
        row.cache_read_tokens or 0,
        row.cache_write_tokens or 0,
        row.reasoning_tokens or 0,
        row.cost_nusd or 0,
        int(row.cost_nusd is None),
        row.duration_us,
        int(row.first_token_us is not None),
        row.first_token_us or 0,
    )
    measures[_DURATIONS_AT + _bucket(row.duration_us)] = 1
    if row.first_token_us is not None:
        measures[_FIRST_TOKENS_AT + _bucket(row.first_token_us)] = 1
    return measures


def _bucket(duration_us: int) -> int:
    """The place of a duration in a histogram."""
    return min(max(duration_us.bit_length(), _FIRST_BITS), _LAST_BITS) - _FIRST_BITS


def _add(table: dict[Key, list[int]], key: Key, measures: list[int]) -> None:
    sums = table.get(key)
    table[key] = measures if sums is None else [a + b for a, b in zip(sums, measures, strict=True)]
