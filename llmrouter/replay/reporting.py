"""What a replay amounts to: a fold over its results, in constant memory.

Each figure has a 95 % bootstrap interval that carries both what the requests vary in and what the
history of the new models leaves open.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmrouter.core.configuration import nearest
from llmrouter.core.ids import show_id
from llmrouter.core.replay import ReplayResult
from llmrouter.replay.buckets import ONCE, Interval, Sum, Weights, bucket_of, draws, interval
from llmrouter.replay.flags import FLAGS
from llmrouter.replay.history import History, Ratio
from llmrouter.replay.spread import Spread

SHOWN: Final = 10
"""Requests in each list of the dearest and the most changed."""

FLOWS: Final = 200
"""Rows of the flow table; the rest are summed up."""

UNDECIDED: Final[frozenset[str]] = frozenset({"no_body", "no_state", "not_routed"})
"""Flags of requests that nothing can be said of."""

_UNHEARD_OF: Final[frozenset[str]] = frozenset({"no_price", "no_history"})
"""Flags of requests whose new model may be misspelt: it has no price, and answered nothing."""


class Flow(NamedTuple):
    """From where to where requests move."""

    old_category: str | None
    new_category: str | None
    old_target: str | None
    new_target: str | None


@dataclass(slots=True)
class _Cell:
    """The sums of one flow, apart for each model that its tokens were measured with."""

    requests: int = 0
    compared: int = 0
    old_nusd: Sum = field(default_factory=Sum)
    fixed_nusd: Sum = field(default_factory=Sum)
    input_nusd: Sum = field(default_factory=Sum)
    output_nusd: Sum = field(default_factory=Sum)
    timed: Sum = field(default_factory=Sum)
    old_us: Sum = field(default_factory=Sum)
    fixed_us: Sum = field(default_factory=Sum)
    projected: Sum = field(default_factory=Sum)
    begun: Sum = field(default_factory=Sum)
    old_first_us: Sum = field(default_factory=Sum)
    fixed_first_us: Sum = field(default_factory=Sum)
    projected_first: Sum = field(default_factory=Sum)
    judged: Sum = field(default_factory=Sum)
    old_ok: Sum = field(default_factory=Sum)
    certain_ok: Sum = field(default_factory=Sum)
    uncertain: Sum = field(default_factory=Sum)


class Totals:
    """Takes in results one by one; then tells what they amount to."""

    def __init__(self, history: History, seed: int) -> None:
        self._history = history
        self._seed = seed
        self._cells: dict[tuple[Flow, str | None], _Cell] = {}
        self._flags: Counter[str] = Counter()
        self._moved: Counter[str] = Counter()
        self._dearest: list[tuple[int, int, ReplayResult]] = []
        self._most_changed: list[tuple[int, int, ReplayResult]] = []
        self._spread = Spread()
        self._unheard_of: set[str] = set()
        self.requests = 0
        self.changed = 0

    def add(self, result: ReplayResult) -> None:
        """Takes in one result."""
        self.requests += 1
        self._flags.update(result.flags)
        if not UNDECIDED.isdisjoint(result.flags):
            self._moved["undecided"] += 1
            return
        self._moved["decided"] += 1
        self.changed += result.changed
        self._moved["category"] += result.changed and result.old_category != result.new_category
        self._moved["target"] += result.old_target != result.new_target
        self._rank(result)
        if result.new_target is not None and _UNHEARD_OF.issubset(result.flags):
            self._unheard_of.add(result.new_target)
        self._spread.add(result.old_duration_us, result.new_duration_us)
        data: Mapping[str, Any] = result.data or {}
        flow = Flow(result.old_category, result.new_category, result.old_target, result.new_target)
        key = (flow, data.get("base"))
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = _Cell()
        _add(cell, result, data)

    def document(self) -> dict[str, Any]:
        """The report."""
        replicates = draws(self._seed)

        def told(figure: Callable[[Weights], float | None], scale: float = 1) -> Any:
            return _shown(interval(figure, replicates), scale)

        return {
            "requests": self.requests,
            "decided": self._moved["decided"],
            "changed": self.changed,
            "changed_category": self._moved["category"],
            "changed_target": self._moved["target"],
            "flow": self._flow(),
            "cost_usd": {
                "compared": self._priced,
                "old": told(self._old_nusd, 1e-9),
                "new": told(self._new_nusd, 1e-9),
                "difference": told(lambda w: _less(self._new_nusd(w), self._old_nusd(w)), 1e-9),
                "upper_bound": self._flags["upper_bound"] > 0,
            },
            "latency_ms": self._compared(told, self._old_us, self._new_us, "timed"),
            "first_token_ms": self._compared(told, self._old_first, self._new_first, "begun"),
            "latency_spread": self._spread.document,
            "success": self._compared(told, self._old_success, self._new_success, "judged", 1),
            "unheard_of": {
                name: nearest(name, self._history.models) for name in sorted(self._unheard_of)
            },
            "projections": [self._projection(*key, replicates) for key in self._projected()],
            "coverage": {
                "decided": self._moved["decided"],
                "undecided": self._moved["undecided"],
                **{flag: self._flags[flag] for flag in FLAGS if self._flags[flag]},
            },
            "dearest": [_request(r) for *_, r in sorted(self._dearest, reverse=True)],
            "most_changed": [_request(r) for *_, r in sorted(self._most_changed, reverse=True)],
        }

    def _compared(
        self,
        told: Callable[..., Any],
        old: Callable[[Weights], float | None],
        new: Callable[[Weights], float | None],
        counted: str,
        scale: float = 1e-3,
    ) -> dict[str, Any]:
        return {
            "compared": round(sum(getattr(c, counted).total for c in self._cells.values())),
            "old": told(old, scale),
            "new": told(new, scale),
            "difference": told(lambda w: _less(new(w), old(w)), scale),
        }

    def _rank(self, result: ReplayResult) -> None:
        old, new = result.old_cost_nusd, result.new_cost_nusd
        if new is not None:
            _keep(self._dearest, new, result)
        if new is not None and old is not None and new != old:
            _keep(self._most_changed, abs(new - old), result)

    def _flow(self) -> list[dict[str, Any]]:
        found: dict[Flow, dict[str, Any]] = {}
        for (flow, _), cell in self._cells.items():
            row = found.setdefault(
                flow,
                {**flow._asdict(), "requests": 0, "compared": 0, "old_nusd": 0, "new_nusd": 0},
            )
            row["requests"] += cell.requests
            row["compared"] += cell.compared
            row["old_nusd"] += round(cell.old_nusd.total)
        for key, cell in self._cells.items():
            found[key[0]]["new_nusd"] += round(self._cost(key, cell, ONCE))
        return sorted(found.values(), key=lambda row: -int(row["requests"]))[:FLOWS]

    # The figures, each for a drawing of buckets.

    @property
    def _priced(self) -> int:
        return sum(cell.compared for cell in self._cells.values())

    def _old_nusd(self, weights: Weights) -> float | None:
        if not self._priced:
            return None
        return sum(cell.old_nusd.drawn(weights) for cell in self._cells.values())

    def _new_nusd(self, weights: Weights) -> float | None:
        if not self._priced:
            return None
        return sum(self._cost(key, cell, weights) for key, cell in self._cells.items())

    def _cost(self, key: tuple[Flow, str | None], cell: _Cell, weights: Weights) -> float:
        fixed = cell.fixed_nusd.drawn(weights)
        if key[1] is None:
            return fixed
        written, read = self._ratios(*key)
        return (
            fixed
            + cell.input_nusd.drawn(weights) * _at(read, weights)
            + cell.output_nusd.drawn(weights) * _at(written, weights)
        )

    def _ratios(self, flow: Flow, base: str | None) -> tuple[Ratio | None, Ratio | None]:
        if base is None or flow.new_target is None:
            return None, None
        category, new = flow.old_category, flow.new_target
        return (
            self._history.output_ratio(category, base, new),
            self._history.input_ratio(category, base, new),
        )

    def _old_us(self, weights: Weights) -> float | None:
        return self._mean(weights, "old_us", "timed")

    def _new_us(self, weights: Weights) -> float | None:
        return self._mean(weights, "fixed_us", "timed", "projected")

    def _old_first(self, weights: Weights) -> float | None:
        return self._mean(weights, "old_first_us", "begun")

    def _new_first(self, weights: Weights) -> float | None:
        return self._mean(weights, "fixed_first_us", "begun", "projected_first")

    def _old_success(self, weights: Weights) -> float | None:
        return self._mean(weights, "old_ok", "judged")

    def _new_success(self, weights: Weights) -> float | None:
        return self._mean(weights, "certain_ok", "judged", "uncertain")

    def _mean(
        self, weights: Weights, part: str, whole: str, projected: str | None = None
    ) -> float | None:
        total = number = 0.0
        for (flow, _), cell in self._cells.items():
            total += getattr(cell, part).drawn(weights)
            number += getattr(cell, whole).drawn(weights)
            uncertain = getattr(cell, projected).drawn(weights) if projected else 0.0
            if uncertain and projected is not None:
                total += uncertain * (self._expected(flow, projected, weights) or 0.0)
        return total / number if number else None

    def _expected(self, flow: Flow, what: str, weights: Weights) -> float | None:
        """What the new model's history makes one expect, in this drawing."""
        fared, _ = self._history.of(flow.new_category, flow.new_target or "")
        if fared is None:
            return None
        match what:
            case "projected":
                return fared.mean_duration_us(weights) or fared.mean_duration_us()
            case "projected_first":
                return fared.mean_first_token_us(weights) or fared.mean_first_token_us()
            case _:
                found = fared.success(weights)
                return fared.success() if found is None else found

    def _projected(self) -> list[tuple[Flow, str]]:
        found = ((flow, base) for flow, base in self._cells if base is not None)
        return sorted(found, key=lambda key: -self._cells[key].requests)[:FLOWS]

    def _projection(self, flow: Flow, base: str, replicates: list[Weights]) -> dict[str, Any]:
        written, read = self._ratios(flow, base)
        fared, elsewhere = self._history.of(flow.new_category, flow.new_target or "")
        answered = fared.success_share if fared is not None else None
        return {
            "category": flow.old_category,
            "old_target": base,
            "new_target": flow.new_target,
            "requests": self._cells[flow, base].requests,
            "output_ratio": _ratio(written, replicates),
            "input_ratio": _ratio(read, replicates),
            "history": None
            if fared is None or answered is None
            else {
                "of_category": not elsewhere,
                "answers": answered.n,
                "success": {"value": answered.value, "low": answered.low, "high": answered.high},
                "latency_ms": _shown(interval(fared.mean_duration_us, replicates), 1e-3),
                "first_token_ms": _shown(interval(fared.mean_first_token_us, replicates), 1e-3),
            },
        }


