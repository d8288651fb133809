"""``python -m benchmarks.questions --ledger FILE``: what reading a large ledger costs.

Asks what ``/metrics``, reports and pages of ``/requests`` ask, each some times, and prints the
median and the worst as a table, in milliseconds of the process's own time and of the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.traffic import DAY_US, NEWEST_US
from llmrouter.core.days import DaySpan, day_of
from llmrouter.core.ids import id_floor
from llmrouter.reports.making import MAKERS
from llmrouter.reports.report import Question as ReportQuestion
from llmrouter.reports.report import ReportKind
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.store.opening import open_reader
from llmrouter.store.queries.requests import RequestFilter
from llmrouter.store.reader import LedgerReader

TIMES: Final = 7

Question = Callable[[LedgerReader], Awaitable[object]]


def questions() -> dict[str, Question]:
    """Every question by its name."""
    asked: dict[str, Question] = {
        "/metrics": lambda reader: reader.metrics(None),
        "/metrics?since=24h": lambda reader: reader.metrics(NEWEST_US - DAY_US),
        "/metrics?since=30d": lambda reader: reader.metrics(NEWEST_US - 30 * DAY_US),
    }
    span = DaySpan(day_of(NEWEST_US - 30 * DAY_US), day_of(NEWEST_US))
    for kind in MAKERS:
        asked[f"report {kind}, 30 days"] = _report(kind, span)
    deep = id_floor(NEWEST_US - 25 * DAY_US)
    for name, wanted in (
        ("", RequestFilter()),
        ("ending=failed", RequestFilter(ending="failed")),
        ("category=reasoning", RequestFilter(category="reasoning")),
        ("category (of none)", RequestFilter(category="nobody's")),
        ("model=ollama/qwen3:8b", RequestFilter(model="ollama/qwen3:8b")),
        ("category and model", RequestFilter(category="reasoning", model="ollama/qwen3:8b")),
        ("ending and category", RequestFilter(ending="interrupted", category="reasoning")),
        ("since=24h", RequestFilter(since_us=NEWEST_US - DAY_US)),
    ):
        for place, before_id in (("first page", None), ("deep page", deep)):
            asked[f"/requests {name}, {place}"] = _page(wanted, before_id)
    return asked


def _report(kind: ReportKind, span: DaySpan) -> Question:
    return lambda reader: MAKERS[kind](reader, ReportQuestion(span, ("model",)))


def _page(wanted: RequestFilter, before_id: int | None) -> Question:
    return lambda reader: reader.request_page(before_id=before_id, wanted=wanted)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a question took: median and worst of the clock, median of the process's own time."""

    question: str
    median_ms: float
    worst_ms: float
    cpu_ms: float


async def answers(address: DatabaseAddress) -> AsyncIterator[Answered]:
    """Every question, asked some times."""
    async with open_reader(address) as reader:
        for name, ask in questions().items():
            clock_ms, cpu_ms = [], []
            for _ in range(TIMES):
                begun, cpu = time.perf_counter(), time.process_time()
                await ask(reader)
                clock_ms.append((time.perf_counter() - begun) * 1000)
                cpu_ms.append((time.process_time() - cpu) * 1000)
            median, worst = statistics.median(clock_ms), max(clock_ms)
            yield Answered(name, median, worst, statistics.median(cpu_ms))


async def measure(address: DatabaseAddress) -> None:
    print("| question | median ms | worst ms | CPU ms |\n|---|---|---|---|")
    async for told in answers(address):
        print(
            f"| {told.question} | {told.median_ms:.1f} | {told.worst_ms:.1f} | {told.cpu_ms:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True, help="an SQLite ledger")
    path: Path = parser.parse_args().ledger
    asyncio.run(measure(read_address(f"sqlite:///{path.absolute()}", path.parent)))


if __name__ == "__main__":
    main()
