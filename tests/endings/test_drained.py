"""Clients that leave a provider whose replies are read to the end: the books are exact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from llmrouter.settings.values import HttpClient
from llmrouter.store.engine import DatabaseAddress
from tests.provider import (
    DONE,
    FINISH,
    STALL,
    USAGE,
    Provider,
    Seen,
    Wire,
    answer,
    drop,
    hang,
    stream,
)
from tests.running import Line, RunningRouter, ask, eventually, lab, running_router


@pytest.fixture
async def router(
    provider: Provider, sqlite_database: DatabaseAddress, client: HttpClient
) -> AsyncIterator[RunningRouter]:
    """A router that drains ``lab``, up to 4,000 bytes."""
    document: dict[str, Any] = {**lab(provider, routes={"pair": ["lab/fast", "spare/fast"]})}
    draining = {"on_disconnect": "drain", "limits": {"drain_bytes": 4000}}
    document["providers"]["lab"] = {**document["providers"]["lab"], **draining}
    document["models"] = {"lab/hasty": {"timeouts": {"drain_s": 0.1}}}
    async with running_router(sqlite_database, document, http_client=client) as started:
        yield started


async def left_after(router: RunningRouter, mark: bytes, **members: Any) -> Line:
    """A client that leaves when it has seen the mark."""
    line = await router.line()
    await line.post(ask(stream=True, **members))
    await line.until(mark)
    line.leave()
    return line


async def has_left(router: RunningRouter) -> None:
    """Waits until the router knows that its only client is gone."""
    (exchange,) = router.router.traffic
    await eventually(lambda: exchange.has_left)


async def test_a_stream_is_read_to_its_end(provider: Provider, router: RunningRouter) -> None:
    more = asyncio.Event()
    provider.on("fast", stream("One, two,", more, " three.", FINISH, USAGE, DONE))
    await left_after(router, b"two")
    await has_left(router)
    more.set()
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.request["http_status"]) == ("disconnected", 499)
    assert story.outcomes == ["succeeded"]
    assert story.request["usage_source"] == "provider"
    assert (story.request["cost_nusd"], story.request["cost_basis"]) == (20_000, "computed")
    assert story.data("attempt.succeeded").notes == ("drained",)
    assert not provider.seen[0].gone.is_set()


async def test_a_whole_reply_is_waited_for(provider: Provider, router: RunningRouter) -> None:
    more = asyncio.Event()

    async def slow(wire: Wire, seen: Seen) -> None:
        await more.wait()
        await answer()(wire, seen)

    provider.on("fast", slow)
    line = await router.line()
    await line.post(ask())
    await provider.arrived(1)
    line.leave()
    await has_left(router)
    more.set()
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["succeeded"])
    assert (story.request["cost_nusd"], story.request["cost_basis"]) == (20_000, "computed")


async def test_beyond_its_bytes_the_provider_is_stopped(
    provider: Provider, router: RunningRouter
) -> None:
    more = asyncio.Event()
    provider.on("fast", stream("One,", more, *["x" * 500] * 10, STALL))
    await left_after(router, b"One")
    await has_left(router)
    more.set()
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["cancelled"])
    assert story.request["usage_source"] == "estimated"
    async with asyncio.timeout(5):
        await provider.seen[0].gone.wait()


async def test_beyond_its_time_the_provider_is_stopped(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("hasty", stream("One,", STALL))
    await left_after(router, b"One", model="lab/hasty")
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["cancelled"])
    assert story.request["duration_us"] >= 100_000


async def test_a_server_that_stops_does_not_wait_for_it(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", stream("One,", STALL))
    await left_after(router, b"One")
    await has_left(router)
    await router.router.traffic.drain(0)
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["cancelled"])


async def test_nobody_else_is_asked_for_a_client_that_has_gone(
    provider: Provider, router: RunningRouter
) -> None:
    more = asyncio.Event()

    async def failing(wire: Wire, seen: Seen) -> None:
        await more.wait()
        await drop()(wire, seen)

    provider.on("fast", failing, hang())
    line = await router.line()
    await line.post(ask(model="pair"))
    await provider.arrived(1)
    line.leave()
    await has_left(router)
    more.set()
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["failed"])
    assert len(provider.seen) == 1


async def test_a_stream_that_breaks_while_it_is_drained_counts_all_the_same(
    provider: Provider, router: RunningRouter
) -> None:
    more = asyncio.Event()
    provider.on("fast", stream("One,", more))
    await left_after(router, b"One")
    await has_left(router)
    more.set()
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["interrupted"])
    assert story.attempts[0]["counted"]
