"""A target's breaker over its life: opened, kept over a restart, probed, reset by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import Mock

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.dialects.openai.dialect import OpenAICodec
from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, answer, hang, status
from tests.running import KEYS, LAB_KEY, Document, RunningRouter, ask, lab, running_router

ROUTES = {"pair": ["lab/fast", "spare/fast"], "deep": ["lab/vendor/model", "spare/fast"]}


class TickingClock(FakeClock):
    """A wall clock that is set by hand; durations go on by themselves."""

    def monotonic_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as started:
        yield started


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def document(provider: Provider) -> Document:
    return lab(provider, routes=ROUTES, aliases={"speedy": "lab/fast"})


@pytest.fixture
async def router(
    sqlite_database: DatabaseAddress, document: Document, clock: TickingClock
) -> AsyncIterator[RunningRouter]:
    async with running_router(sqlite_database, document, clock=clock) as started:
        yield started


async def break_it(router: RunningRouter, provider: Provider, model: str = "pair") -> None:
    """Opens the breaker of the model's first target."""
    provider.on("fast", status(500), answer())
    for _ in range(3):
        provider.on("fast", status(500), answer())
        assert (await router.chat(model=model)).status_code == 200


async def test_three_failures_in_a_row_open_it_and_it_is_passed_over_without_waiting(
    provider: Provider, router: RunningRouter
) -> None:
    await break_it(router, provider)
    assert router.breaker("lab/fast") == "open"
    provider.on("fast", answer())
    reply = await router.chat(model="pair")
    story = router.ledger.story(reply)
    assert reply.headers["x-llmrouter-attempts"] == "1"
    assert reply.headers["x-llmrouter-model"] == "spare/fast"
    refused = story.data("route.selected").candidates[0]
    assert (refused["target"], refused["refused"]) == ("lab/fast", "breaker_open")
    assert router.ledger.breakers() == {"lab/fast": "open"}


async def test_a_success_in_between_starts_the_count_again(
    provider: Provider, router: RunningRouter
) -> None:
    for _ in range(4):
        provider.on("fast", status(500), answer(), answer())
        await router.chat(model="pair")
        await router.chat(model="lab/fast")
    assert router.breaker("lab/fast") == "closed"


