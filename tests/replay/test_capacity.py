"""A target that had no room for a request is not taken to have had some under another candidate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from llmrouter.core.replay import ReplayAsked, ReplayResult, ReplayWindow
from llmrouter.documents import read_configuration
from llmrouter.replay.asking import Replays
from llmrouter.settings import Keyring, read_settings
from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, answer, hang
from tests.replay.traffic import checked
from tests.running import KEYS, RunningRouter, ask, lab, running_router

LIMITS = {"concurrent_requests": 1, "queue_s": 0.05}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running


def document(provider: Provider) -> dict[str, Any]:
    routes = {"pair": ["lab/fast", "spare/good"]}
    return {**lab(provider, routes=routes), "models": {"lab/fast": {"limits": LIMITS}}}


async def replayed(router: RunningRouter, *changes: str) -> tuple[ReplayResult, ...]:
    read = partial(read_configuration, settings=read_settings(env_file=None), keyring=Keyring(KEYS))
    store = router.router.store
    reader = store.reader
    replays = Replays(reader.replays, reader.versions, reader.prices, read, Keyring(KEYS))
    row = await replays.begin(ReplayAsked(ReplayWindow(), changes=changes), store.replays)
    await replays.run(row, store.replays)
    return await reader.replays.results(row.id)


@pytest.mark.parametrize(
    ("models", "target", "flags"),
    [
        ('["lab/fast", "lab/other"]', "lab/other", {"at_capacity", "no_history"}),
        ('["lab/fast"]', None, {"at_capacity"}),
        ('["lab/other"]', "lab/other", {"no_history"}),
        ('["lab/fast", "spare/good"]', "spare/good", set()),
    ],
)
async def test_a_target_that_was_full_is_passed_over(
    provider: Provider,
    sqlite_database: DatabaseAddress,
    models: str,
    target: str | None,
    flags: set[str],
) -> None:
    provider.on("fast", hang())
    provider.on("good", answer("From the next."))
    async with running_router(sqlite_database, document(provider)) as router:
        line = await router.line()
        await line.post(ask("Wait."))
        await provider.arrived(1)
        assert (await router.chat(model="pair")).headers["x-llmrouter-model"] == "spare/good"
        line.leave()
        await router.settled()
        assert (await checked(router)).holds
        results = await replayed(router, f"combos.pair.models={models}")
    (found,) = [one for one in results if one.old_target == "spare/good"]
    assert found.new_target == target
    assert {"at_capacity", "no_history"} & set(found.flags) == flags
    assert found.changed == (models != '["lab/fast", "spare/good"]')


async def test_what_was_waited_for_room_is_no_part_of_another_targets_time(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    provider.on("fast", hang())
    async with running_router(sqlite_database, document(provider)) as router:
        line = await router.line()
        await line.post(ask("Wait."))
        await provider.arrived(1)
        await router.chat(model="spare/good")
        await router.chat(model="pair")
        line.leave()
        await router.settled()
        waited = await replayed(
            router, 'combos.pair.models=["lab/fast", "spare/good", "lab/other"]'
        )
        direct = await replayed(router, 'combos.pair.models=["spare/good"]')
    then_us, took_us, directly_us = (
        waited[-1].old_duration_us or 0,
        waited[-1].new_duration_us or 0,
        direct[-1].new_duration_us or 0,
    )
    assert took_us >= 50_000
    assert took_us - directly_us >= 50_000
    assert then_us - directly_us >= 50_000
    assert took_us - then_us < 50_000  # it is not counted twice
