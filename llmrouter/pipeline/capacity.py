"""How many attempts may be under way at once at a provider and at a target.

Who finds no room waits in a short queue, first come, first served; the place that becomes free is
handed to the one it was waited for by, so that nobody who comes later takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from llmrouter.core.events import RequestQueued
from llmrouter.core.routing import Target
from llmrouter.pipeline.exchange import Exchange
from llmrouter.policy.table import RoutingTable

Bounds = Mapping[str, int]
"""The most attempts at once, by the provider's and the target's name; without one, any number."""


class Room:
    """A place at a target; whoever holds it gives it back, once or more often."""

    __slots__ = ("_capacity", "_target")

    def __init__(self, capacity: Capacity, target: Target) -> None:
        self._capacity: Capacity | None = capacity
        self._target = target

    def leave(self) -> None:
        """Gives the place to the next one in the queue."""
        capacity, self._capacity = self._capacity, None
        if capacity is not None:
            capacity.free(self._target)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    target: Target
    bounds: Bounds
    admitted: asyncio.Future[bool]


class Capacity:
    """Counts attempts by provider and by target, and keeps the queues."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}
        self._queues: dict[str, dict[_Waiter, None]] = {}
        """By provider, since a place at one target may be room for another."""

    def taken(self, name: str) -> int:
        """Attempts under way at a provider, or at a target (``provider/model``)."""
        return self._taken.get(name, 0)

    def queued(self, target: Target) -> int:
        """Requests that wait for room at a target."""
        queue = self._queues.get(target.provider, ())
        return sum(waiter.target.name == target.name for waiter in queue)

    def try_enter(self, target: Target, bounds: Bounds) -> Room | None:
        """A place at once, or None."""
        for name, most in bounds.items():
            if self._taken.get(name, 0) >= most:
                return None
        return self._seat(target)

    async def enter(self, target: Target, bounds: Bounds, within_s: float) -> Room | None:
        """A place as soon as it is this one's turn; None when the time is up."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(target, bounds, loop.create_future())
        queue = self._queues.setdefault(target.provider, {})
        queue[waiter] = None
        deadline = loop.call_later(within_s, _tell, waiter.admitted, False)
        try:
            return Room(self, target) if await waiter.admitted else None
        except asyncio.CancelledError:
            if not waiter.admitted.cancelled() and waiter.admitted.result():
                self.free(target)  # the place was handed over as the request was called off
            raise
        finally:
            deadline.cancel()
            queue.pop(waiter, None)
            if not queue and self._queues.get(target.provider) is queue:
                del self._queues[target.provider]

    def free(self, target: Target) -> None:
        """Gives a place back: to the first one that waits and has room everywhere."""
        for name in (target.provider, target.name):
            left = self._taken[name] - 1
            if left:
                self._taken[name] = left
            else:
                del self._taken[name]
        for waiter in tuple(self._queues.get(target.provider, ())) if self._queues else ():
            if waiter.admitted.done():
                continue
            if all(self.taken(name) < most for name, most in waiter.bounds.items()):
                self._seat(waiter.target)
                waiter.admitted.set_result(True)

    def _seat(self, target: Target) -> Room:
        for name in (target.provider, target.name):
            self._taken[name] = self._taken.get(name, 0) + 1
        return Room(self, target)


def bounds_of(table: RoutingTable, target: Target, route: str | None) -> Bounds:
    """A provider's own limit is for all its models together; a target's is the most specific one
    said of it."""
    bounds: dict[str, int] = {}
    whole = table.config.providers[target.provider].limits.concurrent_requests
    if whole is not None:
        bounds[target.provider] = whole
    most = table.limits(target, route).concurrent_requests
    if most is not None:
        bounds[target.name] = most
    return bounds


async def find_room(
    capacity: Capacity, exchange: Exchange, target: Target, route: str | None, within_s: float
) -> Room | None:
    """A place for an attempt, waited for if need be; None when there is none in time.

    A request that had to wait, or was not let in, has an event that says so.
    """
    bounds = bounds_of(exchange.table, target, route)
    room = capacity.try_enter(target, bounds)
    if room is not None:
        return room
    limits = exchange.table.limits(target, route)
    if capacity.queued(target) >= limits.queued_requests:
        exchange.emit(RequestQueued(str(target), 0, "queue_full"))
        return None
    since_us = exchange.elapsed_us()
    room = await capacity.enter(target, bounds, min(limits.queue_s, within_s))
    waited_us = exchange.elapsed_us() - since_us
    exchange.emit(RequestQueued(str(target), waited_us, "admitted" if room else "timed_out"))
    return room


def _tell(admitted: asyncio.Future[bool], value: bool) -> None:
    if not admitted.done():
        admitted.set_result(value)
