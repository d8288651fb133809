"""Clients that read slowly: the provider is held back, and memory stays flat."""

from __future__ import annotations

import asyncio
import socket

import pytest

from llmrouter.web import client
from tests.provider import DONE, FINISH, USAGE, Provider, Seen, Wire, chunk, event
from tests.running import Line, RunningRouter, ask

PIECE = event(chunk({"content": "x" * 64_000}))
PIECES = 600
"""Some 38 MB: far more than the buffers of both connections can take."""


class Flood:
    """A script that sends all pieces, and counts what it could send."""

    def __init__(self) -> None:
        self.sent = 0
        self.stopped = asyncio.Event()

    async def __call__(self, wire: Wire, seen: Seen) -> None:
        try:
            await wire.head(200, content_type="text/event-stream")
            for _ in range(PIECES):
                await wire.send(PIECE)
                self.sent += 1
            for last in (FINISH, USAGE, DONE):
                await wire.send(last)
            await wire.end()
        finally:
            self.stopped.set()


async def slow_line(router: RunningRouter) -> Line:
    """A client with a small buffer, so that it falls behind early."""
    sock = socket.create_connection(("127.0.0.1", router.port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    reader, writer = await asyncio.open_connection(sock=sock, limit=16_384)
    return Line(reader, writer)


async def stands_still(flood: Flood) -> int:
    """How far the provider came when it was held back."""
    sent = -1
    while sent != flood.sent:
        sent = flood.sent
        await asyncio.sleep(0.2)
    return sent


async def test_a_slow_reader_holds_the_provider_back_and_gets_everything(
    provider: Provider, router: RunningRouter
) -> None:
    flood = Flood()
    provider.on("fast", flood)
    line = await slow_line(router)
    await line.post(ask(stream=True))
    await line.until(b"\r\n\r\n")
    assert 0 < await stands_still(flood) < PIECES * 0.7
    received = 0
    while data := await line.reader.read(2**20):
        received += len(data)
        if data.endswith(b"0\r\n\r\n"):
            break
    line.leave()
    assert received > PIECES * 64_000
    story = router.ledger.only_story()
    assert story.request["ending"] == "completed"


async def test_a_reader_without_any_progress_is_cut(
    provider: Provider, router: RunningRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STALL_TIMEOUT_S", 0.2)
    flood = Flood()
    provider.on("fast", flood)
    line = await slow_line(router)
    await line.post(ask(stream=True))
    async with asyncio.timeout(5):
        await flood.stopped.wait()
    await router.settled()
    line.leave()
    assert flood.sent < PIECES
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["cancelled"])
    assert router.breaker("lab/fast") == "closed"