async def test_one_request_with_retries_cannot_open_it_alone(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", status(500))
    reply = await router.chat(model="lab/fast")
    assert len(router.ledger.story(reply).attempts) == 2
    assert router.router.services.availability.breakers["lab/fast"].failures == 1


async def test_it_survives_a_restart_and_half_opens_when_its_time_is_over(
    provider: Provider, document: Document, sqlite_database: DatabaseAddress, clock: TickingClock
) -> None:
    async with running_router(sqlite_database, document, clock=clock) as router:
        await break_it(router, provider)
    provider.on("fast", answer())
    async with running_router(sqlite_database, document, clock=clock) as router:
        assert router.breaker("lab/fast") == "open"
        passed_over = await router.chat(model="pair")
        assert passed_over.headers["x-llmrouter-model"] == "spare/fast"
        clock.advance(361)  # 300 s and a fifth of jitter
        probe = await router.chat(model="pair")
        assert probe.headers["x-llmrouter-model"] == "lab/fast"
        kinds = router.ledger.story(probe).kinds
        assert kinds.index("breaker.half_opened") < kinds.index("breaker.closed")
        assert router.ledger.breakers() == {"lab/fast": "closed"}


async def test_only_one_probe_goes_out_and_its_failure_opens_it_again(
    provider: Provider, router: RunningRouter, clock: TickingClock
) -> None:
    await break_it(router, provider)
    clock.advance(361)
    provider.on("fast", hang(), answer())
    probing = asyncio.create_task(router.chat(model="pair"))
    seen = await provider.arrived(len(provider.seen) + 1)
    assert router.breaker("lab/fast") == "half_open"
    others = await asyncio.gather(*(router.chat(model="pair") for _ in range(5)))
    assert {reply.headers["x-llmrouter-model"] for reply in others} == {"spare/fast"}
    probing.cancel()
    await asyncio.wait([probing])
    await asyncio.wait_for(seen.gone.wait(), 1)
    await router.settled()
    assert router.breaker("lab/fast") == "half_open"  # a client that left says nothing of it
    provider.on("fast", status(500), answer())
    failed = await router.chat(model="pair")
    assert failed.headers["x-llmrouter-attempts"] == "2"
    assert router.breaker("lab/fast") == "open"


async def test_a_probe_that_the_router_itself_could_not_send_gives_its_permit_and_place_back(
    provider: Provider, router: RunningRouter, clock: TickingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await break_it(router, provider)
    clock.advance(361)
    with monkeypatch.context() as patched:
        patched.setattr(OpenAICodec, "encode", Mock(side_effect=RuntimeError("a fault of ours")))
        failed = await router.chat(model="pair")
    assert failed.status_code == 500
    assert "a fault of ours" not in failed.text
    assert router.ledger.story(failed).request["ending"] == "failed"
    services = router.router.services
    assert services.availability.breakers["lab/fast"].permits == ()
    assert services.capacity.taken("lab") == 0
    provider.on("fast", answer())
    probe = await router.chat(model="pair")
    assert probe.headers["x-llmrouter-model"] == "lab/fast"
    assert router.breaker("lab/fast") == "closed"


@pytest.mark.parametrize("name", ["lab/fast", "speedy"])
async def test_a_reset_by_hand_closes_it(
    name: str, provider: Provider, router: RunningRouter
) -> None:
    await break_it(router, provider)
    reply = await router.http.post(f"/circuit-breaker/reset/{name}")
    assert reply.status_code == 200
    assert reply.json() == {"status": "ok", "model": "lab/fast", "state": "closed"}
    provider.on("fast", answer())
    answered = await router.chat(model="pair")
    assert answered.headers["x-llmrouter-model"] == "lab/fast"
    assert router.ledger.breakers() == {"lab/fast": "closed"}
    assert len(router.ledger.events("kind = 'breaker.reset'")) == 1


async def test_a_model_with_a_slash_is_reset_and_an_unknown_one_is_404_with_the_known(
    provider: Provider, router: RunningRouter
) -> None:
    for _ in range(3):
        provider.on("vendor/model", status(500))
        await router.chat(model="deep")
    assert router.breaker("lab/vendor/model") == "open"
    assert (await router.http.post("/circuit-breaker/reset/lab/vendor/model")).status_code == 200
    assert router.breaker("lab/vendor/model") == "closed"
    unknown = await router.http.post("/circuit-breaker/reset/nobody/knows")
    assert unknown.status_code == 404
    assert "lab/vendor/model" in unknown.json()["error"]["message"]


async def test_reset_all_frees_breakers_cooldowns_and_locked_accounts(
    provider: Provider, router: RunningRouter, clock: TickingClock
) -> None:
    await break_it(router, provider)
    provider.on("fast", status(429, headers={"retry-after": "60"}))
    assert (await router.chat(model="spare/fast")).status_code == 429
    provider.on("other", status(401))
    assert (await router.chat(model="lab/other")).status_code == 502
    provider.on("other", answer())
    assert (await router.chat(model="lab/other")).status_code == 503

    clock.advance(1)
    reply = await router.http.post("/circuit-breaker/reset-all")
    assert reply.status_code == 200
    assert {"lab/fast", "spare/fast"} <= set(reply.json()["reset"])
    provider.on("fast", answer())
    for model in ("lab/fast", "spare/fast", "lab/other"):
        assert (await router.chat(model=model)).status_code == 200, model
    (unlocked,) = router.ledger.rows("SELECT until_us FROM account_lock")
    assert unlocked["until_us"] == 0


async def test_reset_all_frees_an_account_whose_targets_have_no_breaker(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("other", status(401), answer())
    assert (await router.chat(model="lab/other")).status_code == 502
    assert (await router.http.post("/circuit-breaker/reset-all")).json()["reset"] == []
    assert (await router.chat(model="lab/other")).status_code == 200


async def test_a_locked_account_takes_its_other_models_out_too(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", status(401, "Incorrect API key"), answer())
    assert (await router.chat(model="pair")).headers["x-llmrouter-model"] == "spare/fast"
    deep = await router.chat(model="deep")
    assert deep.headers["x-llmrouter-attempts"] == "1"
    refused = router.ledger.story(deep).data("route.selected").candidates[0]
    assert refused["refused"] == "account_locked"


async def test_a_key_that_was_refused_is_tried_again_after_a_restart(
    provider: Provider, document: Document, sqlite_database: DatabaseAddress
) -> None:
    # A restart is how a key is changed.
    provider.on("fast", status(401, "Incorrect API key"), answer())
    async with running_router(sqlite_database, document) as router:
        assert (await router.chat(model="lab/fast")).status_code == 502
    keys = {**KEYS, "LAB_API_KEY": "a-better-key-4f5e6d"}
    async with running_router(sqlite_database, document, keys=keys) as router:
        assert (await router.chat(model="lab/fast")).status_code == 200
    assert LAB_KEY not in str(provider.seen[-1].headers)


async def test_when_all_are_open_one_trial_goes_out_and_the_rest_is_told_to_come_back_soon(
    provider: Provider, router: RunningRouter
) -> None:
    for _ in range(3):
        provider.on("fast", status(500))
        await router.chat(model="pair")
    assert router.ledger.breakers() == {"lab/fast": "open", "spare/fast": "open"}
    provider.on("fast", hang())
    trying = asyncio.create_task(router.chat(model="pair"))
    await provider.arrived(len(provider.seen) + 1)
    refused = await router.chat(model="pair")
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "all_models_failed"
    assert refused.headers["x-should-retry"] == "false"
    assert int(refused.headers["retry-after"]) <= 5
    assert "rested" in refused.json()["error"]["message"]
    assert router.ledger.story(refused).attempts == []
    trying.cancel()
    await asyncio.wait([trying])
    await router.settled()


async def test_a_trial_that_succeeds_closes_the_breaker(
    provider: Provider, router: RunningRouter
) -> None:
    for _ in range(3):
        provider.on("fast", status(500))
        await router.chat(model="pair")
    provider.on("fast", answer())
    assert (await router.chat(model="pair")).status_code == 200
    assert "closed" in {router.breaker("lab/fast"), router.breaker("spare/fast")}


async def test_on_all_open_refuse_sends_the_true_wait(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    document = lab(provider, routes=ROUTES, breaker={"on_all_open": "refuse"})
    async with running_router(sqlite_database, document) as router:
        for _ in range(3):
            provider.on("fast", status(500))
            await router.chat(model="pair")
        provider.on("fast", answer())
        refused = await router.chat(model="pair")
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 200


async def test_a_request_keeps_the_permit_of_its_probe_until_its_stream_is_over(
    provider: Provider, router: RunningRouter, clock: TickingClock
) -> None:
    await break_it(router, provider)
    clock.advance(361)
    provider.on("fast", answer())
    async with router.streaming(model="pair") as reply:
        await reply.aread()
    assert router.breaker("lab/fast") == "closed"
    assert ask()  # the next one needs none
    assert (await router.chat(model="pair")).headers["x-llmrouter-model"] == "lab/fast"


async def test_a_clock_set_back_ends_a_pause_rather_than_stretching_it(
    provider: Provider, router: RunningRouter, clock: TickingClock
) -> None:
    provider.on("fast", status(429, headers={"retry-after": "60"}), answer())
    provider.on("other", status(402), answer())
    for model, refused in (("lab/fast", 429), ("spare/other", 503)):
        assert (await router.chat(model=model)).status_code == refused
        assert (await router.chat(model=model)).status_code == refused  # nobody was asked
    assert len(provider.seen) == 2
    before_us = clock.now_us()
    clock.set_wall(before_us - 3_600_000_000)
    replies = [await router.chat(model=model) for model in ("lab/fast", "spare/other")]
    assert [reply.status_code for reply in replies] == [200, 200]
    for story in map(router.ledger.story, replies):
        assert story.attempts[0]["duration_us"] >= 0
        assert story.request["started_us"] < before_us
    assert router.router.services.availability.cooldowns == {}
    assert router.router.services.availability.locks == {}
