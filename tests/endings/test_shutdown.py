"""SIGTERM: running requests end by themselves, or are told that the server stops."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from llmrouter.store.engine import DatabaseAddress
from tests.endings.process import served
from tests.provider import DONE, FINISH, STALL, USAGE, Provider, answer, hang, stream
from tests.running import ask, lab

STREAM = ask(stream=True)


async def test_an_idle_server_ends_at_once_although_a_client_keeps_its_connection(
    provider: Provider, sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    async with served(sqlite_database, lab(provider), tmp_path / "run") as server:
        assert (await server.http.get("/health")).status_code == 200  # and stays connected
        server.tell(signal.SIGTERM)
        assert await server.ended(within_s=4) == 0
    stopped = server.ledger.events("kind = 'server.stopped'")
    assert [(e.data.drained, e.data.cut) for e in stopped] == [(0, 0)]  # type: ignore[union-attr]


async def test_streams_end_by_themselves_within_the_grace_while_new_requests_are_refused(
    provider: Provider, sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    go_on = asyncio.Event()
    provider.on("fast", stream("Half", go_on, " and half.", FINISH, USAGE, DONE), answer())
    async with served(sqlite_database, lab(provider), tmp_path / "run") as server:
        async with server.streaming(STREAM) as reply:
            chunks = reply.aiter_raw()
            received = await anext(chunks)
            server.tell(signal.SIGTERM)
            while (refused := await server.chat()).status_code == 200:
                pass  # until the signal has arrived
            ready = await server.http.get("/health/ready")
            go_on.set()
            received += b"".join([chunk async for chunk in chunks])
        assert await server.ended() == 0
    assert received.endswith(DONE)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "draining"
    assert int(refused.headers["retry-after"]) <= 5
    assert ready.status_code == 503
    assert server.ledger.story(reply).request["ending"] == "completed"
    assert server.ledger.story(refused).request["ending"] == "rejected"
    (stopped,) = server.ledger.events("kind = 'server.stopped'")
    assert stopped.data.cut == 0  # type: ignore[union-attr]


async def test_what_still_runs_after_the_grace_is_cut_with_an_error(
    provider: Provider, sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    provider.on("fast", stream("Half", STALL))
    provider.on("slow", hang())
    run = served(sqlite_database, lab(provider), tmp_path / "run", LLMROUTER_DRAIN_S="0.2")
    async with run as server:
        waiting = asyncio.create_task(server.chat("lab/slow"))
        async with server.streaming(STREAM) as reply:
            chunks = reply.aiter_raw()
            await anext(chunks)
            await provider.arrived(2)
            server.tell(signal.SIGTERM)
            received = b"".join([chunk async for chunk in chunks])
        unanswered = await waiting
        assert await server.ended() == 0
    assert b"[DONE]" not in received
    assert b'"code":"shutting_down"' in received
    assert unanswered.status_code == 503
    assert unanswered.json()["error"]["code"] == "shutting_down"
    for answer_of in (reply, unanswered):
        story = server.ledger.story(answer_of)
        assert (story.request["ending"], story.outcomes) == ("shutdown", ["cancelled"])
        assert story.kinds[-1] == "request.finished"
    assert server.ledger.story(unanswered).request["http_status"] == 503
    (stopped,) = server.ledger.events("kind = 'server.stopped'")
    assert (stopped.data.drained, stopped.data.cut) == (0, 2)  # type: ignore[union-attr]
    assert server.ledger.breakers() == {}


async def test_a_second_signal_cuts_at_once(
    provider: Provider, sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    provider.on("fast", stream("Half", STALL))
    run = served(sqlite_database, lab(provider), tmp_path / "run", LLMROUTER_DRAIN_S="3600")
    async with run as server, server.streaming(STREAM) as reply:
        chunks = reply.aiter_raw()
        await anext(chunks)
        server.tell(signal.SIGTERM)
        while (await server.http.get("/health/ready")).status_code == 200:
            pass
        server.tell(signal.SIGTERM)
        received = b"".join([chunk async for chunk in chunks])
        assert await server.ended() == 0
    assert b'"code":"shutting_down"' in received
    assert server.ledger.story(reply).request["ending"] == "shutdown"
