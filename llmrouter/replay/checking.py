"""Law 4: a replay of what was, under what it ran with, changes nothing.

Every decision is made again from the body and from what was known then, under the version that
the request ran with; every attempt's cost is computed again from its tokens and its price.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmrouter.core.ids import show_id
from llmrouter.core.records import Record
from llmrouter.core.replay import LoggedAttempt, LoggedRequest, ReplayWindow
from llmrouter.core.routing import Target
from llmrouter.core.usage import BILLED_CLASSES, INPUT_CLASSES, OUTPUT_CLASSES, Usage
from llmrouter.pipeline.ports import Keyring
from llmrouter.policy.pricing import cost_of
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.deciding import NAME_ERRORS, Decided, Decider, needs_of, recorded_decision
from llmrouter.replay.imported import is_imported
from llmrouter.replay.ports import Log
from llmrouter.replay.reading import planned, read_window
from llmrouter.replay.versions import RanWith
from llmrouter.replay.world import World

SHOWN: Final = 20
"""Differences that are told in full."""

Progress = Callable[[int, int], None]
"""Told how many of how many requests are done."""


class Differs(Record):
    """A request that came out otherwise."""

    request_id: int
    what: str
    before: Any
    after: Any


@dataclass(slots=True)
class Checked:
    """What a check found.  ``skipped`` counts requests that could not be decided again, by why."""

    requests: int = 0
    decided: int = 0
    costed: int = 0
    changed_decisions: int = 0
    changed_costs: int = 0
    ledger_cost_nusd: int = 0
    replayed_cost_nusd: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    differences: list[Differs] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing changed."""
        return not self.changed_decisions and not self.changed_costs

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "holds": self.holds,
            "requests": self.requests,
            "decided": self.decided,
            "costed": self.costed,
            "changed_decisions": self.changed_decisions,
            "changed_costs": self.changed_costs,
            "ledger_cost_nusd": self.ledger_cost_nusd,
            "replayed_cost_nusd": self.replayed_cost_nusd,
            "skipped": dict(self.skipped),
            "differences": [
                {
                    "request": show_id(one.request_id),
                    "what": one.what,
                    "before": one.before,
                    "after": one.after,
                }
                for one in self.differences
            ],
        }

    def note(self, differs: Differs) -> None:
        if len(self.differences) < SHOWN:
            self.differences.append(differs)


async def check(
    log: Log,
    window: ReplayWindow,
    ran_with: RanWith,
    today: Keyring,
    *,
    progress: Progress = lambda done, of: None,
) -> Checked:
    """Decides every request of a window again, under the version that it ran with."""
    world = World(log, today)
    decider = Decider(world, log)
    found = Checked()
    requests, sample = await planned(log, window)
    async for read in read_window(log, window, world, sample=sample):
        logged = read.due.logged
        found.requests += 1
        table = await ran_with.table(logged)
        if is_imported(logged):
            found.skipped["imported"] += 1
        elif table is None:
            found.skipped["version"] += 1
        else:
            _check_cost(found, logged, table)
            before = recorded_decision(logged)
            if before is None or (before.error is not None and before.error not in NAME_ERRORS):
                found.skipped["never_decided"] += 1
            elif read.body is None:
                found.skipped["no_body"] += 1
            else:
                selected = logged.told.get("route.selected")
                if selected is not None:
                    world.known.learn(selected, needs_of(logged), table)
                after = await decider.repeat(read.due, read.body, table)
                _check_decision(found, logged, before, after.decided)
        progress(found.requests, requests)
    return found


def _check_decision(found: Checked, logged: LoggedRequest, before: Decided, after: Decided) -> None:
    found.decided += 1
    if before != after:
        found.changed_decisions += 1
        found.note(Differs(logged.row.id, "decision", _shown(before), _shown(after)))


def _check_cost(found: Checked, logged: LoggedRequest, table: RoutingTable) -> None:
    """Sums the attempts up again; a request whose cost is not known has nothing to compare."""
    row = logged.row
    if row.cost_nusd is None:
        found.skipped["no_cost"] += 1
        return
    costs = [attempt_cost(attempt, table, row.started_us) for attempt in logged.attempts]
    known = [cost for cost in costs if cost is not None]
    total = sum(known) if len(known) == len(costs) else None
    found.costed += 1
    found.ledger_cost_nusd += row.cost_nusd
    found.replayed_cost_nusd += total or 0
    if total != row.cost_nusd:
        found.changed_costs += 1
        found.note(Differs(row.id, "cost_nusd", row.cost_nusd, total))


def attempt_cost(attempt: LoggedAttempt, table: RoutingTable, at_us: int) -> int | None:
    """An attempt's cost, computed anew from its tokens and the prices of a moment where it was
    computed; what a provider reported is its own word."""
    if attempt.cost_basis == "provider_reported":
        return attempt.cost_nusd
    usage = usage_of(attempt)
    if usage is None:
        return attempt.cost_nusd if attempt.cost_nusd == 0 else None
    card = table.price(Target(attempt.provider, attempt.model, attempt.account), at_us)
    return None if card is None else cost_of(usage, card, attempt.service_tier)


def usage_of(attempt: LoggedAttempt) -> Usage | None:
    """The attempt's tokens by class; None when they were not counted."""
    if attempt.usage_source == "none":
        return None
    said = {
        name: getattr(attempt, name)
        for name in BILLED_CLASSES
        if name not in ("uncached_input_tokens", "text_output_tokens")
    }
    return Usage(
        uncached_input_tokens=_rest(attempt.input_tokens, said, INPUT_CLASSES),
        text_output_tokens=_rest(attempt.output_tokens, said, OUTPUT_CLASSES),
        **said,
    )


def _rest(total: int | None, said: Mapping[str, int | None], classes: Iterable[str]) -> int | None:
    """What of a total is in none of the classes that a row tells apart."""
    return None if total is None else total - sum(said.get(name) or 0 for name in classes)


def _shown(decided: Decided) -> dict[str, Any]:
    return {
        "category": decided.category,
        "decided_by": decided.decided_by,
        "route": decided.route,
        "candidates": [list(one) for one in decided.candidates],
        "error": decided.error,
    }
