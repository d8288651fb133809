"""SQL that the documents show, on both databases, on a ledger with a history."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from docs.pages import ROOT, Block, Pages, blocks
from llmrouter.store.engine import DatabaseAddress
from tests.ledger_file import LedgerFile
from tests.provider import Provider, answer, status
from tests.running import lab, running_router

PAGES = Pages(ROOT)
SHOWN_DAY = "2026-11-20"
ONLY_ON = {"-- SQLite\n": "sqlite", "-- PostgreSQL\n": "postgresql"}


@pytest.fixture
async def ledger(database: DatabaseAddress) -> AsyncIterator[LedgerFile]:
    """A ledger in which something was answered, something fell back, failed and was rejected."""
    async with Provider() as provider:
        provider.on("broken", status(500))
        provider.on("fast", answer())
        document = lab(provider, routes={"chain": ["lab/broken", "spare/fast", "lab/fast"]})
        async with running_router(database, document) as router:
            assert (await router.chat("Write a Python function")).status_code == 200
            assert (await router.chat(model="chain")).status_code == 200
            assert (await router.chat(model="lab/broken")).status_code == 502
            assert (await router.chat(messages=[])).status_code == 422
        yield router.ledger


def questions() -> list[Block]:
    """The SQL of the events' page, and of docs/sql.md what only one database understands; the rest
    is `test_sql_questions`'s."""
    reference = [b for b in blocks(PAGES.read("docs/sql.md")) if b.text.startswith(tuple(ONLY_ON))]
    return [*reference, *(b for b in blocks(PAGES.read("docs/events.md")) if b.language == "sql")]


async def test_every_question_is_answered(ledger: LedgerFile, database: DatabaseAddress) -> None:
    today = last_day(ledger)
    asked = 0
    for block in questions():
        mark = next((mark for mark in ONLY_ON if block.text.startswith(mark)), None)
        if mark is not None and ONLY_ON[mark] != database.kind:
            continue
        sql = block.text.replace(SHOWN_DAY, today).replace(SHOWN_DAY[:8], today[:8])
        assert ledger.rows(sql.rstrip().rstrip(";")), f"line {block.line}: no rows for\n{sql}"
        asked += 1

    assert asked >= 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_readme_says_what_yesterday_cost_by_model(ledger: LedgerFile) -> None:
    (shown,) = re.findall(r'\nsqlite3 -readonly .* "(SELECT .*)"\n', PAGES.read("README.md"))
    today = f"'{last_day(ledger)}'"

    rows = ledger.rows(shown.replace("date('now', '-1 day')", today))

    # 10 tokens in and 5 out for a dollar and two per million; the other model has no price.
    costs = {(row["provider"], row["model"]): (row["usd"], row["unknown"]) for row in rows}
    assert costs["lab", "fast"] == (pytest.approx(2e-5, abs=5e-5), 0)
    assert costs["spare", "fast"][1] == 1


def last_day(ledger: LedgerFile) -> str:
    """The day of the newest request, which midnight may have made yesterday."""
    return str(ledger.rows("SELECT max(day) AS day FROM v_costs_daily")[0]["day"])
