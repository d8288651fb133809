"""A live replay as files: the columns of what its answers are like, and its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmrouter.cli.live_output import ANSWERS, cell, changes, judge_line
from llmrouter.cli.replay_charts import cost_chart, flow_chart, latency_chart
from llmrouter.core.replay import ReplayResult, ReplayRow
from llmrouter.pages.bars import bars
from llmrouter.pages.page import page, paragraph, section, tiles
from llmrouter.pages.shown import usd
from llmrouter.pages.table import table
from llmrouter.replay.flags import FLAGS

_BOTH: Final = "Of requests that were answered then and now."
_FACTS: Final = ("finish_reason", "characters", "tools", "tools_valid", "json_valid")

COMPARED: Final = (
    *(f"{side}_{fact}" for fact in _FACTS for side in ("old", "new")),
    "error",
    "verdict",
    "spent_nusd",
)
"""Columns of a row for each request, beside those of every replay."""


def compared_cell(result: ReplayResult, name: str) -> Any:
    """One of these columns; empty where nothing is known."""
    data = result.data or {}
    if name in ("verdict", "spent_nusd"):
        return data.get(name)
    if name == "error":
        return (data.get("new") or {}).get("error")
    side, _, fact = name.partition("_")
    value = ((data.get(side) or {}).get("checks") or {}).get(fact)
    return " ".join(value) if isinstance(value, list) else value


def live_page(row: ReplayRow, report: Mapping[str, Any]) -> str:
    """The comparison as one page that needs nothing else."""
    figures = {
        "sent": f"{report['sent']:,} of {report['requests']:,}",
        "spent": usd(report["spent_usd"]),
    }
    verdict = judge_line(report)
    judged = () if verdict is None else (section("The judge", paragraph(f"{verdict}.")),)
    return page(
        f"Live replay {row.id}",
        section("What it came to", tiles(figures), *_changes(report)),
        *_charts(report),
        section("Answers", _answers(report), *_reasons(report)),
        *judged,
        section("Flags", _flags(report)),
        subtitle=row.label,
    )


def _changes(report: Mapping[str, Any]) -> list[str]:
    found = changes(report)
    return [table(("change, with its 95 % interval", "by"), found)] if found else []


def _charts(report: Mapping[str, Any]) -> list[str]:
    """Who answered, what it cost, how long it took; nothing where nothing was sent."""
    flow = report.get("flow")  # replays of earlier versions do not say
    if not flow:
        return []
    compared = [row for row in flow if row["compared"]]
    charts: list[str] = [section("From where to where", flow_chart(flow, "target"))]
    if compared:
        charts.append(section("Cost", cost_chart(compared)))
    if sum(report["latency_spread"]["new"]):
        charts.append(section("Latency", latency_chart(report["latency_spread"], _BOTH)))
    return charts


def _answers(report: Mapping[str, Any]) -> str:
    rows = [
        (label, *(cell(report[side], name) or _missing(report[side]) for side in ("old", "new")))
        for name, label in ANSWERS.items()
    ]
    return table(("answers", "old", "new"), rows)


def _missing(side: Mapping[str, Any] | None) -> str:
    return "not asked" if side is None else "none"


def _reasons(report: Mapping[str, Any]) -> list[str]:
    """How answers ended, side by side."""
    ended = {
        f"{reason}, {side}": float(count)
        for side in ("old", "new")
        for reason, count in ((report[side] or {}).get("finish_reasons") or {}).items()
    }
    if not ended:
        return []

    def show(count: float) -> str:
        return f"{count:,.0f}"

    names, counts = list(ended), list(ended.values())
    return [bars("Finish reasons", names, counts, show=show, heading="reason")]


def _flags(report: Mapping[str, Any]) -> str:
    rows = [(flag, f"{count:,}", FLAGS[flag]) for flag, count in report["flags"].items()]
    return table(("flag", "requests", "meaning"), rows)
