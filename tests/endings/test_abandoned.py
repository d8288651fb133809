"""SIGKILL: what a client was told is there, and what was cut off is written at the next start."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import httpx

from llmrouter.core.ids import show_id
from llmrouter.store.engine import DatabaseAddress
from tests.endings.process import Served, served
from tests.provider import DONE, STALL, Provider, answer, hang, status, stream
from tests.running import ask, eventually, lab, running_router


async def test_a_killed_process_leaves_nothing_unsaid(
    provider: Provider, database: DatabaseAddress, tmp_path: Path
) -> None:
    provider.on("fast", answer("Told."))
    provider.on("half", stream("Half", STALL))
    provider.on("late", status(500), hang())
    document = lab(provider, routes={"late": ["lab/late", "spare/late"]})
    async with served(database, document, tmp_path / "run") as server:
        told = [await server.chat() for _ in range(20)]
        waiting = await server.line()
        await waiting.post(ask(model="late"))
        async with server.streaming(ask(model="lab/half", stream=True)) as half:
            chunks = half.aiter_raw()  # kept: httpx closes a reply whose reader is forgotten
            await anext(chunks)
            await provider.arrived(23)
            # A call is not held up for its trace, so a kill may come before that is written.
            await eventually(lambda: len(server.ledger.events("kind = 'attempt.started'")) == 23)
            server.tell(signal.SIGKILL)
            await server.ended()
        waiting.leave()

    async with running_router(database, document, data_dir=tmp_path / "run") as router:
        assert router.router.store.recovered == 2
        assert (await router.chat()).status_code == 200
        for reply in told:
            story = router.ledger.story(reply)
            assert (story.request["ending"], story.outcomes) == ("completed", ["succeeded"])
        rows = router.ledger.rows(
            "SELECT id, requested_model FROM request WHERE ending = 'abandoned' ORDER BY id"
        )
        stories = {row["requested_model"]: router.ledger.story(row["id"]) for row in rows}

    assert stories.keys() == {"late", "lab/half"}
    assert stories["late"].outcomes == ["failed", "lost"]
    assert stories["lab/half"].outcomes == ["lost"]
    for story in stories.values():
        assert story.kinds[0] == "request.received"
        assert story.kinds[-1] == "request.recovered"
        assert "request.finished" not in story.kinds
        assert (story.request["cost_nusd"], story.request["cost_basis"]) == (None, "unknown")


async def test_what_clients_were_told_under_load_is_there_after_a_kill(
    provider: Provider, sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    told: list[str] = []

    async def ask_on(server: Served, n: int) -> None:
        with contextlib.suppress(httpx.TransportError):
            while True:
                if n % 2:
                    reply = await server.chat()
                else:
                    async with server.streaming(ask(stream=True)) as reply:
                        if not (await reply.aread()).endswith(DONE):
                            return
                told.append(reply.headers["x-llmrouter-request-id"])

    async with served(sqlite_database, lab(provider), tmp_path / "run") as server:
        asking = [asyncio.create_task(ask_on(server, n)) for n in range(12)]
        await eventually(lambda: len(told) > 150, within_s=20)
        server.tell(signal.SIGKILL)
        await asyncio.gather(*asking)
        await server.ended()

    async with running_router(sqlite_database, lab(provider)) as router:
        rows = router.ledger.rows("SELECT id, ending FROM request")
    endings = {show_id(row["id"]): row["ending"] for row in rows}
    assert {endings[request_id] for request_id in told} == {"completed"}
    with_events = router.ledger.rows(
        "SELECT count(*) AS n FROM event WHERE kind = 'request.received'"
    )
    assert len(rows) == with_events[0]["n"]
