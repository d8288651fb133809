"""What a request would have cost and how long it would have taken, with what that rests on."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import field

from llmrouter.core.prices import PriceCard
from llmrouter.core.records import Record
from llmrouter.core.replay import LoggedAttempt, LoggedRequest, ReplayResult
from llmrouter.core.routing import Target
from llmrouter.core.usage import Usage
from llmrouter.policy.pricing import cost_of
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.checking import attempt_cost
from llmrouter.replay.deciding import Decided, Repeated
from llmrouter.replay.flags import Flag
from llmrouter.replay.history import History
from llmrouter.replay.outcomes import Expected, classify_cost, expect, measured, sum_known


class Ratios(NamedTuple):
    """New tokens for each old one; ``learnt`` says whether the ledger told."""

    output: float
    input: float
    learnt: bool


class Timing(NamedTuple):
    """What a model's answers take on average, and how many of its attempts were answered;
    ``elsewhere``: in other categories."""

    duration_us: float | None
    first_token_us: float | None
    success: float | None
    elsewhere: bool


class Projector(Record):
    """Projects results under a candidate, from the history of a window.

    With ``prices_at_us`` both sides are counted at the prices of that moment (wall clock), else
    at those of the request's.
    """

    replay_id: int
    candidate: RoutingTable
    history: History
    prices_at_us: int | None = None
    ratios: dict[tuple[str | None, str, str], Ratios] = field(default_factory=dict)
    expected: dict[tuple[str | None, str], Timing | None] = field(default_factory=dict)
    """What the history says, once for each pair of models and for each model: it does not change
    any more."""

    def undecided(self, logged: LoggedRequest, flag: Flag) -> ReplayResult:
        """A request that nothing can be said of: it counts in the coverage alone."""
        return ReplayResult(
            **self._before(logged),
            changed=False,
            flags=(flag,),
        )

    def project(self, logged: LoggedRequest, before: Decided, repeated: Repeated) -> ReplayResult:
        """What would have become of a request."""
        after = repeated.decided
        old = self._before(logged)
        if after.error is None and after.usable == before.usable:
            return ReplayResult(
                **old, **_same(old), **self._changed(before, after), flags=repeated.flags
            )
        if after.error is not None:
            return ReplayResult(
                **old,
                **self._changed(before, after),
                new_cost_nusd=0,
                new_success=0.0,
                flags=repeated.flags,
                data={"error": after.error},
            )
        expected = expect(logged, after.usable)
        flags = list(repeated.flags)
        if expected.failed:
            flags.append("failed_then")
        if expected.passed_over:
            flags.append("at_capacity")
        answer = self._answer(logged, expected, after.category, flags)
        return ReplayResult(
            **old, **self._changed(before, after), **answer, flags=tuple(dict.fromkeys(flags))
        )

    def _before(self, logged: LoggedRequest) -> dict[str, Any]:
        row = logged.row
        served = logged.served_by
        cost = row.cost_nusd
        if self.prices_at_us is not None:
            cost = sum_known([self._recounted(attempt) for attempt in logged.attempts])
        return {
            "replay_id": self.replay_id,
            "request_id": row.id,
            "old_category": row.category,
            "old_target": None if served is None else served.name,
            "old_cost_nusd": cost,
            "old_duration_us": row.duration_us,
            "old_first_token_us": row.first_token_us,
            "old_input_tokens": row.input_tokens,
            "old_output_tokens": row.output_tokens,
            "old_success": row.ending == "completed",
        }

    def _changed(self, before: Decided, after: Decided) -> dict[str, Any]:
        return {
            "changed": (before.category, before.usable, before.error)
            != (after.category, after.usable, after.error),
            "new_category": after.category,
        }

    def _answer(
        self,
        logged: LoggedRequest,
        expected: Expected,
        category: str | None,
        flags: list[Flag],
    ) -> dict[str, Any]:
        row = logged.row
        spent_us = sum(attempt.duration_us or 0 for attempt in expected.failed)
        # What it waited for room at targets that it would not have come to is no overhead.
        waited_us = sum(one.waited_us for one in logged.queued.values())
        overhead_us = max(0, (row.overhead_us or 0) - waited_us) + expected.waited_us
        fixed_us = overhead_us + spent_us
        fixed_nusd = sum_known(
            [classify_cost(logged), *(self._recounted(a) for a in expected.failed)]
        )
        if expected.target is None:
            return {"new_cost_nusd": fixed_nusd, "new_duration_us": fixed_us, "new_success": 0.0}
        known = expected.as_then
        if known is not None:
            return self._as_then(logged, known, fixed_nusd, fixed_us)
        model = expected.target.partition("#")[0]
        data: dict[str, Any] = {"fixed_us": fixed_us}
        timing = self._timing(category, model, row.first_token_us is not None, fixed_us, flags)
        cost = self._cost(logged, model, fixed_nusd, flags, data)
        return {"new_target": model, **timing, **cost, "data": data}

    def _as_then(
        self, logged: LoggedRequest, known: LoggedAttempt, fixed_nusd: int | None, fixed_us: int
    ) -> dict[str, Any]:
        """The attempt was made then, only after others: its own figures stand."""
        cost = self._recounted(known)
        first = known.first_token_us
        return {
            "new_target": f"{known.provider}/{known.model}",
            "new_cost_nusd": sum_known([fixed_nusd, cost]),
            "new_duration_us": fixed_us + (known.duration_us or 0),
            "new_first_token_us": None if first is None else fixed_us + first,
            "new_input_tokens": known.input_tokens,
            "new_output_tokens": known.output_tokens,
            "new_success": 1.0 if known.outcome == "succeeded" else 0.0,
        }

    def _timing(
        self,
        category: str | None,
        model: str,
        streamed: bool,
        fixed_us: int,
        flags: list[Flag],
    ) -> dict[str, Any]:
        found = self._expected(category, model)
        if found is None:
            flags.append("no_history")
            return {}
        if found.elsewhere:
            flags.append("other_category")
        duration_us, first_us = found.duration_us, found.first_token_us
        return {
            "new_duration_us": None if duration_us is None else fixed_us + round(duration_us),
            "new_first_token_us": fixed_us + round(first_us)
            if streamed and first_us is not None
            else None,
            "new_success": found.success,
        }

    def _expected(self, category: str | None, model: str) -> Timing | None:
        key = (category, model)
        if key not in self.expected:
            fared, elsewhere = self.history.of(category, model)
            self.expected[key] = (
                None
                if fared is None
                else Timing(
                    fared.mean_duration_us(),
                    fared.mean_first_token_us(),
                    fared.success(),
                    elsewhere,
                )
            )
        return self.expected[key]

    def _ratios(self, category: str | None, old: str, new: str) -> Ratios:
        found = self.ratios.get((category, old, new))
        if found is None:
            written = self.history.output_ratio(category, old, new)
            read = self.history.input_ratio(category, old, new)
            found = self.ratios[category, old, new] = Ratios(
                (written.at() if written is not None else None) or 1.0,
                (read.at() if read is not None else None) or 1.0,
                written is not None,
            )
        return found

    def _cost(
        self,
        logged: LoggedRequest,
        model: str,
        fixed_nusd: int | None,
        flags: list[Flag],
        data: dict[str, Any],
    ) -> dict[str, Any]:
        base = measured(logged)
        if base is None or base.input_tokens is None or base.output_tokens is None:
            flags.append("no_usage")
            return {}
        old, category = f"{base.provider}/{base.model}", logged.row.category
        ratios = self._ratios(category, old, model)
        flags.append("token_ratio" if ratios.learnt else "same_tokens")
        input_tokens = round(base.input_tokens * ratios.input)
        output_tokens = round(base.output_tokens * ratios.output)
        tokens = {"new_input_tokens": input_tokens, "new_output_tokens": output_tokens}
        price = self._price(logged, model)
        if price is None:
            flags.append("no_price")
            return tokens
        if base.cache_read_tokens:
            flags.append("upper_bound")
        nusd = cost_of(_fresh(input_tokens, output_tokens), price)
        if nusd is None or fixed_nusd is None:
            flags.append("no_price")
            return tokens
        data |= {
            "base": old,
            "fixed_nusd": fixed_nusd,
            "input_nusd": cost_of(_fresh(base.input_tokens, 0), price),
            "output_nusd": cost_of(_fresh(0, base.output_tokens), price),
        }
        return {**tokens, "new_cost_nusd": fixed_nusd + nusd}

    def _recounted(self, attempt: LoggedAttempt) -> int | None:
        """What the attempt cost, at the prices of the moment that counts."""
        if self.prices_at_us is None:
            return attempt.cost_nusd
        return attempt_cost(attempt, self.candidate, self.prices_at_us)

    def _price(self, logged: LoggedRequest, model: str) -> PriceCard | None:
        provider, _, name = model.partition("/")
        at_us = logged.row.started_us if self.prices_at_us is None else self.prices_at_us
        return self.candidate.price(Target(provider, name), at_us)


def _fresh(input_tokens: int, output_tokens: int) -> Usage:
    """Nothing of the input comes from a cache that another model has filled."""
    return Usage(uncached_input_tokens=input_tokens, text_output_tokens=output_tokens)


def _same(old: dict[str, Any]) -> dict[str, Any]:
    """What happened would happen again."""
    return {
        "new_target": old["old_target"],
        "new_cost_nusd": old["old_cost_nusd"],
        "new_duration_us": old["old_duration_us"],
        "new_first_token_us": old["old_first_token_us"],
        "new_input_tokens": old["old_input_tokens"],
        "new_output_tokens": old["old_output_tokens"],
        "new_success": float(old["old_success"]),
    }
