"""Requests that come in one instant begin one after the other, and others have their turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from unittest.mock import Mock

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.configuration import RouterConfig
from llmrouter.core.events import RequestReceived
from llmrouter.core.routing import Ending
from llmrouter.dialects.registry import DIALECTS
from llmrouter.pipeline.exchange import Caller, Exchange, Reply
from llmrouter.pipeline.ports import Ledger
from llmrouter.pipeline.runner import Pipeline
from llmrouter.pipeline.stages.receive import Receive
from llmrouter.pipeline.traffic import Traffic
from llmrouter.pipeline.turnstile import CROWD, PER_TURN, PER_TURN_IN_A_CROWD, Turnstile
from llmrouter.policy.table import compile_table
from llmrouter.settings import Keyring
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


def trips(count: int) -> list[Exchange]:
    """Requests that have just come."""
    table = compile_table(1, {}, RouterConfig())
    made = [Exchange(n, table, DIALECTS["openai"], FakeClock()) for n in range(count)]
    for trip in made:
        trip.caller = Caller("/chat/completions", {})
    return made


def pipeline(begin: Callable[[Exchange], None], close: Callable[[Exchange], None]) -> Pipeline:
    """What happens to a request once it was received, and behind its reply."""

    def answer(trip: Exchange) -> Reply:
        begin(trip)
        trip.decision = DECISION
        return Reply(200, "application/json", b"{}")

    receive = Receive(Traffic(1_000), Mock(Ledger), Keyring({}), node=1)
    return Pipeline((receive, Step(answer)), (Step(close),))


@pytest.mark.parametrize("part", ["beginning", "closing"])
async def test_many_requests_begin_and_close_a_few_in_each_turn(part: str) -> None:
    passed: list[int] = []

    def note(trip: Exchange) -> None:
        passed.append(trip.id)

    def ignore(_: Exchange) -> None: ...

    stages = pipeline(note, ignore) if part == "beginning" else pipeline(ignore, note)
    many = trips(100)
    running = [asyncio.create_task(stages.run(trip, FakeClient())) for trip in many]
    seen = await by_turn(passed, len(many))
    await asyncio.gather(*running)
    assert max(after - before for before, after in pairwise(seen)) <= PER_TURN


@pytest.mark.parametrize("cut", ["disconnected", "shutdown"])
async def test_who_leaves_the_queue_was_received_all_the_same(cut: Ending) -> None:
    begun: list[int] = []
    endings: dict[int, Ending] = {}

    def begin(trip: Exchange) -> None:
        begun.append(trip.id)

    def close(trip: Exchange) -> None:
        assert isinstance(trip.events[0].data, RequestReceived)
        endings[trip.id] = trip.ending

    stages, many = pipeline(begin, close), trips(3 * PER_TURN)
    clients = [FakeClient() for _ in many]
    running = [
        asyncio.create_task(stages.run(trip, client))
        for trip, client in zip(many, clients, strict=True)
    ]
    await asyncio.sleep(0)
    late = [trip for trip in many if trip.id not in begun]
    assert late
    for trip in late:
        trip.cut(cut)
    await asyncio.gather(*running)
    assert len(begun) == len(many) - len(late)  # they were not let in
    assert {endings[trip.id] for trip in late} == {cut}
    assert {clients[trip.id].status for trip in late} == {0 if cut == "disconnected" else 503}
