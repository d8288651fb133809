"""A router from its start to its end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from llmrouter import __version__
from llmrouter.bootstrap.background import following_others, leave_when_lost, purge_old
from llmrouter.bootstrap.joining import Router, join
from llmrouter.bootstrap.ledger import running_configuration, store_settings
from llmrouter.bootstrap.opened import Opened
from llmrouter.core.clock import Clock, SystemClock
from llmrouter.core.events import Event, ServerStarted, ServerStopped
from llmrouter.dialects.registry import DIALECTS
from llmrouter.pipeline.clock_watch import ClockWatch
from llmrouter.pipeline.config_file import CONFIG_FILE, import_at_start, watch
from llmrouter.pipeline.estimator import Estimator
from llmrouter.pipeline.survey import Survey
from llmrouter.settings import Keyring, Settings
from llmrouter.store.opening import open_store
from llmrouter.telemetry.opening import open_telemetry
from llmrouter.upstream.client import HttpUpstream


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    keyring: Keyring,
    *,
    config_file: Path | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Router]:
    """A router on its database, for as long as the block lasts.

    Raises `StoreError` and `ConfigurationInvalid`, both with what to do.
    """
    clock = clock or SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(store_settings(settings), clock))
        upstream = HttpUpstream(client=settings.http_client, clock=clock)
        stack.push_async_callback(upstream.aclose)
        configuration = await running_configuration(store, settings, keyring)
        await import_at_start(configuration, config_file)
        estimator = Estimator(await store.token_ratios.load())
        telemetry = open_telemetry(keyring.beginning_with("OTEL_"), node=store.node)
        if telemetry is not None:
            stack.push_async_callback(telemetry.aclose)
        router = await join(
            Opened(settings, keyring, store, upstream, configuration, estimator, telemetry, clock)
        )
        stack.push_async_callback(router.tasks.cancel)
        watching = watch(configuration, config_file or Path(CONFIG_FILE))
        router.tasks.start(watching, name="watch configuration file")
        router.tasks.start(purge_old(store), name="purge bodies")
        router.tasks.start(estimator.run(store.token_ratios), name="keep what was learnt")
        router.tasks.start(leave_when_lost(store, router.traffic), name="watch node")
        if store.shared:
            following = following_others(store, configuration, router.services.availability, clock)
            router.tasks.start(following.run(), name="follow other nodes")
        survey = Survey(configuration, router.services.knowledge, upstream, keyring, DIALECTS)
        router.tasks.start(survey.run(), name="survey models")
        clock_watch = ClockWatch(clock, store.ledger.note)
        router.tasks.start(clock_watch.run(), name="watch clock")
        started = ServerStarted(__version__, store.node, store.recovered)
        store.ledger.note([Event(0, started)])
        try:
            yield router
        finally:
            await router.tasks.settle(timeout_s=0)
            await estimator.keep_in(store.token_ratios)
            stopped = ServerStopped(store.node, router.drained.drained, router.drained.cut)
            store.ledger.note([Event(0, stopped)])
