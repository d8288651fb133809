"""A provider, a collector, and routers that tell it of their requests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider
from tests.running import KEYS, RunningRouter, eventually, lab, running_router
from tests.telemetry.collector import Collector

MakeRouter = Callable[..., AbstractAsyncContextManager[RunningRouter]]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as started:
        yield started


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as started:
        yield started


@pytest.fixture
def telling(
    provider: Provider, collector: Collector, sqlite_database: DatabaseAddress
) -> MakeRouter:
    """Makes a router that tells the collector; further variables count over what leads there."""

    @contextlib.asynccontextmanager
    async def make(**variables: str) -> AsyncIterator[RunningRouter]:
        keys = {**KEYS, **collector.variables, **variables}
        document = lab(provider, routes={"pair": ["lab/fast", "spare/fast"]})
        async with running_router(sqlite_database, document, keys=keys) as router:
            yield router
        if collector.manner == "takes":
            # On a busy machine the rest may come after the router's patience has ended.
            await eventually(lambda: not _delivering(), within_s=30)

    return make


def _delivering() -> bool:
    return any(thread.name == "telemetry close" for thread in threading.enumerate())
