"""Whatever the providers and clients do: every request is accounted once, and rows follow events.

Laws 1, 3, 5 and 6 over random faults, many requests at a time.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.policy.breaker import after_event
from llmrouter.policy.fold import fold_request
from llmrouter.store.engine import read_address
from tests.ledger_file import LedgerFile, Story
from tests.provider import (
    CLOSE,
    RESET,
    STALL,
    Provider,
    Script,
    Seen,
    answer,
    body,
    drop,
    hang,
    raw,
    status,
    stream,
)
from tests.running import RunningRouter, ask, eventually, lab, running_router

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPTS: dict[str, Script] = {
    "good": answer("A good answer."),
    "500": status(500),
    "429": status(429, headers={"retry-after-ms": "500"}),
    "400": status(400, "no"),
    "overflow": status(400, "too long", code="context_length_exceeded"),
    "reset": drop(RESET),
    "closed": drop(CLOSE),
    "silent": hang(),
    "garbage": body(b"<html>"),
    "cut stream": stream("Hal", RESET),
    "stalled stream": stream("Hal", STALL),
    "no end": stream("Hal"),
    "half a head": raw(b"HTTP/1.1 2", CLOSE),
}
CLIENTS = ("whole", "stream", "leaves before its answer", "leaves mid-stream", "rejected")
MODELS = ("pair", "trio", "lab/one", "spare/two")
CLOCKS = {"headers_s": 0.05, "first_token_s": 0.05, "idle_s": 0.05, "connect_s": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(
    provider: Provider, sqlite_ledger: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningRouter]:
    folder = tmp_path_factory.mktemp("laws")
    shutil.copy(sqlite_ledger, folder / "llmrouter.db")
    document = lab(
        provider,
        routes={"pair": ["lab/one", "spare/two"], "trio": ["lab/three", "lab/one", "spare/two"]},
        timeouts=CLOCKS,
        breaker={"failure_threshold": 2, "recovery_timeout_s": 0.05},
    )
    database = read_address(f"sqlite:///{folder}/llmrouter.db", folder)
    async with running_router(database, document) as started:
        yield started


async def send(
    router: RunningRouter, provider: Provider, name: str, client: str, model: str
) -> None:
    """One client's request, known by its name; whatever comes is fine."""
    headers = {"x-request-id": name}
    document = ask(name, model, stream=client != "whole")
    if client == "rejected":
        document["messages"] = []
    if not client.startswith("leaves"):
        await router.http.post("/v1/chat/completions", json=document, headers=headers)
        return
    line = await router.line()
    await line.post(document, headers=headers)
    reading = asyncio.create_task(line.reader.read(1))
    if client == "leaves mid-stream":
        await reading
    else:
        await eventually(lambda: reading.done() or name in map(text_of, provider.seen))
    reading.cancel()
    line.leave()


def text_of(seen: Seen) -> str:
    return str(seen.json["messages"][0]["content"])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    scripts=st.lists(st.sampled_from(list(SCRIPTS)), min_size=1, max_size=8),
    clients=st.lists(
        st.tuples(st.sampled_from(CLIENTS), st.sampled_from(MODELS)), min_size=1, max_size=25
    ),
)
async def test_every_request_is_accounted_once_and_its_rows_follow_from_its_events(
    scripts: list[str], clients: list[tuple[str, str]], provider: Provider, router: RunningRouter
) -> None:
    for n, model in enumerate(("one", "two", "three")):
        turned = scripts[n % len(scripts) :] + scripts[: n % len(scripts)]
        provider.on(model, *(SCRIPTS[name] for name in turned))
    ledger, availability = router.ledger, router.router.services.availability
    newest = ledger.rows("SELECT coalesce(max(id), 0) AS id FROM request")[0]["id"]
    provider.seen.clear()

    names = [f"client {n}" for n in range(len(clients))]
    await asyncio.gather(
        *(send(router, provider, name, *how) for name, how in zip(names, clients, strict=True))
    )
    await router.settled()

    rows = ledger.rows(f"SELECT id, client_request_id FROM request WHERE id > {newest}")
    assert sorted(row["client_request_id"] for row in rows) == sorted(names)
    asked: set[tuple[str, str]] = set()
    for row in rows:
        story = ledger.story(row["id"])
        check_story(story)
        asked |= {(row["client_request_id"], attempt["model"]) for attempt in story.attempts}
    assert {(text_of(seen), seen.model) for seen in provider.seen} <= asked
    check_breakers(ledger)
    assert {name: state.position for name, state in availability.breakers.items()} == (
        ledger.breakers()
    )
    assert all(not state.permits for state in availability.breakers.values())


def check_story(story: Story) -> None:
    """One terminal event, at the end; the rows are the fold of the events."""
    assert story.kinds.count("request.finished") == 1
    assert story.kinds[-1] == "request.finished"
    started, ended = story.kinds.count("attempt.started"), story.kinds.count("attempt.succeeded")
    assert started == ended + story.kinds.count("attempt.failed") == len(story.attempts)
    request, attempts = fold_request(story.request["id"], story.events)
    assert as_row(request) == {k: v for k, v in story.request.items() if k != "data"}
    assert [as_row(attempt) for attempt in attempts] == story.attempts
    costs = [attempt["cost_nusd"] for attempt in story.attempts]
    assert story.request["cost_nusd"] == (None if None in costs else sum(costs))
    inputs = [a["input_tokens"] for a in story.attempts if a["input_tokens"] is not None]
    assert story.request["input_tokens"] == (sum(inputs) if inputs else None)


def check_breakers(ledger: LedgerFile) -> None:
    """The breaker table is what the breakers' events amount to."""
    told = ledger.rows(
        "SELECT r.started_us + e.dt_us AS at_us, e.request_id, e.seq FROM event e"
        " JOIN request r ON r.id = e.request_id WHERE e.kind LIKE 'breaker.%' ORDER BY 1, 2, 3"
    )
    moves: dict[str, list[tuple[int, str]]] = {}
    for row in told:
        (event,) = ledger.events(f"request_id = {row['request_id']} AND seq = {row['seq']}")
        data: Any = event.data
        moves.setdefault(data.target, []).append((row["at_us"], after_event(data)))
    for target, state in ledger.breakers().items():
        last_us = moves[target][-1][0] if target in moves else 0
        # Two requests' events within a millisecond have no certain order.
        ends = {position for at_us, position in moves.get(target, ()) if last_us - at_us < 1000}
        assert state in (ends or {"closed"}), target


def as_row(row: RequestRow | AttemptRow) -> dict[str, Any]:
    """As SQLite has it."""
    return {
        name: int(value) if isinstance(value, bool) else value
        for name, value in row._asdict().items()
    }
