"""A PostgreSQL server that goes away and comes back: routing goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from llmrouter.store.engine import read_address
from tests.postgres import PostgresServer
from tests.provider import Provider, answer, status
from tests.running import RunningRouter, eventually, lab, running_router

Outage = Callable[[PostgresServer], AbstractContextManager[None]]


async def ready(router: RunningRouter) -> bool:
    return (await router.http.get("/health/ready")).status_code == 200


@pytest.mark.parametrize(
    "outage", [PostgresServer.stopped, PostgresServer.frozen], ids=["stopped", "frozen"]
)
async def test_nodes_go_on_and_catch_up(
    outage: Outage, fragile_server: PostgresServer, tmp_path: Path
) -> None:
    database = read_address(fragile_server.url.render_as_string(hide_password=False), tmp_path)
    told: list[str] = []

    async def ask_some(router: RunningRouter, model: str = "lab/fast") -> None:
        for reply in await asyncio.gather(*(router.chat(model=model) for _ in range(5))):
            assert reply.status_code == 200
            told.append(reply.headers["x-llmrouter-request-id"])

    async with Provider() as provider:
        document = lab(provider, routes={"pair": ["lab/fast", "spare/fast"]})
        async with (
            running_router(database, document) as one,
            running_router(database, document) as other,
        ):
            await ask_some(one)
            with outage(fragile_server):
                await ask_some(one)
                await ask_some(other)
                assert not await ready(one)
                turns = [{"role": r, "content": "Hi"} for r in ("user", "assistant", "user")]
                later = await one.chat(messages=turns)
                assert later.status_code == 200  # whose conversation nobody remembers now
                told.append(later.headers["x-llmrouter-request-id"])
                refused = await one.http.put("/config", json={**document, "combos": {}})
                assert refused.status_code == 503
                assert refused.json()["error"]["code"] == "ledger_unavailable"
                provider.on("fast", *[status(500), answer()] * 3)
                for _ in range(3):
                    await one.chat(model="pair")
                assert one.breaker("lab/fast") == "open"
                assert other.breaker("lab/fast") == "closed"
            await eventually(lambda: ready(one), within_s=15)
            await eventually(lambda: ready(other), within_s=15)
            await eventually(lambda: other.breaker("lab/fast") == "open", within_s=5)
            assert one.router.services.configuration.version.document == document
            await ask_some(one, "spare/fast")
            assert not one.router.store.lost.is_set()
            rows = one.ledger.rows("SELECT id FROM request WHERE ending = 'completed'")
            assert len(rows) == len(told) + 3
            for request_id in told:
                assert one.ledger.story(request_id).request["ending"] == "completed"
            sums = one.ledger.rows("SELECT sum(requests) AS n FROM usage_day")
            assert sums[0]["n"] == len(rows)
