"""What a live replay found, from its kept results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from llmrouter.core.replay import ReplayResult
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.policy.statistics import Estimate, mean, share
from llmrouter.replay.judging import count
from llmrouter.replay.live import Progress
from llmrouter.replay.outcomes import sum_known
from llmrouter.replay.ports import Log
from llmrouter.replay.spread import Spread


@dataclass(slots=True)
class _Side:
    """What the answers of one side were like."""

    finish_reasons: Counter[str] = field(default_factory=Counter)
    tools_valid: Counter[bool] = field(default_factory=Counter)
    json_valid: Counter[bool] = field(default_factory=Counter)
    characters: list[int] = field(default_factory=list)
    durations_us: list[int] = field(default_factory=list)
    errors: int = 0

    def add(self, facts: Mapping[str, Any]) -> None:
        checks = facts.get("checks")
        if checks is None:
            self.errors += 1
            return
        self.finish_reasons[checks["finish_reason"]] += 1
        self.characters.append(checks["characters"])
        self.durations_us.append(facts["duration_us"])
        for name, counter in (("tools_valid", self.tools_valid), ("json_valid", self.json_valid)):
            if checks[name] is not None:
                counter[checks[name]] += 1

    @property
    def document(self) -> dict[str, Any]:
        return {
            "answers": len(self.characters),
            "errors": self.errors,
            "finish_reasons": dict(self.finish_reasons.most_common()),
            "tools_valid": _share(self.tools_valid),
            "json_valid": _share(self.json_valid),
            "median_characters": median(self.characters) if self.characters else None,
            "median_ms": median(self.durations_us) / 1000 if self.durations_us else None,
        }


class _Flow:
    """Which targets answered then and now, and what that cost where both sums are known."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str | None, str | None], dict[str, Any]] = {}

    def add(self, result: ReplayResult) -> None:
        if result.new_request_id is None:
            return
        old, new = result.old_target, result.new_target
        fresh = {"old_target": old, "new_target": new, "requests": 0, "compared": 0}
        row = self._rows.setdefault((old, new), {**fresh, "old_nusd": 0, "new_nusd": 0})
        row["requests"] += 1
        if result.old_cost_nusd is not None and result.new_cost_nusd is not None:
            row["compared"] += 1
            row["old_nusd"] += result.old_cost_nusd
            row["new_nusd"] += result.new_cost_nusd

    @property
    def rows(self) -> list[dict[str, Any]]:
        return sorted(self._rows.values(), key=lambda row: -int(row["requests"]))


async def live_report(log: Log, number: int, progress: Progress) -> dict[str, Any]:
    """The report of a live replay as JSON: money in dollars, times in milliseconds."""
    old, new = _Side(), _Side()
    verdicts: list[str | None] = []
    flags: Counter[str] = Counter()
    cost_changes: list[int] = []
    time_changes: list[int] = []
    same_finish: Counter[bool] = Counter()
    judging: list[int | None] = []
    spread, flow = Spread(), _Flow()
    after_id = 0
    while results := await log.results(number, after_id=after_id):
        after_id = results[-1].request_id
        for result in results:
            data = result.data or {}
            flags.update(result.flags)
            _add(new, data.get("new"))
            _add(old, data.get("old"))
            verdicts.append(data.get("verdict"))
            if "judge_nusd" in data:
                judging.append(data["judge_nusd"])
            flow.add(result)
            _append(cost_changes, *_pair(result, "cost_nusd"))
            if result.new_success and result.old_success:
                durations_us = _pair(result, "duration_us")
                spread.add(*durations_us)
                _append(time_changes, *durations_us)
            reasons = [_finish_reason(data.get(side)) for side in ("old", "new")]
            if None not in reasons:
                same_finish[reasons[0] == reasons[1]] += 1
    judged, judging_nusd = count(verdicts), sum_known(judging)
    return {
        "requests": progress.requests,
        "done": progress.done,
        "changed": progress.changed,
        "sent": progress.sent,
        "lost": progress.lost,
        "spent_usd": progress.spent_nusd / NUSD_PER_USD,
        "budget_is_spent": progress.budget_is_spent,
        "flags": dict(flags),
        "cost_change_usd": _mean(cost_changes, 1 / NUSD_PER_USD),
        "duration_change_ms": _mean(time_changes, 1 / 1000),
        "flow": flow.rows,
        "latency_spread": spread.document,
        "old": old.document if old.characters or old.errors else None,
        "new": new.document,
        "same_finish_reason": _share(same_finish),
        "judge": {
            "cost_usd": None if judging_nusd is None else judging_nusd / NUSD_PER_USD,
            "new_wins": judged["new"],
            "old_wins": judged["old"],
            "ties": judged["tie"],
            "new_win_rate": _estimate(share(judged["new"], judged["new"] + judged["old"]), 1),
        }
        if judged
        else None,
    }


def _add(side: _Side, facts: Mapping[str, Any] | None) -> None:
    if facts is not None:
        side.add(facts)


def _pair(result: ReplayResult, name: str) -> tuple[int | None, int | None]:
    return getattr(result, f"old_{name}"), getattr(result, f"new_{name}")


def _append(changes: list[int], old: int | None, new: int | None) -> None:
    if old is not None and new is not None:
        changes.append(new - old)


def _finish_reason(facts: Mapping[str, Any] | None) -> str | None:
    checks = (facts or {}).get("checks")
    return None if checks is None else checks["finish_reason"]


def _share(counts: Counter[bool]) -> dict[str, Any] | None:
    return _estimate(share(counts[True], counts.total()), 1)


def _mean(values: Iterable[int], factor: float) -> dict[str, Any] | None:
    listed = list(values)
    return _estimate(
        mean(len(listed), float(sum(listed)), float(sum(value * value for value in listed))), factor
    )


def _estimate(found: Estimate | None, factor: float) -> dict[str, Any] | None:
    if found is None:
        return None

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    return {
        "value": scaled(found.value),
        "low": scaled(found.low),
        "high": scaled(found.high),
        "n": found.n,
        "method": found.method,
    }
