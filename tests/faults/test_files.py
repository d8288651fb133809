"""A process that may open no further file: nobody comes in, no provider is asked, and it lives."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.endings.process import Served, served
from tests.provider import DONE, FINISH, Provider, Seen, Wire
from tests.running import Line, ask, eventually, lab


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as started:
        yield started


def files_of(server: Served) -> int:
    """How many files the process has open."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


class Crowd:
    """Clients, each with a connection of its own, who all leave in the end."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self._lines: list[Line] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for line in self._lines:
            line.leave()
            with contextlib.suppress(ConnectionError):
                await line.writer.wait_closed()

    async def come(self) -> Line:
        """One more."""
        self._lines.append(await self._server.line())
        return self._lines[-1]

    async def ask(self, model: str) -> tuple[Line, bytes]:
        """One more, and how its reply begins; nothing when its connection was not taken."""
        line = await self.come()
        with contextlib.suppress(ConnectionError, AssertionError):
            await line.post(ask(model=model, stream=model == "lab/slow"))
            return line, await line.until(b"\r\n\r\n")
        return line, b""


async def test_p9_it_lives_without_a_file_to_open_and_heals(
    provider: Provider, sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    go_on = asyncio.Event()

    async def half(wire: Wire, seen: Seen) -> None:
        await wire.head(200, content_type="text/event-stream")
        await wire.step("Hal", wire.send)
        await go_on.wait()
        await wire.step("f.", wire.send)
        for step in (FINISH, DONE):
            await wire.send(step)
        await wire.end()

    provider.on("slow", half)
    async with served(sqlite_database, lab(provider), tmp_path / "run") as server:
        async with Crowd(server) as crowd:
            inside = await crowd.come()
            before = files_of(server)
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (before + 6, before + 6))
            streaming: list[Line] = []
            while True:  # each takes two files: its own, and the provider's
                line, head = await crowd.ask("lab/slow")
                if not head.startswith(b"HTTP/1.1 200"):
                    break
                streaming.append(line)
            assert 1 <= len(streaming) <= 4
            if not head:  # not even the client's: who has a connection already is told more
                await inside.post(ask())
                head = await inside.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 1" in head
            assert (await crowd.ask("lab/fast"))[1] == b""
            go_on.set()
            for whole in streaming:
                assert b"f." in await whole.until(DONE)
        await eventually(lambda: files_of(server) < before + 6 - 2)
        assert (await server.http.get("/health/ready")).status_code == 200
        assert (await server.chat()).status_code == 200
        asked = (await server.http.get("/providers")).json()["lab"]
        assert {b["failures"] for b in asked["breakers"].values()} <= {0}
        attempts = server.ledger.rows("SELECT * FROM attempt ORDER BY request_id")
        endings = server.ledger.rows("SELECT ending, error_class FROM request ORDER BY id")
    held = len(streaming)
    assert [a["outcome"] for a in attempts] == ["succeeded"] * held + ["failed", "succeeded"]
    assert (attempts[held]["counted"], attempts[held]["cost_nusd"]) == (False, 0)
    assert [e["ending"] for e in endings] == ["completed"] * held + ["failed", "completed"]
    assert endings[held]["error_class"] == "at_capacity"
