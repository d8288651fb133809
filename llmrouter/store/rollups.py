"""Sums of requests and attempts, so that figures cost the same however long the history.

They are added up in memory for a whole batch first; the database sees a few rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import add, attrgetter
from typing import Any, Final

from sqlalchemy import Connection

from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.store.schema import (
    DECISION_MEASURES,
    HISTOGRAM_BITS,
    MEASURES,
    SUMMED,
    SUMMED_CLASSES,
)
from llmrouter.store.statements import Statements, run

Key = tuple[str | int, ...]
Kind = tuple[Any, ...]
"""What rows that are summed together have in common."""

_HOUR_US: Final = 3_600_000_000
_FIRST_BITS: Final = HISTOGRAM_BITS[0]
_LAST_BITS: Final = HISTOGRAM_BITS[-1]
_DURATIONS_AT: Final = len(SUMMED)
_FIRST_TOKENS_AT: Final = len(SUMMED) + len(HISTOGRAM_BITS)
_NO_HISTOGRAMS: Final = (0,) * (2 * len(HISTOGRAM_BITS))
_OF_DECISION: Final = tuple(MEASURES.index(name) for name in DECISION_MEASURES)

_TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_kind_of_request: Final = attrgetter(
    "node", "key_id", "provider", "model", "category", "mode", "decided_by", "ending", "purpose"
)
_kind_of_attempt: Final = attrgetter(
    "provider", "model", "outcome", "kind", "error_class", "cost_basis"
)
_figures_of_request: Final = attrgetter(
    "id", "cost_nusd", "duration_us", "first_token_us", "attempts", *_TOKENS, *SUMMED_CLASSES
)
_figures_of_attempt: Final = attrgetter("cost_nusd", *_TOKENS, *SUMMED_CLASSES)


@dataclass(slots=True)
class Rollups:
    """What some requests add to each usage row, by key in the order of its columns."""

    hours: dict[Key, list[int]] = field(default_factory=dict)
    days: dict[Key, list[int]] = field(default_factory=dict)
    modes: dict[Key, list[int]] = field(default_factory=dict)
    totals: dict[Key, list[int]] = field(default_factory=dict)
    attempt_days: dict[Key, list[int]] = field(default_factory=dict)
    decision_days: dict[Key, list[int]] = field(default_factory=dict)


def sum_up(requests: Iterable[RequestRow], attempts: Iterable[AttemptRow]) -> Rollups:
    """The sums over some requests and their attempts; another request's attempts are left out.

    Rows that are alike in every key are summed first, all of them at once and by column, which
    costs a fraction of adding each of them to six tables.
    """
    kinds: dict[int, Kind] = {}
    asked: defaultdict[tuple[int, Kind], list[RequestRow]] = defaultdict(list)
    tried: defaultdict[tuple[int, Kind, Kind], list[AttemptRow]] = defaultdict(list)
    known_nusd: defaultdict[int, int] = defaultdict(int)
    for row in requests:
        kind = kinds[row.id] = _kind_of_request(row)
        asked[row.started_us // _HOUR_US, kind].append(row)
    for attempt in attempts:
        of_request = kinds.get(attempt.request_id)
        if of_request is not None:
            hour = attempt.started_us // _HOUR_US
            tried[hour, of_request, _kind_of_attempt(attempt)].append(attempt)
            if attempt.cost_nusd is not None:
                known_nusd[attempt.request_id] += attempt.cost_nusd
    rollups, hours = Rollups(), _HourNames()
    for (hour, kind), rows in asked.items():
        _add_requests(rollups, hours[hour], kind, _measures(rows, known_nusd))
    for (hour, kind, of_attempt), calls in tried.items():
        key = _attempt_key(hours[hour][:10], kind, of_attempt)
        _add(rollups.attempt_days, key, _attempt_measures(calls))
    return rollups


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


def _add_requests(to: Rollups, hour: str, kind: Kind, measures: list[int]) -> None:
    """Adds requests of one hour and one `_kind_of_request`."""
    node, *names, ending, purpose = kind
    key_id, provider, model, category, mode, decided_by = [name or "" for name in names]
    day = hour[:10]
    _add(to.days, (day, node, key_id, provider, model, category, ending, purpose), measures)
    if purpose != "live":
        return
    _add(to.hours, (hour, node, provider, model, ending), measures)
    _add(to.totals, (node, provider, model, category, mode, ending), measures)
    _add(to.modes, (hour, node, category, mode), measures[:1])
    decided = [measures[place] for place in _OF_DECISION]
    _add(to.decision_days, (day, node, category, decided_by, mode), decided)


def _attempt_key(day: str, of_request: Kind, of_attempt: Kind) -> Key:
    node, key_id, _, _, category, _, _, ending, purpose = of_request
    provider, model, outcome, kind, error_class, cost_basis = of_attempt
    return (
        day,
        node,
        key_id or "",
        provider,
        model,
        category or "",
        ending,
        purpose,
        outcome,
        kind,
        error_class or "",
        cost_basis,
    )


def _attempt_measures(rows: Sequence[AttemptRow]) -> list[int]:
    """What attempts add to a row of ``usage_attempt_day``, in the order of its columns."""
    costs, *counted = zip(*map(_figures_of_attempt, rows), strict=True)
    cost_nusd, *sums = [sum(filter(None, column)) for column in (costs, *counted)]
    tokens, classes = sums[: len(_TOKENS)], sums[len(_TOKENS) :]
    return [len(rows), *tokens, cost_nusd, costs.count(None), *classes]


def _measures(rows: Sequence[RequestRow], known_nusd: defaultdict[int, int]) -> list[int]:
    """What requests add to a usage row; of their attempts' costs, some may be known."""
    ids, costs, durations, first_tokens, *counted = zip(
        *map(_figures_of_request, rows), strict=True
    )
    attempts, *sums = [sum(filter(None, column)) for column in counted]
    tokens, classes = sums[: len(_TOKENS)], sums[len(_TOKENS) :]
    seen = [first_token_us for first_token_us in first_tokens if first_token_us is not None]
    measures = [
        len(rows),
        attempts,
        *tokens,
        sum(map(known_nusd.__getitem__, ids)),
        costs.count(None),
        sum(durations),
        len(seen),
        sum(seen),
        *_NO_HISTOGRAMS,
        *classes,
    ]
    for first_place, times in ((_DURATIONS_AT, durations), (_FIRST_TOKENS_AT, seen)):
        for bits in map(int.bit_length, times):
            measures[first_place + min(max(bits, _FIRST_BITS), _LAST_BITS) - _FIRST_BITS] += 1
    return measures


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
