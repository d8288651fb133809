"""What the clocks of an attempt do to a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.provider import DONE, FINISH, STALL, Provider, Seen, Wire, answer, hang, stream
from tests.running import RunningRouter

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def configure(router: RunningRouter, **sections: Mapping[str, Any]) -> None:
    document = dict(router.router.services.configuration.version.document)
    for name, section in sections.items():
        document[name] = {**document.get(name, {}), **section}
    await router.router.services.configuration.replace(document, author="test")


async def test_comments_do_not_keep_a_silent_stream_alive(
    provider: Provider, router: RunningRouter
) -> None:
    async def muttering(wire: Wire, seen: Seen) -> None:
        await wire.head(200, content_type="text/event-stream")
        await wire.step("Half", wire.send)
        while True:
            await wire.send(b": still here\n\n")
            await asyncio.sleep(0.02)

    provider.on("muttering", muttering)
    await configure(router, models={"lab/muttering": {"timeouts": {"idle_s": 0.15}}})
    async with router.streaming(model="lab/muttering") as reply:
        received = await reply.aread()
    assert b"stream_interrupted" in received
    assert router.ledger.story(reply).request["ending"] == "interrupted"


async def test_a_stream_that_keeps_its_rate_is_passed_on_whole(
    provider: Provider, router: RunningRouter
) -> None:
    more = asyncio.Event()
    provider.on("brisk", stream("word " * 40, more, "and more.", FINISH, DONE))
    clocks = {"min_tokens_per_s": 100, "rate_window_s": 0.2}
    await configure(router, models={"lab/brisk": {"timeouts": clocks}})
    async with router.streaming(model="lab/brisk") as reply:
        parts = reply.aiter_bytes()
        assert b"word" in await anext(parts)  # long before the window is over, by the count alone
        more.set()
        rest = b"".join([part async for part in parts])
    assert b"and more." in rest
    assert rest.endswith(DONE)


async def test_a_short_answer_need_not_prove_its_rate(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("terse", answer("Yes."))
    clocks = {"min_tokens_per_s": 1000, "rate_window_s": 60}
    await configure(router, models={"lab/terse": {"timeouts": clocks}})
    async with router.streaming(model="lab/terse") as reply:
        assert (await reply.aread()).endswith(DONE)


async def test_what_came_too_slowly_is_billed_by_our_estimate(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("dragging", stream("A few words", STALL))
    clocks = {"min_tokens_per_s": 1000, "rate_window_s": 0.05}
    prices = {"lab/dragging": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}}
    await configure(router, models={"lab/dragging": {"timeouts": clocks}}, prices=prices)
    async with router.streaming(model="lab/dragging") as reply:
        await reply.aread()
    assert reply.status_code == 504
    (attempt,) = router.ledger.story(reply).attempts
    assert (attempt["outcome"], attempt["usage_source"]) == ("failed", "estimated")
    assert attempt["cost_nusd"] > 0
    assert attempt["output_tokens"] > 0


async def test_one_target_s_own_total_leaves_time_for_the_next(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("hanging", hang())
    await configure(
        router,
        models={"lab/hanging": {"timeouts": {"total_s": 0.1}}},
        combos={"impatient": {"models": ["lab/hanging", "lab/quick"]}},
    )
    reply = await router.chat(model="impatient")
    assert reply.headers["x-llmrouter-model"] == "lab/quick"
    story = router.ledger.story(reply)
    assert story.outcomes == ["failed", "succeeded"]
    assert story.attempts[0]["duration_us"] >= 100_000