def _add(cell: _Cell, result: ReplayResult, data: Mapping[str, Any]) -> None:
    bucket = bucket_of(result.request_id)
    cell.requests += 1
    if result.old_cost_nusd is not None and result.new_cost_nusd is not None:
        cell.compared += 1
        cell.old_nusd.add(bucket, result.old_cost_nusd)
        cell.fixed_nusd.add(bucket, data.get("fixed_nusd", result.new_cost_nusd))
        cell.input_nusd.add(bucket, data.get("input_nusd") or 0)
        cell.output_nusd.add(bucket, data.get("output_nusd") or 0)
    fixed_us = data.get("fixed_us")
    if result.old_duration_us is not None and result.new_duration_us is not None:
        cell.timed.add(bucket, 1)
        cell.old_us.add(bucket, result.old_duration_us)
        cell.fixed_us.add(bucket, result.new_duration_us if fixed_us is None else fixed_us)
        cell.projected.add(bucket, fixed_us is not None)
    if result.old_first_token_us is not None and result.new_first_token_us is not None:
        cell.begun.add(bucket, 1)
        cell.old_first_us.add(bucket, result.old_first_token_us)
        cell.fixed_first_us.add(bucket, result.new_first_token_us if fixed_us is None else fixed_us)
        cell.projected_first.add(bucket, fixed_us is not None)
    if result.old_success is not None and result.new_success is not None:
        cell.judged.add(bucket, 1)
        cell.old_ok.add(bucket, result.old_success)
        cell.certain_ok.add(bucket, result.new_success if fixed_us is None else 0)
        cell.uncertain.add(bucket, fixed_us is not None)


def _keep(heap: list[tuple[int, int, ReplayResult]], value: int, result: ReplayResult) -> None:
    heapq.heappush(heap, (value, result.request_id, result))
    if len(heap) > SHOWN:
        heapq.heappop(heap)


def _at(ratio: Ratio | None, weights: Weights) -> float:
    """The ratio in this drawing; where the drawing left too little out, the observed one."""
    if ratio is None:
        return 1.0
    return ratio.at(weights) or ratio.at() or 1.0


def _ratio(ratio: Ratio | None, replicates: list[Weights]) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return {**(_shown(interval(ratio.at, replicates)) or {}), "n": ratio.n}


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _shown(found: Interval | None, scale: float = 1) -> dict[str, float] | None:
    if found is None:
        return None
    return {
        "value": found.value * scale,
        "low": found.low * scale,
        "high": found.high * scale,
    }


def _request(result: ReplayResult) -> dict[str, Any]:
    return {
        "request": show_id(result.request_id),
        "old_category": result.old_category,
        "new_category": result.new_category,
        "old_target": result.old_target,
        "new_target": result.new_target,
        "old_nusd": result.old_cost_nusd,
        "new_nusd": result.new_cost_nusd,
    }
