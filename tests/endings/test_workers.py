"""`serve --workers`: several processes on one port, each a node, started again when they die."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.endings.process import Served, served
from tests.provider import DONE, STALL, Provider, answer, hang, stream
from tests.running import ask, eventually, lab

PATIENCE_S = 60
"""Starting processes takes a busy machine its time."""


async def ask_until_all_have_answered(server: Served) -> set[int]:
    """The nodes that answered; each connection is some worker's."""
    nodes: set[int] = set()
    async with asyncio.timeout(PATIENCE_S):
        while len(nodes) < 2:
            reply = await server.http.post(
                "/v1/chat/completions", json=ask(), headers={"connection": "close"}
            )
            assert reply.status_code == 200
            nodes = {row["node"] for row in server.ledger.rows("SELECT node FROM request")}
    return nodes


async def test_workers_share_a_port_and_those_that_die_come_back_and_clean_up(
    provider: Provider, postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    provider.on("late", hang())
    run = served(postgres_database, lab(provider), tmp_path / "run", LLMROUTER_WORKERS="2")
    async with run as server:
        assert await ask_until_all_have_answered(server) == {0, 1}
        waiting = await server.line()
        await waiting.post(ask(model="lab/late"))
        traced = (
            "SELECT count(*) AS n FROM event LEFT JOIN request ON request.id = event.request_id"
            " WHERE kind = 'request.received' AND request.id IS NULL"
        )
        await eventually(lambda: server.ledger.rows(traced)[0]["n"] == 1)
        workers = server.workers
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        started = "SELECT count(*) AS n FROM event WHERE kind = 'server.started'"
        await eventually(lambda: server.ledger.rows(started)[0]["n"] == 4, within_s=PATIENCE_S)
        assert await ask_until_all_have_answered(server) == {0, 1}
        server.tell(signal.SIGTERM)
        assert await server.ended(PATIENCE_S) == 0
        waiting.leave()
    endings = server.ledger.rows("SELECT ending, count(*) AS n FROM request GROUP BY ending")
    assert {row["ending"]: row["n"] for row in endings}["abandoned"] == 1
    assert "was killed by signal 9" in server.log.read_text()


async def test_workers_drain_and_a_second_signal_cuts_them(
    provider: Provider, postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    go_on = asyncio.Event()
    provider.on("soon", stream("Half", go_on, DONE))
    provider.on("never", stream("Half", STALL))
    run = served(
        postgres_database,
        lab(provider),
        tmp_path / "run",
        LLMROUTER_WORKERS="2",
        LLMROUTER_DRAIN_S="3600",
    )
    async with (
        run as server,
        server.streaming(ask(model="lab/soon", stream=True)) as soon,
        server.streaming(ask(model="lab/never", stream=True)) as never,
    ):
        chunks = {reply: reply.aiter_raw() for reply in (soon, never)}
        for reply in chunks.values():
            await anext(reply)
        server.tell(signal.SIGTERM)
        go_on.set()
        assert b"".join([chunk async for chunk in chunks[soon]]).endswith(DONE)
        assert server.process.returncode is None
        server.tell(signal.SIGTERM)
        assert b'"code":"shutting_down"' in b"".join([chunk async for chunk in chunks[never]])
        assert await server.ended(PATIENCE_S) == 0


async def test_workers_end_with_a_supervisor_that_is_killed(
    provider: Provider, postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    provider.on("fast", answer())
    run = served(postgres_database, lab(provider), tmp_path / "run", LLMROUTER_WORKERS="2")
    async with run as server:
        workers = server.workers
        server.tell(signal.SIGKILL)
        await server.ended()
        stopped = "SELECT count(*) AS n FROM event WHERE kind = 'server.stopped'"
        await eventually(lambda: server.ledger.rows(stopped)[0]["n"] == 2, within_s=PATIENCE_S)
        await eventually(
            lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), PATIENCE_S
        )


async def test_a_worker_that_cannot_start_ends_them_all(
    provider: Provider, postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    broken = {**lab(provider), "aliases": {"x": 3}}
    run = served(postgres_database, broken, tmp_path / "run", LLMROUTER_WORKERS="2")
    with pytest.raises(AssertionError, match=r"(?s)aliases.*before it was ready"):
        await run.__aenter__()


async def test_an_sqlite_file_takes_one_process(
    provider: Provider, sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    run = served(sqlite_database, lab(provider), tmp_path / "run", LLMROUTER_WORKERS="2")
    with pytest.raises(AssertionError, match=r"(?s)PostgreSQL.*--workers 1"):
        await run.__aenter__()
