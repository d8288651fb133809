"""Which reports there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from llmrouter.reports.categories import categories
from llmrouter.reports.costs import costs
from llmrouter.reports.errors import errors
from llmrouter.reports.latency import latency
from llmrouter.reports.report import Question, Report, ReportKind
from llmrouter.reports.savings import savings
from llmrouter.store.reader import LedgerReader

Maker = Callable[[LedgerReader, Question], Awaitable[Report]]

MAKERS: Final[Mapping[ReportKind, Maker]] = {
    "costs": costs,
    "latency": latency,
    "errors": errors,
    "categories": categories,
    "savings": savings,
}
