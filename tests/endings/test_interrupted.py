"""Streams that break after their first token: told as an error, never as an end."""

from __future__ import annotations

import json

import pytest

from llmrouter.settings.values import HttpClient
from llmrouter.store.engine import DatabaseAddress
from tests.provider import CLOSE, DONE, FINISH, RESET, STALL, Provider, Step, answer, event, stream
from tests.running import RunningRouter, ask, lab, running_router

ERROR = event({"error": {"message": "the engine fell over", "type": "server_error", "code": 500}})

BREAKS: dict[str, tuple[Step, ...]] = {
    "cut off": (CLOSE,),
    "reset": (RESET,),
    "silent": (STALL,),
    "an error as a chunk": (ERROR,),
    "an error as an event": (b"event: error\n" + ERROR,),
    "ended without a finish reason": (),
}


@pytest.mark.parametrize("how", BREAKS)
async def test_a_stream_that_breaks_ends_with_an_error_event(
    how: str, provider: Provider, sqlite_database: DatabaseAddress, client: HttpClient
) -> None:
    provider.on("fast", stream("Hal", "f", *BREAKS[how]))
    document = lab(provider, routes={"pair": ["lab/fast", "spare/fast"]}, timeouts={"idle_s": 0.15})
    async with running_router(sqlite_database, document, http_client=client) as router:
        async with router.streaming(model="pair") as reply:
            received = await reply.aread()
        story = router.ledger.story(reply)
        assert router.router.services.availability.breakers["lab/fast"].failures == 1

    assert reply.status_code == 200
    *chunks, last = [line for line in received.split(b"\n\n") if line]
    told = [json.loads(c.removeprefix(b"data: "))["choices"][0]["delta"] for c in chunks]
    assert "".join(delta.get("content", "") for delta in told) == "Half"
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert error["code"] == "stream_interrupted"
    assert b"[DONE]" not in received
    assert len(provider.seen) == 1  # nothing is spliced in from another model

    assert story.request["ending"] == "interrupted"
    assert story.request["http_status"] == 200
    assert story.outcomes == ["interrupted"]
    assert story.attempts[0]["counted"]
    assert story.attempts[0]["usage_source"] == "estimated"
    assert story.request["cost_basis"] == "estimated"
    assert story.kinds[-3:] == ["attempt.first_token", "attempt.failed", "request.finished"]
    assert story.data("attempt.failed").phase == "stream"


async def test_three_broken_streams_open_the_breaker(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", stream("Hal", RESET))
    for _ in range(3):
        async with router.streaming() as reply:
            await reply.aread()
    assert router.breaker("lab/fast") == "open"
    assert router.ledger.breakers() == {"lab/fast": "open"}


async def test_what_stands_behind_the_terminator_holds_nothing_up(
    provider: Provider, router: RunningRouter
) -> None:
    # Some providers leave the connection open behind their last event.
    provider.on("fast", stream("Done.", FINISH, DONE, STALL), answer())
    async with router.streaming() as reply:
        received = await reply.aread()
    story = router.ledger.story(reply)
    assert received.endswith(DONE)
    assert story.request["ending"] == "completed"
    assert story.request["duration_us"] < 2_000_000
    async with router.streaming() as reply:
        assert (await reply.aread()).endswith(DONE)


async def test_the_connection_serves_the_next_request_after_an_error_event(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", stream("Hal", RESET), answer("Whole."))
    line = await router.line()
    await line.post(ask(stream=True))
    await line.until(b"stream_interrupted")
    await line.until(b"0\r\n\r\n")
    await line.post(ask())
    status, _, body = await line.reply()
    line.leave()
    assert status == 200
    assert b"Whole." in body
