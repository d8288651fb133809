"""A replay as files: a row for each request, or a page with charts."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmrouter.cli.ledger import reading
from llmrouter.cli.live_files import COMPARED, compared_cell, live_page
from llmrouter.cli.output import fail
from llmrouter.cli.replay_charts import cost_chart, flow_chart, latency_chart
from llmrouter.cli.replay_report import FIGURES
from llmrouter.core.ids import show_id
from llmrouter.core.records import field_names
from llmrouter.core.replay import ReplayResult, ReplayRow
from llmrouter.pages.page import page, paragraph, section, tiles
from llmrouter.pages.table import table
from llmrouter.replay.flags import FLAGS
from llmrouter.settings import read_settings

PAGE = 1000
_LEFT_OUT = ("replay_id", "data")
_BOUND = "An upper bound: caches of new models are not foreseen."
_MEANS = "Of a new model its mean in the category is taken."


async def write_csv(row: ReplayRow, path: Path) -> None:
    """Every result of a replay, in the order of the requests; of a live one with what the answers
    are like."""
    compared = COMPARED if row.kind == "live" else ()
    names = [name for name in field_names(ReplayResult) if name not in _LEFT_OUT]
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow((*names, *compared))
            async with reading(read_settings()) as reader:
                after_id = 0
                while found := await reader.replays.results(row.id, after_id=after_id, limit=PAGE):
                    for one in found:
                        rest = (compared_cell(one, name) for name in compared)
                        writer.writerow([*(_cell(one, name) for name in names), *rest])
                    after_id = found[-1].request_id
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")


def write_html(row: ReplayRow, path: Path) -> None:
    """The report as one page that needs nothing else."""
    if row.report is None:
        fail(f"replay {row.id} is not finished: llmrouter replay resume {row.id}")
    try:
        made = live_page if row.kind == "live" else report_page
        path.write_text(made(row, row.report), encoding="utf-8")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")


def report_page(row: ReplayRow, report: Mapping[str, Any]) -> str:
    """The page."""
    figures = {
        name: f"{show(report[key]['old']['value'])} → {show(report[key]['new']['value'])}"
        for key, name, show in FIGURES
        if report[key]["old"] and report[key]["new"]
    }
    bound = report["cost_usd"]["upper_bound"]
    moved = f"{report['changed']:,} of {report['decided']:,} decisions change"
    return page(
        f"Replay {row.id}",
        section("What changes", paragraph(moved), tiles(figures), _figures(report)),
        section(
            "From where to where",
            *(flow_chart(report["flow"], what) for what in ("category", "target")),
        ),
        section("Cost", cost_chart(report["flow"], _BOUND if bound else "")),
        section("Latency", latency_chart(report["latency_spread"], _MEANS)),
        section("What it rests on", _coverage(report)),
        subtitle=row.label,
    )


def _figures(report: Mapping[str, Any]) -> str:
    rows = []
    for key, name, show in FIGURES:
        shown = [
            "unknown"
            if report[key][side] is None
            else f"{show(report[key][side]['value'])} "
            f"({show(report[key][side]['low'])} to {show(report[key][side]['high'])})"
            for side in ("old", "new", "difference")
        ]
        rows.append((name, *shown))
    return table(("figure, with its 95 % interval", "then", "candidate", "difference"), rows)


def _coverage(report: Mapping[str, Any]) -> str:
    rows = [
        (flag, f"{requests:,}", FLAGS[flag])
        for flag, requests in report["coverage"].items()
        if flag in FLAGS
    ]
    return table(("flag", "requests", "meaning"), rows)


def _cell(result: ReplayResult, name: str) -> Any:
    value = getattr(result, name)
    if name in ("request_id", "new_request_id") and value is not None:
        return show_id(value)
    return " ".join(value) if name == "flags" else value
