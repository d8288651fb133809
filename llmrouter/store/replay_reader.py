"""What replays read of the ledger: one method per question, each on one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from llmrouter.core.ledger import ResponseState
from llmrouter.core.replay import (
    LoggedRequest,
    PastAnswer,
    PastAttempt,
    PastEvent,
    PastTurn,
    ReplayResult,
    ReplayRow,
    ReplayWindow,
)
from llmrouter.core.routing import Target
from llmrouter.store.engine import snapshot
from llmrouter.store.logged_bodies import LoggedBodies
from llmrouter.store.queries import logged, past, replays
from llmrouter.store.queries.responses import response_chain


class ReplayReader:
    """Implements `llmrouter.replay.ports.Log`.

    Every method raises `Overloaded` when the database cannot be read at present.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._bodies = LoggedBodies()

    async def count(self, window: ReplayWindow) -> int:
        """How many requests a window holds, whatever its limit and sample."""
        async with snapshot(self._engine) as connection:
            return await logged.count_logged(connection, window)

    async def ids(self, window: ReplayWindow, *, after_id: int, limit: int) -> Sequence[int]:
        """The ids of a window's requests above an id, oldest first."""
        async with snapshot(self._engine) as connection:
            return await logged.logged_ids(connection, window, after_id=after_id, limit=limit)

    async def page(
        self, window: ReplayWindow, *, after_id: int, limit: int
    ) -> tuple[LoggedRequest, ...]:
        """A window's requests above an id, oldest first."""
        async with snapshot(self._engine) as connection:
            return await logged.logged_page(connection, window, after_id=after_id, limit=limit)

    async def requests(self, ids: Sequence[int]) -> tuple[LoggedRequest, ...]:
        """The requests with these ids, oldest first."""
        async with snapshot(self._engine) as connection:
            return await logged.logged_requests(connection, ids)

    async def bodies(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        """The bodies that are kept of these requests; JSON that equals what came."""
        async with snapshot(self._engine) as connection:
            return await self._bodies.read(connection, ids)

    async def events(self, *, after_id: int, until_id: int) -> tuple[PastEvent, ...]:
        """What changed the availability of targets, in a range of ids."""
        async with snapshot(self._engine) as connection:
            return await past.past_events(connection, after_id=after_id, until_id=until_id)

    async def attempts(
        self, targets: Collection[Target], *, after_id: int, until_id: int
    ) -> tuple[PastAttempt, ...]:
        """Calls to some targets, in a range of ids."""
        async with snapshot(self._engine) as connection:
            return await past.past_attempts(
                connection, targets, after_id=after_id, until_id=until_id
            )

    async def turns(
        self, conversations: Collection[str], *, after_id: int, until_id: int
    ) -> tuple[PastTurn, ...]:
        """The answered turns of some conversations, in a range of ids."""
        async with snapshot(self._engine) as connection:
            return await past.turns_between(
                connection, conversations, after_id=after_id, until_id=until_id
            )

    async def last_turns(
        self, conversations: Collection[str], *, until_id: int
    ) -> tuple[PastTurn, ...]:
        """The last few answered turns of each of some conversations, up to an id."""
        async with snapshot(self._engine) as connection:
            return await past.last_turns(connection, conversations, until_id=until_id)

    async def answers(self, *, after_id: int, until_id: int, limit: int) -> tuple[PastAnswer, ...]:
        """How models fared, in a range of ids; ``limit`` counts requests."""
        async with snapshot(self._engine) as connection:
            return await past.past_answers(
                connection, after_id=after_id, until_id=until_id, limit=limit
            )

    async def response_chain(self, response_id: str) -> tuple[ResponseState, ...]:
        """Everything that led to a reply, and the reply, oldest first."""
        async with snapshot(self._engine) as connection:
            return await response_chain(connection, response_id)

    async def list(self, *, before: int | None = None, limit: int = 50) -> tuple[ReplayRow, ...]:
        """Replays from the newest on."""
        async with snapshot(self._engine) as connection:
            return await replays.replay_list(connection, before=before, limit=limit)

    async def get(self, number: int) -> ReplayRow | None:
        """One replay."""
        async with snapshot(self._engine) as connection:
            return await replays.replay(connection, number)

    async def results(
        self, number: int, *, after_id: int = 0, limit: int = 500, changed_only: bool = False
    ) -> tuple[ReplayResult, ...]:
        """A replay's results above a request's id."""
        async with snapshot(self._engine) as connection:
            return await replays.result_page(
                connection, number, after_id=after_id, limit=limit, changed_only=changed_only
            )

    async def settled(self, number: int, *, after_id: int, until_id: int) -> Sequence[int]:
        """The requests in a range of ids that a replay has settled."""
        async with snapshot(self._engine) as connection:
            return await replays.settled_ids(
                connection, number, after_id=after_id, until_id=until_id
            )
