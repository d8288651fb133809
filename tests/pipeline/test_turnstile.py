"""Requests that come in one instant begin one after the other, and others have their turns."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.configuration import RouterConfig
from llmrouter.dialects.registry import DIALECTS
from llmrouter.pipeline.exchange import Exchange, Reply
from llmrouter.pipeline.runner import Pipeline
from llmrouter.pipeline.turnstile import CROWD, PER_TURN, PER_TURN_IN_A_CROWD, Turnstile
from llmrouter.policy.table import compile_table
from tests.pipeline.test_runner import DECISION, FakeClient, Step

MANY = 3 * CROWD


async def entering(turnstile: Turnstile, entered: list[int], number: int) -> None:
    if not turnstile.opens():
        await turnstile.wait()
    entered.append(number)


async def by_turn(entered: list[int], wanted: int) -> list[int]:
    """How many have entered after each turn of the loop, from the first to the last."""
    seen = [0]
    while len(entered) < wanted:
        await asyncio.sleep(0)
        seen.append(len(entered))
    return seen


async def test_who_comes_first_is_let_in_first_and_few_in_each_turn() -> None:
    turnstile, entered = Turnstile(), list[int]()
    tasks = [asyncio.create_task(entering(turnstile, entered, n)) for n in range(MANY)]
    seen = await by_turn(entered, MANY)
    await asyncio.gather(*tasks)
    assert entered == list(range(MANY))
    steps = [after - before for before, after in pairwise(seen)]
    assert max(steps) == PER_TURN
    assert steps.count(PER_TURN_IN_A_CROWD) > CROWD / PER_TURN  # while there is a crowd


async def test_who_comes_later_does_not_overtake_those_who_wait() -> None:
    turnstile, entered = Turnstile(), list[int]()
    tasks = [asyncio.create_task(entering(turnstile, entered, n)) for n in range(MANY)]
    await asyncio.sleep(0)
    late = asyncio.create_task(entering(turnstile, entered, MANY))
    await asyncio.gather(late, *tasks)
    assert entered[-1] == MANY


async def test_who_leaves_while_waiting_takes_nobodys_place() -> None:
    turnstile, entered = Turnstile(), list[int]()
    tasks = [asyncio.create_task(entering(turnstile, entered, n)) for n in range(MANY)]
    await asyncio.sleep(0)
    for task in tasks[PER_TURN:-1]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert entered == [*range(PER_TURN), MANY - 1]


async def test_it_opens_at_once_when_nobody_waits() -> None:
    turnstile = Turnstile()
    for _ in range(3):
        assert [turnstile.opens() for _ in range(PER_TURN)] == [True] * PER_TURN
        assert not turnstile.opens()
        await asyncio.sleep(0)


@pytest.mark.parametrize("part", ["beginning", "closing"])
async def test_many_requests_begin_and_close_a_few_in_each_turn(part: str) -> None:
    passed: list[int] = []

    def begin(trip: Exchange) -> None:
        trip.decision = DECISION
        trip.reply = Reply(200, "application/json", b"{}")
        if part == "beginning":
            passed.append(trip.id)

    def close(trip: Exchange) -> None:
        if part == "closing":
            passed.append(trip.id)

    pipeline = Pipeline((Step(begin),), (Step(close),))
    table = compile_table(1, {}, RouterConfig())
    trips = [Exchange(n, table, DIALECTS["openai"], FakeClock()) for n in range(100)]
    running = [asyncio.create_task(pipeline.run(trip, FakeClient())) for trip in trips]
    seen = await by_turn(passed, len(trips))
    await asyncio.gather(*running)
    assert max(after - before for before, after in pairwise(seen)) <= PER_TURN
