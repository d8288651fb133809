"""How many attempts may be under way at once at a provider and at a target.

Who finds no room waits in a short queue, first come, first served; the place that becomes free is
handed to the one it was waited for by, so that nobody who comes later takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from llmrouter.core.events import RequestQueued
from llmrouter.core.routing import Target
from llmrouter.pipeline.exchange import Exchange
from llmrouter.policy.table import Terms

Bounds = Mapping[str, int]
"""The most attempts at once, by the provider's and the target's name; without one, any number."""

UNBOUNDED: Final[Bounds] = MappingProxyType({})


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
        """By target."""
        self._queues: dict[str, dict[_Waiter, None]] = {}
        """By provider, since a place at one target may be room for another."""

    def taken(self, name: str) -> int:
        """Attempts under way at a provider, or at a target (``provider/model``)."""
        if "/" in name:
            return self._taken.get(name, 0)
        return sum([n for target, n in self._taken.items() if target.partition("/")[0] == name])

    def queued(self, target: Target) -> int:
        """Requests that wait for room at a target."""
        queue = self._queues.get(target.provider, ())
        return sum(waiter.target.name == target.name for waiter in queue)

    def try_enter(self, target: Target, bounds: Bounds) -> Room | None:
        """A place at once, or None."""
        if bounds and not self._has_room(bounds):
            return None
        self._seat(target)
        return Room(self, target)

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
        taken = self._taken
        left = taken[target.name] - 1
        if left:
            taken[target.name] = left
        else:
            del taken[target.name]
        if target.provider in self._queues:
            self._admit(self._queues[target.provider])

    def _admit(self, queue: Iterable[_Waiter]) -> None:
        """Hands out what has become free, first come, first served."""
        for waiter in tuple(queue):
            if not waiter.admitted.done() and self._has_room(waiter.bounds):
                self._seat(waiter.target)
                waiter.admitted.set_result(True)

    def _has_room(self, bounds: Bounds) -> bool:
        return all(self.taken(name) < most for name, most in bounds.items())

    def _seat(self, target: Target) -> None:
        self._taken[target.name] = self._taken.get(target.name, 0) + 1


def bounds_of(terms: Terms, target: Target) -> Bounds:
    """A provider's own limit is for all its models together; a target's is the most specific one
    said of it."""
    whole, most = terms.provider_attempts, terms.limits.concurrent_requests
    if whole is None and most is None:
        return UNBOUNDED
    bounds = {target.provider: whole, target.name: most}
    return {name: limit for name, limit in bounds.items() if limit is not None}


async def find_room(
    capacity: Capacity, exchange: Exchange, target: Target, terms: Terms, within_s: float
) -> Room | None:
    """A place that has to be waited for; None when there is none in time.

    The request has an event that says so.
    """
    bounds, limits = bounds_of(terms, target), terms.limits
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
