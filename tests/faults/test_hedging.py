"""A second target asked beside a slow one: the first token wins, and both are in the books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from llmrouter.pipeline.tails import LEAST_ANSWERS
from llmrouter.store.engine import DatabaseAddress
from tests.ledger_file import Story
from tests.provider import (
    DONE,
    STALL,
    Provider,
    Script,
    Seen,
    Wire,
    answer,
    hang,
    status,
)
from tests.running import RunningRouter, ask, lab, running_router

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON_MS = 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(
    provider: Provider, module_database: DatabaseAddress
) -> AsyncIterator[RunningRouter]:
    """A router whose route ``hedged`` does not wait long."""
    models = ["lab/first", "spare/second", "lab/third"]
    routes = {
        "hedged": {"models": models, "hedge_after_ms": SOON_MS},
        "patient": {"models": models, "hedge_after_ms": 60_000},
        "alone": {"models": models[:1], "hedge_after_ms": 1},
    }
    generous = {"retries": {"share": 1, "floor": 1000}, "breaker": {"failure_threshold": 1000}}
    document = {**lab(provider), **generous, "combos": routes}
    async with running_router(module_database, document) as started:
        yield started


@pytest.fixture(autouse=True)
def as_new(provider: Provider, router: RunningRouter) -> None:
    for model in ("first", "second", "third"):
        provider.on(model, answer(f"From the {model}."))
    router.router.services.availability.reset_all()


async def send(router: RunningRouter, *, streamed: bool, model: str = "hedged") -> Any:
    if not streamed:
        return await router.chat(model=model)
    async with router.streaming(model=model) as reply:
        await reply.aread()
    return reply


def after(gate: asyncio.Event, then: Script) -> Script:
    """Does nothing until the gate opens."""

    async def script(wire: Wire, seen: Seen) -> None:
        await gate.wait()
        await then(wire, seen)

    return script


def late(then: Script) -> Script:
    """Long after another one would have been asked."""

    async def script(wire: Wire, seen: Seen) -> None:
        await asyncio.sleep(5 * SOON_MS / 1000)
        await then(wire, seen)

    return script


def kinds(story: Story) -> list[str]:
    return [attempt["kind"] for attempt in story.attempts]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_silent_target_is_outrun(
    provider: Provider, router: RunningRouter, streamed: bool
) -> None:
    provider.on("first", hang())
    seen = len(provider.seen)
    reply = await send(router, streamed=streamed)
    assert reply.headers["x-llmrouter-model"] == "spare/second"
    assert reply.headers["x-llmrouter-attempts"] == "2"
    async with asyncio.timeout(5):
        await provider.seen[seen].gone.wait()

    story = router.ledger.story(reply)
    assert (kinds(story), story.outcomes) == (["chat", "hedge"], ["cancelled", "succeeded"])
    assert story.data("attempt.failed").reason == "outrun"
    assert story.request["ending"] == "completed"
    assert (story.request["provider"], story.request["model"]) == ("spare", "second")
    taken = story.data("hedge.taken")
    assert (taken.from_target, taken.to_target) == ("lab/first", "spare/second")
    assert (taken.after_ms, taken.basis) == (SOON_MS, "configured")
    # Nobody knows what the first one bills, so that nobody knows the whole.
    assert story.attempts[0]["cost_nusd"] is None
    assert story.request["cost_nusd"] is None
    assert router.breaker("lab/first") == "closed"


async def test_a_target_that_answers_in_time_stays_alone(
    provider: Provider, router: RunningRouter
) -> None:
    reply = await send(router, streamed=True, model="patient")
    story = router.ledger.story(reply)
    assert story.outcomes == ["succeeded"]
    assert "hedge.taken" not in story.kinds


async def test_the_first_may_still_win(provider: Provider, router: RunningRouter) -> None:
    gate = asyncio.Event()
    provider.on("first", after(gate, answer()))
    seen = len(provider.seen)

    async def opening(wire: Wire, seen: Seen) -> None:
        gate.set()
        await wire.step(STALL, wire.raw)

    provider.on("second", opening)
    reply = await send(router, streamed=True)
    assert reply.content.endswith(DONE)
    assert reply.headers["x-llmrouter-model"] == "lab/first"
    story = router.ledger.story(reply)
    assert (kinds(story), story.outcomes) == (["chat", "hedge"], ["succeeded", "cancelled"])
    assert story.request["cost_nusd"] is None
    async with asyncio.timeout(5):
        await provider.seen[seen + 1].gone.wait()


async def test_when_the_slow_one_fails_the_other_goes_on_as_the_next(
    provider: Provider, router: RunningRouter
) -> None:
    gate, other = asyncio.Event(), asyncio.Event()

    async def failing(wire: Wire, seen: Seen) -> None:
        await gate.wait()
        await status(500)(wire, seen)
        other.set()

    async def waiting(wire: Wire, seen: Seen) -> None:
        gate.set()
        await other.wait()
        await answer("At last.")(wire, seen)

    provider.on("first", failing)
    provider.on("second", waiting)
    seen = len(provider.seen)
    reply = await send(router, streamed=False)
    assert "At last." in reply.text
    assert len(provider.seen) - seen == 2
    story = router.ledger.story(reply)
    assert (kinds(story), story.outcomes) == (["chat", "hedge"], ["failed", "succeeded"])
    assert story.data("fallback.taken").to_target == "spare/second"


async def test_a_request_that_is_at_fault_ends_both(
    provider: Provider, router: RunningRouter
) -> None:
    gate = asyncio.Event()
    provider.on("first", after(gate, status(400, "no", code="bad_field")))

    async def opening(wire: Wire, seen: Seen) -> None:
        gate.set()
        await wire.step(STALL, wire.raw)

    provider.on("second", opening)
    reply = await send(router, streamed=False)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_field")
    story = router.ledger.story(reply)
    assert story.outcomes == ["client_error", "cancelled"]


async def test_a_target_without_another_is_waited_for(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("first", late(answer()))
    reply = await send(router, streamed=False, model="alone")
    assert router.ledger.story(reply).outcomes == ["succeeded"]


async def test_the_budget_bounds_hedges_too(provider: Provider, router: RunningRouter) -> None:
    document = dict(router.router.services.configuration.version.document)
    await router.router.services.configuration.replace(
        {**document, "retries": {"share": 0, "floor": 0}}, author="test"
    )
    provider.on("first", late(answer()))
    reply = await send(router, streamed=False)
    await router.router.services.configuration.replace(document, author="test")
    story = router.ledger.story(reply)
    assert story.outcomes == ["succeeded"]
    withheld = story.data("retry.withheld")
    assert (withheld.n, withheld.target, withheld.reason) == (1, "lab/first", "hedge")


async def test_every_hedge_is_taken_from_the_budget(
    provider: Provider, router: RunningRouter
) -> None:
    document = dict(router.router.services.configuration.version.document)
    route = {"models": ["lab/tired", "spare/second"], "hedge_after_ms": SOON_MS}
    combos = {**document["combos"], "tired": route}
    await router.router.services.configuration.replace(
        {**document, "combos": combos, "retries": {"share": 0, "floor": 1}}, author="test"
    )
    provider.on("tired", hang(), late(answer()))
    stories = [
        router.ledger.story(await send(router, streamed=False, model="tired")) for _ in range(2)
    ]
    await router.router.services.configuration.replace(document, author="test")
    assert [story.outcomes for story in stories] == [["cancelled", "succeeded"], ["succeeded"]]
    assert stories[1].data("retry.withheld").reason == "hedge"


async def test_a_client_that_leaves_stops_both(provider: Provider, router: RunningRouter) -> None:
    provider.on("first", hang())
    provider.on("second", hang())
    seen = len(provider.seen)
    line = await router.line()
    await line.post(ask(model="hedged", stream=True))
    await provider.arrived(seen + 2)
    line.leave()
    async with asyncio.timeout(5):
        await provider.seen[seen].gone.wait()
        await provider.seen[seen + 1].gone.wait()
    await router.settled()
    newest = router.ledger.rows("SELECT max(id) AS id FROM request")[0]["id"]
    story = router.ledger.story(newest)
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["cancelled"] * 2)


async def test_how_long_to_wait_is_what_the_ledger_knows_of_the_model(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    routes = {"known": {"models": ["lab/first", "spare/second"], "hedge_after_ms": "p95"}}
    document = {**lab(provider), "combos": routes}
    async with running_router(sqlite_database, document) as router:
        for _ in range(LEAST_ANSWERS - 1):
            await send(router, streamed=True, model="known")
    # One too few: nothing is known, and nobody else is asked.
    provider.on("first", late(answer()))
    async with running_router(sqlite_database, document) as router:
        reply = await send(router, streamed=True, model="known")
        assert router.ledger.story(reply).outcomes == ["succeeded"]
    provider.on("first", hang())
    async with running_router(sqlite_database, document) as router:
        reply = await send(router, streamed=True, model="known")
        story = router.ledger.story(reply)
    assert (kinds(story), story.outcomes) == (["chat", "hedge"], ["cancelled", "succeeded"])
    assert story.data("hedge.taken").basis == "p95"
    assert story.data("hedge.taken").after_ms > 0


BEHAVIOURS: dict[str, Script] = {
    "answers": answer("Good."),
    "500": status(500),
    "400": status(400),
    "silence": hang(),
}
ORDERS: dict[str, tuple[int, ...]] = {"first": (0, 1), "second": (1, 0), "together": ()}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("second", BEHAVIOURS)
@pytest.mark.parametrize("first", BEHAVIOURS)
async def test_however_a_race_goes_each_attempt_ends_once_and_is_in_the_books(
    first: str, second: str, order: str, provider: Provider, router: RunningRouter
) -> None:
    arrived = [asyncio.Event(), asyncio.Event()]
    gates = [asyncio.Event(), asyncio.Event()]

    def racing(place: int, then: Script) -> Callable[[Wire, Seen], Awaitable[None]]:
        async def script(wire: Wire, seen: Seen) -> None:
            arrived[place].set()
            await gates[place].wait()
            await then(wire, seen)

        return script

    provider.on("first", racing(0, BEHAVIOURS[first]))
    provider.on("second", racing(1, BEHAVIOURS[second]))
    asked = asyncio.create_task(send(router, streamed=True))
    async with asyncio.timeout(10):
        await arrived[1].wait()
        for place in ORDERS[order]:
            gates[place].set()
            await asyncio.wait({asked}, timeout=0.02)
        for gate in gates:
            gate.set()
        if "silence" in (first, second):
            await asyncio.wait({asked}, timeout=0.1)
            asked.cancel()  # the client leaves, unless it has been answered
        await asyncio.wait({asked})
        await router.settled()
    newest = router.ledger.rows("SELECT max(id) AS id FROM request")[0]["id"]
    story = router.ledger.story(newest)
    check_books(story)


def check_books(story: Story) -> None:
    """The laws of attempts, whatever happened."""
    started = [event.data.n for event in story.events if event.kind == "attempt.started"]  # type: ignore[union-attr]
    ended = [
        event.data.n  # type: ignore[union-attr]
        for event in story.events
        if event.kind in ("attempt.succeeded", "attempt.failed")
    ]
    assert sorted(ended) == started == list(range(1, len(started) + 1))
    assert [attempt["n"] for attempt in story.attempts] == started
    assert "lost" not in story.outcomes
    assert story.outcomes.count("succeeded") <= 1
    assert story.kinds.count("request.finished") == 1
    assert (story.request["ending"] == "completed") == ("succeeded" in story.outcomes)
