"""Clients that take their time to say what they want: bounded, and in nobody's way."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypercorn.config import Config

from llmrouter.settings.values import HttpServer
from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider
from tests.running import lab, running_router
from tests.web.serving import Echo, serving


@pytest.fixture(params=["lean", "stock"])
def kind(request: pytest.FixtureRequest) -> HttpServer:
    """Whose connections carry the requests: everything holds for both."""
    chosen: HttpServer = request.param
    return chosen


async def test_a_head_that_comes_byte_by_byte_has_no_more_time(kind: HttpServer) -> None:
    def soon(config: Config) -> None:
        config.keep_alive_timeout = 0.1

    async with serving(Echo(), kind, soon) as server:
        line = await server.line()

        async def go_on_for_ever() -> None:
            line.writer.write(b"GET / HTTP/1.1\r\nx: ")
            while not line.writer.is_closing():
                line.writer.write(b"a")
                await asyncio.sleep(0.02)

        writing = asyncio.create_task(go_on_for_ever())
        assert await line.rest() == b""
        line.leave()
        await writing


async def test_a_body_that_does_not_come_is_given_up(
    kind: HttpServer, sqlite_database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmrouter.web.client.BODY_TIMEOUT_S", 0.1)
    async with (
        Provider() as provider,
        running_router(sqlite_database, lab(provider), http_server=kind) as router,
    ):
        line = await router.line()
        await line.post(b'{"model": ', length=1000)
        status, headers, body = await line.reply()
        assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
        assert headers["connection"] == "close"
        line.leave()
        assert (await router.chat()).status_code == 200
        assert len(provider.seen) == 1
        story = router.ledger.story(headers["x-request-id"])
        assert (story.request["ending"], story.request["http_status"]) == ("rejected", 408)
