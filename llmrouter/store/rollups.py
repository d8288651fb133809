"""Sums of requests and attempts, so that figures cost the same however long the history.

They are added up in memory for a whole batch first; the database sees a few rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import add, attrgetter, itemgetter
from typing import Any, Final

from sqlalchemy import Connection

from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.records import field_names
from llmrouter.store.schema import (
    DECISION_MEASURES,
    HISTOGRAM_BITS,
    MEASURES,
    SUMMED,
    SUMMED_CLASSES,
)
from llmrouter.store.statements import Statements, run

Key = tuple[str | int, ...]
Groups = defaultdict[Key, list[Sequence[int]]]

_HOUR_US: Final = 3_600_000_000
_FIRST_BITS: Final = HISTOGRAM_BITS[0]
_LAST_BITS: Final = HISTOGRAM_BITS[-1]
_of_decision: Final = itemgetter(*[MEASURES.index(name) for name in DECISION_MEASURES])
_ONE: Final = (1,)
_DURATIONS_AT: Final = len(SUMMED)
_FIRST_TOKENS_AT: Final = len(SUMMED) + len(HISTOGRAM_BITS)


@dataclass(slots=True)
class Rollups:
    """What some requests add to each usage row, by key in the order of its columns."""

    hours: dict[Key, list[int]] = field(default_factory=dict)
    days: dict[Key, list[int]] = field(default_factory=dict)
    modes: dict[Key, list[int]] = field(default_factory=dict)
    totals: dict[Key, list[int]] = field(default_factory=dict)
    attempt_days: dict[Key, list[int]] = field(default_factory=dict)
    decision_days: dict[Key, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Summands:
    """The same before it is summed: by column, all rows of a key at once, which costs a fraction
    of adding them one to another."""

    hours: Groups = field(default_factory=lambda: defaultdict(list))
    days: Groups = field(default_factory=lambda: defaultdict(list))
    modes: Groups = field(default_factory=lambda: defaultdict(list))
    totals: Groups = field(default_factory=lambda: defaultdict(list))
    attempt_days: Groups = field(default_factory=lambda: defaultdict(list))
    decision_days: Groups = field(default_factory=lambda: defaultdict(list))

    def summed(self) -> Rollups:
        return Rollups(*map(_summed, _all_groups(self)))


_all_groups: Final = attrgetter(*field_names(Rollups))


def sum_up(requests: Iterable[RequestRow], attempts: Iterable[AttemptRow]) -> Rollups:
    """The sums over some requests and their attempts; another request's attempts are left out."""
    summands = _Summands()
    hours = _HourNames()
    of_requests = {row.id: row for row in requests}
    known_nusd = dict.fromkeys(of_requests, 0)
    for attempt in attempts:
        request = of_requests.get(attempt.request_id)
        if request is not None:
            known_nusd[request.id] += attempt.cost_nusd or 0
            day = hours[attempt.started_us // _HOUR_US][:10]
            key = _attempt_key(day, request, attempt)
            summands.attempt_days[key].append(_attempt_measures(attempt))
    for row in of_requests.values():
        measures = _measures(row, known_nusd[row.id])
        _add_request(summands, row, hours[row.started_us // _HOUR_US], measures)
    return summands.summed()


def add_up(rollups: Rollups, more: Rollups) -> None:
    """Adds sums over further requests to some."""
    for f in fields(Rollups):
        sums = getattr(rollups, f.name)
        for key, measures in getattr(more, f.name).items():
            _add(sums, key, measures)


def difference(after: Rollups, before: Rollups) -> Rollups:
    """What is to be added to the usage rows so that they sum up other rows than before."""
    changed = Rollups()
    add_up(changed, after)
    add_up(changed, _negated(before))
    return changed


def write_rollups(connection: Connection, to: Statements, rollups: Rollups) -> None:
    """Adds to the usage rows."""
    run(connection, to.sum_hour, _rows(rollups.hours))
    run(connection, to.sum_day, _rows(rollups.days))
    run(connection, to.sum_mode, _rows(rollups.modes))
    run(connection, to.sum_total, _rows(rollups.totals))
    run(connection, to.sum_attempt_day, _rows(rollups.attempt_days))
    run(connection, to.sum_decision_day, _rows(rollups.decision_days))


def hour_of(at_us: int) -> str:
    """The hour (UTC) as usage rows name it: ``2026-11-20T13``."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H")


class _HourNames(dict[int, str]):
    """The names of hours, by their number since 1970."""

    def __missing__(self, number: int) -> str:
        name = self[number] = hour_of(number * _HOUR_US)
        return name


def _add_request(to: _Summands, row: RequestRow, hour: str, measures: list[int]) -> None:
    node, ending = row.node, row.ending
    provider, model, category = row.provider or "", row.model or "", row.category or ""
    day_key = (
        hour[:10],
        node,
        row.key_id or "",
        provider,
        model,
        category,
        ending,
        row.purpose,
    )
    to.days[day_key].append(measures)
    if row.purpose != "live":
        return
    mode = row.mode or ""
    to.hours[hour, node, provider, model, ending].append(measures)
    to.totals[node, provider, model, category, mode, ending].append(measures)
    to.modes[hour, node, category, mode].append(_ONE)
    decision = (hour[:10], node, category, row.decided_by or "", mode)
    to.decision_days[decision].append(_of_decision(measures))


def _attempt_key(day: str, request: RequestRow, attempt: AttemptRow) -> Key:
    return (
        day,
        request.node,
        request.key_id or "",
        attempt.provider,
        attempt.model,
        request.category or "",
        request.ending,
        request.purpose,
        attempt.outcome,
        attempt.kind,
        attempt.error_class or "",
        attempt.cost_basis,
    )


def _attempt_measures(attempt: AttemptRow) -> list[int]:
    """What an attempt adds to its row of ``usage_attempt_day``, in the order of the columns."""
    return [
        1,
        attempt.input_tokens or 0,
        attempt.output_tokens or 0,
        attempt.cache_read_tokens or 0,
        attempt.cache_write_tokens or 0,
        attempt.reasoning_tokens or 0,
        attempt.cost_nusd or 0,
        int(attempt.cost_nusd is None),
        *_later_classes(attempt),
    ]


def _measures(row: RequestRow, known_nusd: int) -> list[int]:
    measures = [0] * len(MEASURES)
    measures[: len(SUMMED)] = (
        1,
        row.attempts,
        row.input_tokens or 0,
        row.output_tokens or 0,
        row.cache_read_tokens or 0,
        row.cache_write_tokens or 0,
        row.reasoning_tokens or 0,
        known_nusd,
        int(row.cost_nusd is None),
        row.duration_us,
        int(row.first_token_us is not None),
        row.first_token_us or 0,
    )
    measures[-len(SUMMED_CLASSES) :] = _later_classes(row)
    measures[_DURATIONS_AT + _bucket(row.duration_us)] = 1
    if row.first_token_us is not None:
        measures[_FIRST_TOKENS_AT + _bucket(row.first_token_us)] = 1
    return measures


def _later_classes(row: RequestRow | AttemptRow) -> tuple[int, ...]:
    """The measures of `SUMMED_CLASSES`."""
    return (
        row.cache_write_1h_tokens or 0,
        row.input_audio_tokens or 0,
        row.input_image_tokens or 0,
        row.output_audio_tokens or 0,
        row.output_image_tokens or 0,
        row.web_searches or 0,
    )


def _bucket(duration_us: int) -> int:
    """The place of a duration in a histogram."""
    return min(max(duration_us.bit_length(), _FIRST_BITS), _LAST_BITS) - _FIRST_BITS


def _summed(groups: Groups) -> dict[Key, list[int]]:
    return {
        key: list(rows[0] if len(rows) == 1 else map(sum, zip(*rows, strict=True)))
        for key, rows in groups.items()
    }


def _add(table: dict[Key, list[int]], key: Key, measures: list[int]) -> None:
    sums = table.get(key)
    table[key] = measures if sums is None else list(map(add, sums, measures))


def _rows(sums: dict[Key, list[int]]) -> list[tuple[Any, ...]]:
    return [(*key, *measures) for key, measures in sums.items() if any(measures)]


def _negated(rollups: Rollups) -> Rollups:
    sums = {f.name: getattr(rollups, f.name) for f in fields(Rollups)}
    return Rollups(
        **{
            name: {key: [-measure for measure in measures] for key, measures in table.items()}
            for name, table in sums.items()
        }
    )
