"""The charts of a replay's page: who moves where, cost, latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmrouter.pages.bars import bars
from llmrouter.pages.distribution import cumulative
from llmrouter.pages.flow import Link, flow
from llmrouter.pages.shown import ms, usd


def flow_chart(rows: Sequence[Mapping[str, Any]], what: str) -> str:
    """From where to where requests move; ``what`` is `category` or `target`."""
    links = [
        Link(row[f"old_{what}"] or "none", row[f"new_{what}"] or "none", row["requests"])
        for row in rows
    ]
    return flow(f"Requests by {what}", links, before="then", after="candidate")


def cost_chart(rows: Sequence[Mapping[str, Any]], note: str = "") -> str:
    """What each target costs, then and under the candidate."""
    sums: dict[tuple[str, str], float] = {}
    for row in rows:
        sides = (
            ("then", "old_target", "old_nusd"),
            ("under the candidate", "new_target", "new_nusd"),
        )
        for side, target, nusd in sides:
            key = (row[target] or "nobody", side)
            sums[key] = sums.get(key, 0) + row[nusd] / 1e9
    order = sorted(sums, key=lambda key: (key[0], key[1] != "then"))
    return bars(
        "Cost by target",
        [f"{target}, {side}" for target, side in order],
        [sums[key] for key in order],
        show=usd,
        heading="target",
        note=note,
    )


def latency_chart(spread: Mapping[str, Any], note: str) -> str:
    """How many requests take how long."""
    return cumulative(
        "How long requests take",
        [edge / 1000 for edge in spread["upper_us"]],
        [("then", spread["old"]), ("candidate", spread["new"])],
        show=ms,
        note=note,
    )
