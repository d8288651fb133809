"""Taking up what other nodes of the same database changed, within two seconds.

Nothing of it is on a request's way: a task of its own looks at a handful of numbers twice a second
and reads only what has a new one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from llmrouter.core.errors import Overloaded

LOOK_EVERY_S: Final = 0.5
LOOK_LIMIT_S: Final = 5.0
"""A database that takes longer is not there at present."""

TakeUp = Callable[[], Awaitable[None]]

_log = logging.getLogger(__name__)


class Changes(Protocol):
    """Where nodes tell each other of changes."""

    async def change_numbers(self) -> Mapping[str, int]:
        """How often each topic was changed.  Raises `Overloaded`."""


class Following:
    """Calls a topic's follower whenever its number is another than before."""

    def __init__(self, changes: Changes, followers: Mapping[str, TakeUp]) -> None:
        self._changes = changes
        self._followers = followers
        self._seen: dict[str, int] = {}
        self._away = False

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Takes up what is new.  While the database is away, nothing is; what came meanwhile is
        found by its numbers afterwards."""
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                await self._look()
        except (Overloaded, TimeoutError):
            if not self._away:
                _log.warning("changes by other nodes cannot be seen: the database is away")
            self._away = True
        else:
            self._away = False

    async def _look(self) -> None:
        numbers = await self._changes.change_numbers()
        for topic, take_up in self._followers.items():
            number = numbers.get(topic)
            if number is not None and number != self._seen.get(topic):
                await take_up()
                self._seen[topic] = number
