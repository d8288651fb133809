"""Which idle connection is taken, and which are closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from llmrouter.upstream.lean import LeanCarrier
from llmrouter.upstream.lean_connection import LeanConnection
from llmrouter.upstream.lean_pool import IdlePool, Origin
from tests.running import eventually

HERE, THERE = Origin("here.example", 443), Origin("there.example", 443)


@dataclass(eq=False)
class Connection:
    """Remembers that it was closed."""

    origin: Origin = HERE
    is_closed: bool = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def pool() -> IdlePool[Connection]:
    return IdlePool(limit=2, idle_s=10)


def test_the_last_used_one_is_taken_first(pool: IdlePool[Connection]) -> None:
    first, second = Connection(), Connection()
    pool.put(first, 0)
    pool.put(second, 1)
    assert [pool.take(HERE, 2) for _ in range(3)] == [second, first, None]


def test_each_origin_has_its_own(pool: IdlePool[Connection]) -> None:
    here, there = Connection(HERE), Connection(THERE)
    pool.put(here, 0)
    pool.put(there, 0)
    assert pool.take(THERE, 1) is there
    assert pool.take(THERE, 1) is None
    assert pool.take(HERE, 1) is here


def test_beyond_the_limit_the_oldest_of_all_is_closed(pool: IdlePool[Connection]) -> None:
    oldest, *others = Connection(THERE), Connection(), Connection()
    for connection in (oldest, *others):
        pool.put(connection, 0)
    assert oldest.is_closed
    assert not any(connection.is_closed for connection in others)
    assert len(pool) == 2
    assert pool.take(THERE, 0) is None


def test_one_that_idled_too_long_is_closed(pool: IdlePool[Connection]) -> None:
    old, young = Connection(), Connection()
    pool.put(old, 0)
    pool.put(young, 5)
    assert pool.take(THERE, 11) is None
    assert old.is_closed
    assert pool.take(HERE, 11) is young


def test_tidying_closes_the_old_ones_and_says_until_when_the_others_are_young(
    pool: IdlePool[Connection],
) -> None:
    old, young = Connection(), Connection()
    pool.put(old, 0)
    pool.put(young, 5)
    assert pool.tidy(9) == 10
    assert pool.tidy(11) == 15
    assert (old.is_closed, young.is_closed) == (True, False)
    assert pool.tidy(16) is None
    assert young.is_closed


async def test_an_idle_connection_is_closed_in_its_time_when_nobody_asks_any_more() -> None:
    carrier = LeanCarrier(None, max_idle_connections=2, idle_s=0)
    idle = Connection()
    carrier.released(cast("LeanConnection", idle))
    await eventually(lambda: idle.is_closed)


def test_one_that_the_other_side_closed_is_forgotten(pool: IdlePool[Connection]) -> None:
    gone, here = Connection(), Connection()
    pool.put(gone, 0)
    pool.put(here, 0)
    pool.discard(gone)
    pool.discard(gone)
    assert [pool.take(HERE, 1), pool.take(HERE, 1)] == [here, None]
    assert not gone.is_closed


def test_without_a_limit_to_speak_of_none_is_kept() -> None:
    pool: IdlePool[Connection] = IdlePool(limit=0, idle_s=0)
    connection = Connection()
    pool.put(connection, 0)
    assert connection.is_closed
    assert pool.take(HERE, 0) is None


def test_clearing_closes_all(pool: IdlePool[Connection]) -> None:
    connections = [Connection(HERE), Connection(THERE)]
    for connection in connections:
        pool.put(connection, 0)
    pool.clear()
    assert all(connection.is_closed for connection in connections)
    assert len(pool) == 0
