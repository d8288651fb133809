"""Clients that leave: their upstream call stops, and the ledger knows what it may have cost."""

from __future__ import annotations

import asyncio

from llmrouter.core.ledger import RequestRecord
from tests.provider import STALL, Provider, Seen, answer, hang, raw, stream
from tests.running import RunningRouter, ask

HEADERS_ONLY = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


async def gone(seen: Seen) -> None:
    """The provider's side of the promise: it is stopped."""
    async with asyncio.timeout(10):
        await seen.gone.wait()


async def test_a_client_that_leaves_before_its_body_is_complete_sends_nothing_upstream(
    provider: Provider, router: RunningRouter
) -> None:
    line = await router.line()
    await line.post(b'{"model": "lab/fast", "mess', length=1000)
    await router.under_way()
    line.leave()
    await router.settled()
    story = router.ledger.only_story()
    assert story.kinds == ["request.received", "request.finished"]
    assert (story.request["ending"], story.request["http_status"]) == ("disconnected", 499)
    assert (story.request["cost_nusd"], story.attempts) == (0, [])
    assert provider.seen == []


async def test_a_client_that_leaves_before_the_headers_stops_the_provider(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", hang())
    line = await router.line()
    await line.post(ask())
    seen = await provider.arrived(1)
    line.leave()
    await gone(seen)
    await router.settled()
    story = router.ledger.only_story()
    assert story.request["ending"] == "disconnected"
    assert story.outcomes == ["cancelled"]
    assert story.attempts[0]["error_class"] == "gone"
    assert story.request["cost_nusd"] is None  # it may have been billed
    assert story.kinds[-2:] == ["attempt.failed", "request.finished"]
    assert router.breaker("lab/fast") == "closed"


async def test_a_client_that_leaves_before_the_first_token_stops_the_provider(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", raw(HEADERS_ONLY, b": wait\n\n", STALL))
    line = await router.line()
    await line.post(ask(stream=True))
    seen = await provider.arrived(1)
    line.leave()
    await gone(seen)
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["cancelled"])
    assert story.request["http_status"] == 499


async def test_a_client_that_leaves_mid_stream_stops_the_provider_and_is_billed(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", stream("One, two, three", STALL))
    line = await router.line()
    await line.post(ask(stream=True))
    await line.until(b"three")
    line.leave()
    await gone(provider.seen[0])
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("disconnected", ["cancelled"])
    assert story.request["usage_source"] == "estimated"
    assert story.request["cost_nusd"] > 0
    assert story.kinds[-3:] == ["attempt.first_token", "attempt.failed", "request.finished"]
    assert router.breaker("lab/fast") == "closed"


async def test_a_client_that_leaves_between_two_attempts_ends_the_chain(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", raw(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), hang())
    line = await router.line()
    await line.post(ask(model="pair"))
    seen = await provider.arrived(2)
    line.leave()
    await gone(seen)
    await router.settled()
    story = router.ledger.only_story()
    assert story.outcomes == ["failed", "cancelled"]
    assert len(provider.seen) == 2


async def test_a_client_that_leaves_while_the_ledger_commits_was_answered_all_the_same(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", answer("Paid for."))
    ledger = router.router.store.ledger
    closing, may_close = asyncio.Event(), asyncio.Event()
    close = ledger.close

    async def slow_close(record: RequestRecord) -> None:
        closing.set()
        await may_close.wait()
        await close(record)

    ledger.close = slow_close  # type: ignore[method-assign]  # a database that takes its time
    line = await router.line()
    await line.post(ask())
    await closing.wait()
    line.leave()
    await asyncio.sleep(0)
    may_close.set()
    await router.settled()
    story = router.ledger.only_story()
    assert (story.request["ending"], story.outcomes) == ("completed", ["succeeded"])
    assert story.request["cost_nusd"] == 20_000


async def test_a_probe_whose_client_leaves_gives_its_permit_back(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", raw(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"))
    for _ in range(3):
        await router.chat()
    assert router.breaker("lab/fast") == "open"
    provider.on("fast", hang())
    line = await router.line()
    await line.post(ask())  # the only target: a trial is let through
    await provider.arrived(len(provider.seen) + 1)
    line.leave()
    await router.settled()
    assert router.breaker("lab/fast") == "half_open"
    provider.on("fast", answer())
    assert (await router.chat()).status_code == 200
    assert router.breaker("lab/fast") == "closed"
