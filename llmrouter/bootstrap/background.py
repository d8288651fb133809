"""What runs beside the requests for as long as a router does."""

from __future__ import annotations

import asyncio
import logging

from llmrouter.core.clock import Clock
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.pipeline.availability import Availability
from llmrouter.pipeline.following import Following
from llmrouter.pipeline.traffic import Traffic
from llmrouter.store.changes import AVAILABILITY, CONFIGURATION, PRICES
from llmrouter.store.opening import Store

PURGE_EVERY_S = 3600.0

_log = logging.getLogger(__name__)


async def leave_when_lost(store: Store, traffic: Traffic) -> None:
    """Takes on nothing new once another process has our node: its ids would be ours, too."""
    await store.lost.wait()
    _log.error("node %d is another process's now: no request is taken any more", store.node)
    traffic.draining = True


def following_others(
    store: Store, configuration: ActiveConfiguration, availability: Availability, clock: Clock
) -> Following:
    """What this node takes up of the others' changes; a further topic is a further line."""

    async def take_over_availability() -> None:
        availability.take_over(await store.reader.availability(clock.now_us()))

    return Following(
        store.reader,
        {
            CONFIGURATION: configuration.catch_up,
            PRICES: configuration.take_up_prices,
            AVAILABILITY: take_over_availability,
        },
    )


async def purge_old(store: Store) -> None:
    while True:
        try:
            purged = await store.purge_bodies()
            expired = await store.expire_rows()
        except Exception:
            # A task's edge: a database that is away now will be purged an hour later.
            _log.exception("what is past its time could not be removed")
        else:
            if purged.bodies:
                _log.info("%d bodies purged, %d bytes", purged.bodies, purged.freed_bytes)
            if expired.requests or expired.events:
                _log.info(
                    "%d requests removed, and the events of %d", expired.requests, expired.events
                )
        await asyncio.sleep(PURGE_EVERY_S)
