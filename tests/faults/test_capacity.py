"""A bounded number of requests under way at each provider and model, with a short queue."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmrouter.core.routing import Target
from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, answer, hang, status
from tests.running import Line, RunningRouter, ask, eventually, lab, running_router

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAST = Target("lab", "fast")


def document(provider: Provider, **limits: Any) -> Any:
    plain = lab(provider, routes={"pair": ["lab/fast", "spare/good"]})
    bounded = {"concurrent_requests": 1, "queue_s": 0.05, **limits}
    return {**plain, "models": {"lab/fast": {"limits": bounded}}}


async def occupy(router: RunningRouter, provider: Provider) -> Line:
    """A request that holds the only place until it leaves."""
    line, before = await router.line(), len(provider.seen)
    await line.post(ask("Wait."))
    await provider.arrived(before + 1)
    assert taken(router) == 1
    return line


def taken(router: RunningRouter, name: str = "lab/fast") -> int:
    return router.router.services.capacity.taken(name)


async def test_who_finds_no_room_in_time_is_answered_by_the_next_model(
    provider: Provider, module_database: DatabaseAddress
) -> None:
    provider.on("fast", hang())
    provider.on("good", answer("From the next."))
    async with running_router(module_database, document(provider)) as router:
        line = await occupy(router, provider)
        reply = await router.chat(model="pair")
        assert reply.headers["x-llmrouter-model"] == "spare/good"
        queued = router.ledger.story(reply).data("request.queued")
        assert (queued.target, queued.outcome) == ("lab/fast", "timed_out")
        assert queued.waited_us >= 50_000
        assert router.breaker("lab/fast") == "closed"
        line.leave()
        await router.settled()
        assert taken(router) == taken(router, "lab") == 0


async def test_a_trial_that_finds_no_room_gives_its_permit_back(
    provider: Provider, module_database: DatabaseAddress
) -> None:
    provider.on("sick", status(500))
    provider.on("fast", hang())
    plain = lab(provider, breaker={"failure_threshold": 1})
    bounded = {"concurrent_requests": 1, "queue_s": 0.05}
    plain["providers"]["lab"]["limits"] = bounded  # of all its models together
    async with running_router(module_database, plain) as router:
        await router.chat(model="lab/sick")
        assert router.breaker("lab/sick") == "open"
        line = await occupy(router, provider)
        assert (await router.chat(model="lab/sick")).status_code == 503
        assert router.router.services.availability.breakers["lab/sick"].permits == ()
        line.leave()
        await router.settled()


@pytest.mark.parametrize(
    ("path", "place"),
    [("/v1/chat/completions", "code"), ("/v1/messages", "type")],
    ids=["openai", "anthropic"],
)
async def test_when_nobody_has_room_the_client_is_told_when_to_come_back(
    provider: Provider, module_database: DatabaseAddress, path: str, place: str
) -> None:
    provider.on("fast", hang())
    async with running_router(module_database, document(provider, queued_requests=0)) as router:
        line = await occupy(router, provider)
        reply = await router.http.post(path, json=ask(max_tokens=5))
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "1"
        assert "x-should-retry" not in reply.headers
        assert reply.json()["error"][place] in ("at_capacity", "overloaded_error")
        story = router.ledger.story(reply)
        assert (story.request["ending"], story.request["attempts"]) == ("failed", 0)
        queued = story.data("request.queued")
        assert (queued.outcome, queued.waited_us) == ("queue_full", 0)
        line.leave()
        await router.settled()


async def test_who_waits_gets_the_place_that_becomes_free(
    provider: Provider, module_database: DatabaseAddress
) -> None:
    provider.on("fast", hang())
    async with running_router(module_database, document(provider, queue_s=60)) as router:
        line = await occupy(router, provider)
        capacity = router.router.services.capacity
        provider.on("fast", answer("At last."))
        waiting = asyncio.create_task(router.chat())
        await eventually(lambda: capacity.queued(FAST) == 1)
        line.leave()
        reply = await waiting
        assert reply.status_code == 200
        queued = router.ledger.story(reply).data("request.queued")
        assert queued.outcome == "admitted"
        await router.settled()
        assert taken(router) == 0


@pytest.mark.parametrize("how", ["failed", "left the queue", "stopped"])
async def test_every_ending_gives_its_place_back(
    provider: Provider, module_database: DatabaseAddress, how: str
) -> None:
    provider.on("fast", hang() if how != "failed" else status(500))
    async with running_router(module_database, document(provider, queue_s=60)) as router:
        capacity = router.router.services.capacity
        if how == "failed":
            assert (await router.chat()).status_code == 502
        else:
            line = await occupy(router, provider)
            waiting = await router.line()
            await waiting.post(ask())
            await eventually(lambda: capacity.queued(FAST) == 1)
            if how == "left the queue":
                waiting.leave()
                await eventually(lambda: capacity.queued(FAST) == 0)
            else:
                await router.router.traffic.drain(0)
                await waiting.until(b"\r\n\r\n")
                waiting.leave()
            line.leave()
        await router.settled()
        assert (taken(router), capacity.queued(FAST)) == (0, 0)


async def test_a_provider_s_limit_is_for_all_its_models_together(
    provider: Provider, module_database: DatabaseAddress
) -> None:
    provider.on("fast", hang())
    provider.on("good", answer("From the next."))
    plain = lab(provider, routes={"pair": ["lab/other", "spare/good"]})
    limits = {"concurrent_requests": 1, "queued_requests": 0}
    providers = {**plain["providers"], "lab": {**plain["providers"]["lab"], "limits": limits}}
    async with running_router(module_database, {**plain, "providers": providers}) as router:
        line = await occupy(router, provider)
        reply = await router.chat(model="pair")
        assert reply.headers["x-llmrouter-model"] == "spare/good"
        line.leave()
        await router.settled()


async def test_who_is_one_too_many_for_the_process_is_refused_before_their_body_is_read(
    provider: Provider, module_database: DatabaseAddress
) -> None:
    provider.on("fast", hang())
    async with running_router(module_database, lab(provider), max_requests=1) as router:
        line = await occupy(router, provider)
        other = await router.line()
        await other.post(ask())
        status_code, headers, body = await other.reply()
        assert (status_code, headers["retry-after"]) == (503, "1")
        assert b'"overloaded"' in body
        await other.post(b'{"model": "', length=10 * 2**20)  # the rest is never sent
        status_code, headers, _ = await other.reply()
        assert (status_code, headers["connection"]) == (503, "close")
        assert (await router.http.get("/health")).status_code == 200
        other.leave()
        line.leave()
        await router.settled()
        assert (await router.http.get("/health/ready")).status_code == 200
