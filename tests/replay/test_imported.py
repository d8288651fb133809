"""What llmrouter would do with the requests of another gateway's log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.replay import ReplayWindow
from llmrouter.importing.formats import reader
from llmrouter.importing.importer import Window, import_lines
from llmrouter.importing.records import Imported
from llmrouter.importing.shelf import LedgerShelf
from llmrouter.replay.checking import check
from llmrouter.replay.versions import RanWith
from llmrouter.settings import Keyring
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from tests.replay.ledgers import DOCUMENT
from tests.replay.test_offline import replay, replays_of
from tests.store.samples import NOW_US

CODE = "Write a Python function that adds two numbers"


def litellm(place: int, model: str, **given: Any) -> bytes:
    started_s = NOW_US / 1e6 - 1000 + place
    line = {
        "id": f"chatcmpl-{place}",
        "call_type": "acompletion",
        "status": "success",
        "startTime": started_s,
        "endTime": started_s + 1.5,
        "model": "gpt-4o-mini",
        "model_group": model,
        "custom_llm_provider": "openai",
        "prompt_tokens": 100,
        "completion_tokens": 40,
        "response_cost": 0.00003,
        "messages": [{"role": "user", "content": f"{CODE} {place}"}],
        "model_parameters": {},
    }
    return json.dumps({**line, **given}).encode() + b"\n"


@pytest.fixture
async def store(sqlite_database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(sqlite_database, tmp_path), FakeClock()) as opened:
        await opened.versions.add(DOCUMENT, parent=None, author="test")
        yield opened


async def bring_in(store: Store, *lines: bytes) -> None:
    shared = Imported("litellm-jsonl", store.node, frozenset())
    window = Window(now_us=NOW_US, bodies_from_us=0)
    log = BytesIO(b"".join(lines))
    await import_lines(log, reader("litellm-jsonl", None), LedgerShelf(store), shared, window)


async def test_it_is_decided_as_if_its_client_had_asked_for_the_router(store: Store) -> None:
    await bring_in(store, *(litellm(place, "fast") for place in range(3)))
    report = (await replay(store, version=1)).report
    assert report is not None
    assert (report["decided"], report["changed"]) == (3, 3)
    assert report["coverage"]["imported"] == 3
    (moved,) = report["flow"]
    assert (moved["old_category"], moved["new_category"]) == (None, "code")
    assert (moved["old_target"], moved["new_target"]) == ("openai/gpt-4o-mini", "lab/old")
    assert moved["old_nusd"] == 3 * 30_000
    assert moved["new_nusd"] == 3 * (100 * 1_000 + 40 * 2_000)


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        (('aliases={"fast": "lab/new"}',), "lab/new"),
        (('aliases={"fa*": "trial"}',), "lab/new"),
        (('combos.fast={"models": ["lab/new"]}',), "lab/new"),
        (('categories.code.models=["openai/gpt-4o-mini"]',), "openai/gpt-4o-mini"),
    ],
)
async def test_a_name_that_the_candidate_gives_a_meaning_counts(
    store: Store, changes: tuple[str, ...], target: str
) -> None:
    await bring_in(store, litellm(0, "fast"))
    key = "providers.openai.key_optional=true"
    report = (await replay(store, *changes, key)).report
    assert report is not None
    assert report["flow"][0]["new_target"] == target
    same = target == "openai/gpt-4o-mini"
    assert report["changed"] == (0 if same else 1)
    if same:
        assert report["cost_usd"]["difference"]["value"] == 0


async def test_one_without_a_body_counts_as_coverage_and_none_in_the_check(store: Store) -> None:
    await bring_in(store, litellm(0, "fast"), litellm(1, "fast", messages=None))
    report = (await replay(store, version=1)).report
    assert report is not None
    assert (report["coverage"]["no_body"], report["coverage"]["decided"]) == (1, 1)
    replays = replays_of(store)
    ran_with = RanWith(replays.versions, replays.read)
    found = await check(replays.log, ReplayWindow(), ran_with, Keyring({}))
    assert (found.holds, found.decided, dict(found.skipped)) == (True, 0, {"imported": 2})
