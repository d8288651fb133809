"""The desk for a server's replays: forty modules, which most servers never need."""

from __future__ import annotations

import asyncio
from functools import partial

from llmrouter.bootstrap.ledger import same_ledger
from llmrouter.bootstrap.opened import Opened
from llmrouter.documents import read_configuration
from llmrouter.pipeline.tasks import Tasks
from llmrouter.web.services import ReplayDesk


class LateReplayDesk:
    """Gives the desk, and opens it for the first who asks."""

    def __init__(self, opened: Opened, tasks: Tasks) -> None:
        self._opened = opened
        self._tasks = tasks
        self._desk: ReplayDesk | None = None

    async def __call__(self) -> ReplayDesk:
        if self._desk is None:
            desk = await asyncio.to_thread(_open, self._opened, self._tasks)
            self._desk = self._desk or desk  # two may have asked at once
        return self._desk


def _open(opened: Opened, tasks: Tasks) -> ReplayDesk:
    from llmrouter.replay import desk
    from llmrouter.replay.asking import Replays
    from llmrouter.replay.live_asking import LiveReplays

    settings, keyring, store = opened.settings, opened.keyring, opened.store
    read = partial(read_configuration, settings=settings, keyring=keyring)
    reader = store.reader
    made_with = Replays(reader.replays, reader.versions, reader.prices, read, keyring)
    live = LiveReplays(made_with, store, opened.upstream, opened.estimator, opened.clock)
    return desk.ReplayDesk(made_with, live, tasks, same_ledger(settings))
