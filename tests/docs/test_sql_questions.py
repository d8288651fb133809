"""The questions of docs/sql.md have the right answers: on both databases, and in SQLite's shell."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import EllipsisType
from typing import Any, Final

import pytest
from sqlalchemy import text

from docs.pages import ROOT, Pages
from llmrouter.core.clock import FakeClock
from llmrouter.core.ledger import BreakerRow
from llmrouter.core.prices import PriceCard, Rate
from llmrouter.core.routing import Target
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import StoreSettings, open_store
from tests.store.samples import BODY, NOW_US, answered, ask, rejected

DAY_US = 86_400_000_000
TEXT: Final = Pages(ROOT).read("docs/sql.md")
QUESTION: Final = re.compile(
    r"^(?P<asked>[A-Z][^\n]*\?)\n\n```sql\n(?P<sql>.*?)^```$", re.MULTILINE | re.DOTALL
)
QUESTIONS: Final = {m["asked"]: m["sql"].strip().rstrip(";") for m in QUESTION.finditer(TEXT)}
MONTHS: Final = {"2026-11-20": "2026-09-20", "2026-11-": "2026-09-", "2026-10-": "2026-08-"}
"""What the document says, and what the ledger here has."""

Cell = str | float | EllipsisType | None
ANY = ...

# Yesterday, the 20th: 3 requests; today, the 21st: an unknown cost and a rejection; in August: 1.
# Each answered request had a failed call to harbour/fog-2 of 8 ms first.
ANSWERS: Final[Mapping[str, Sequence[tuple[Cell, ...]]]] = {
    "What did yesterday cost, by model and key?": [
        ("isle", "tide/large", "k", 1, 0.5, 0),
        ("harbour", "beacon-1", "k", 1, 0.25, 0),
        ("harbour", "beacon-1", None, 1, 0.25, 0),
        ("harbour", "fog-2", None, 0, 0.125, 0),
        ("harbour", "fog-2", "k", 0, 0, 0),
    ],
    "What did each day cost, and what had the month cost by then?": [
        ("2026-09-20", 1.125, 1.125),
        ("2026-09-21", 0, 1.125),
    ],
    "What did each category cost this month, and what does one of its requests cost on average?": [
        ("conversation", 3, 0.625, 0.625 / 3),
        ("code", 1, 0.5, 0.5),
        (None, 1, 0, 0),
    ],
    "Which category got dearer this month?": [("code", 0.5, 0.1)],
    "Which conversations cost the most?": [("talk", 2, 0.875, "2026-09-20T14:13:20.000Z")],
    "Which single requests cost the most?": [
        (ANY, ANY, "code", "isle", "tide/large", 42, 7, 0.5),
        (ANY, ANY, "conversation", "harbour", "beacon-1", 42, 7, 0.375),
        (ANY, ANY, "conversation", "harbour", "beacon-1", 42, 7, 0.25),
        (ANY, ANY, "code", "harbour", "beacon-1", 42, 7, 0.1),
    ],
    "Which models have no known cost, and would need a price?": [("isle", "tide/large", 1, 42, 7)],
    "How do we know what was spent: from the provider, from list prices, by estimate?": [
        ("computed", 11, 101.225),
        ("unknown", 1, None),
    ],
    "What did a thousand tokens of output cost in the end, by model?": [
        ("harbour", "beacon-1", 28, ANY),
        ("isle", "tide/large", 7, 500 / 7),
    ],
    "How much of the input comes from prompt caches?": [
        ("harbour", "beacon-1", 126, 36, 3600 / 126),
        ("isle", "tide/large", 84, 24, 2400 / 84),
    ],
    "What did prompt caches save, at the prices that were applied?": [
        ("harbour", "beacon-1", 48, 48 * 0.9e-6)
    ],
    "What did fallbacks cost: calls that failed before another model answered?": [
        ("harbour", "fog-2", 4, 0.125, 8.0)
    ],
    "Which requests were answered only because there was another model, and how fast?": [
        (ANY, "conversation", "harbour", "beacon-1", 2, 250.0),
        (ANY, "code", "harbour", "beacon-1", 2, 250.0),
        (ANY, "conversation", "isle", "tide/large", 2, 250.0),
        (ANY, "conversation", "harbour", "beacon-1", 2, 3000.0),
        (ANY, "code", "isle", "tide/large", 2, 250.0),
    ],
    "What did attempts cost whose answer nobody got?": [
        ("harbour", "fog-2", "failed", "transient", 6, 0.125)
    ],
    "How often does each model fail, and how?": [
        ("harbour", "fog-2", 6, 6, 0, 6),
        ("harbour", "beacon-1", 4, 0, 0, 0),
        ("isle", "tide/large", 2, 0, 0, 0),
    ],
    "How did requests end, day by day?": [
        ("2026-09-21", "completed", 1),
        ("2026-09-21", "rejected", 1),
        ("2026-09-20", "completed", 2),
        ("2026-09-20", "interrupted", 1),
        ("2026-08-22", "completed", 1),
    ],
    "How fast was each model on a day: p50, p95, p99 and the time to the first token?": [
        ("isle", "tide/large", 1, ANY, ANY, ANY, ANY, ANY),
        ("harbour", "beacon-1", 1, ANY, ANY, ANY, ANY, ANY),
    ],
    "What are the exact percentiles of a month?": [
        ("isle", "tide/large", 2, 250.0, 250.0, 250.0),
        ("harbour", "beacon-1", 1, 3000.0, 3000.0, 3000.0),
    ],
    "Which were the slowest answers, and where did the time go?": [
        (ANY, "harbour", "beacon-1", 2, 3000.0, 49.2, ANY),
        (ANY, "isle", "tide/large", 2, 250.0, 49.2, ANY),
        (ANY, "isle", "tide/large", 2, 250.0, 49.2, ANY),
        (ANY, "harbour", "beacon-1", 2, 250.0, 49.2, ANY),
    ],
    "How much time does the router itself take?": [
        ("2026-09-21", 1, ANY, 0.09, 250.0),
        ("2026-09-20", 2, ANY, 0.09, 1625.0),
        ("2026-08-22", 1, ANY, 0.09, 250.0),
    ],
    "What settles the categories, and how sure is it?": [
        ("conversation", "keywords", 4, 0.75),
        ("code", "keywords", 2, 0.75),
    ],
    "Why did the latest request go where it went?": [
        (ANY, None, None, None, None, None, None, None)
    ],
    "What was rejected, and why?": [("validation_error", "messages", 1)],
    "Which models ever failed, and which are resting now?": [
        ("harbour/fog-2", "open", 3, "2026-09-21T14:13:20.001Z")
    ],
    "Who changed the configuration, and why?": [(1, None, "file", "first")],
    "How much room do stored prompts take?": [(ANY,)],
}


@pytest.fixture
async def told(database: DatabaseAddress, tmp_path: Path) -> DatabaseAddress:
    """A ledger with the history that `ANSWERS` tells of."""
    yesterday = {"started_us": NOW_US - DAY_US}
    resting = BreakerRow("harbour", "fog-2", "open", 3, NOW_US + 1_500, NOW_US)
    clock = FakeClock()
    async with open_store(StoreSettings(database, tmp_path), clock) as store:
        await store.versions.add({}, parent=None, author="file", note="first")
        for values in (
            {
                **yesterday,
                "model": "isle/tide/large",
                "cost_nusd": 500_000_000,
                "category": "code",
                "key_id": "k",
                "conversation_id": "talk",
            },
            {
                **yesterday,
                "cost_nusd": 250_000_000,
                "key_id": "k",
                "ending": "interrupted",
            },
            {
                **yesterday,
                "cost_nusd": 250_000_000,
                "failed_nusd": 125_000_000,
                "duration_us": 3_000_000,
                "conversation_id": "talk",
            },
            {"model": "isle/tide/large", "cost_nusd": None, "breakers": (resting,), "body": BODY},
            {
                "started_us": NOW_US - 30 * DAY_US,
                "cost_nusd": 100_000_000,
                "category": "code",
            },
            {"cost_nusd": 100_000_000_000, "purpose": "replay"},
        ):
            await store.ledger.close(answered(store.ids.next(), **values))  # type: ignore[arg-type]
        await store.ledger.close(rejected(store.ids.next()))
        rates = (Rate("input", 1_000_000_000), Rate("cache_read", 100_000_000))
        book = await store.prices.add([PriceCard("harbour", "beacon-1", rates, 0, "manual")])
        applied = book.card(Target("harbour", "beacon-1"), NOW_US)
        assert applied is not None
        await store.ledger.transact(
            lambda connection: connection.execute(
                text("UPDATE attempt SET price_id = :id WHERE model = 'beacon-1'"),
                {"id": applied.id},
            )
        )
    return database


def for_this_ledger(sql: str) -> str:
    for shown, here in MONTHS.items():
        sql = sql.replace(shown, here)
    return sql


def test_there_are_twenty_questions_and_each_has_an_answer_to_hold_it_to() -> None:
    general = {asked for asked, sql in QUESTIONS.items() if not sql.startswith("-- ")}
    assert general == ANSWERS.keys()
    assert len(general) >= 20


async def test_every_question_has_the_right_answer(told: DatabaseAddress) -> None:
    for asked, expected in ANSWERS.items():
        found = [tuple(map(_plain, row)) for row in ask(told, for_this_ledger(QUESTIONS[asked]))]
        assert len(found) == len(expected), (asked, found)
        for row, wanted in zip(found, expected, strict=True):
            assert len(row) == len(wanted), (asked, row)
            for cell, value in zip(row, wanted, strict=True):
                assert value is ANY or cell == _about(value), (asked, found)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_plain_shell_answers_on_a_copied_file(told: DatabaseAddress, tmp_path: Path) -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("the sqlite3 shell is not installed")
    assert told.path is not None
    copied = str(shutil.copy(told.path, tmp_path / "copied.db"))
    script = ";\n.print --\n".join(for_this_ledger(sql) for sql in _for_sqlite()) + ";\n"

    done = subprocess.run(
        [shell, "-readonly", copied], input=script, capture_output=True, text=True, check=True
    )

    assert done.stderr == ""
    answers = done.stdout.split("--\n")
    assert len(answers) == len(_for_sqlite())
    assert all(answers)


def _for_sqlite() -> list[str]:
    return [sql for sql in QUESTIONS.values() if not sql.startswith("-- PostgreSQL")]


def _plain(cell: Any) -> Any:
    """PostgreSQL's decimals as numbers."""
    return cell if cell is None or isinstance(cell, str) else float(cell)


def _about(value: Cell) -> Any:
    return pytest.approx(value, rel=1e-6, abs=1e-9) if isinstance(value, int | float) else value
