"""What replays read of the ledger: one method per question, each on one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

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
from llmrouter.store.logged_bodies import LoggedBodies
from llmrouter.store.queries import logged, past, replays
from llmrouter.store.queries.responses import response_chain
from llmrouter.store.snapshots import Snapshots


class ReplayReader:
    """Implements `llmrouter.replay.ports.Log`.

    Every method raises `Overloaded` when the database cannot be read at present.
    """

    def __init__(self, ledger: Snapshots) -> None:
        self._ledger = ledger
        self._bodies = LoggedBodies()

    async def count(self, window: ReplayWindow) -> int:
        """How many requests a window holds, whatever its limit and sample."""
        return await self._ledger.ask(logged.count_logged, window)

    async def ids(self, window: ReplayWindow, *, after_id: int, limit: int) -> Sequence[int]:
        """The ids of a window's requests above an id, oldest first."""
        return await self._ledger.ask(logged.logged_ids, window, after_id=after_id, limit=limit)

    async def page(
        self, window: ReplayWindow, *, after_id: int, limit: int
    ) -> tuple[LoggedRequest, ...]:
        """A window's requests above an id, oldest first."""
        return await self._ledger.ask(logged.logged_page, window, after_id=after_id, limit=limit)

    async def requests(self, ids: Sequence[int]) -> tuple[LoggedRequest, ...]:
        """The requests with these ids, oldest first."""
        return await self._ledger.ask(logged.logged_requests, ids)

    async def bodies(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        """The bodies that are kept of these requests; JSON that equals what came."""
        return await self._ledger.ask(self._bodies.read, ids)

    async def events(self, *, after_id: int, until_id: int) -> tuple[PastEvent, ...]:
        """What changed the availability of targets, in a range of ids."""
        return await self._ledger.ask(past.past_events, after_id=after_id, until_id=until_id)

    async def attempts(
        self, targets: Collection[Target], *, after_id: int, until_id: int
    ) -> tuple[PastAttempt, ...]:
        """Calls to some targets, in a range of ids."""
        return await self._ledger.ask(
            past.past_attempts, targets, after_id=after_id, until_id=until_id
        )

    async def turns(
        self, conversations: Collection[str], *, after_id: int, until_id: int
    ) -> tuple[PastTurn, ...]:
        """The answered turns of some conversations, in a range of ids."""
        return await self._ledger.ask(
            past.turns_between, conversations, after_id=after_id, until_id=until_id
        )

    async def last_turns(
        self, conversations: Collection[str], *, until_id: int
    ) -> tuple[PastTurn, ...]:
        """The last few answered turns of each of some conversations, up to an id."""
        return await self._ledger.ask(past.last_turns, conversations, until_id=until_id)

    async def answers(self, *, after_id: int, until_id: int, limit: int) -> tuple[PastAnswer, ...]:
        """How models fared, in a range of ids; ``limit`` counts requests."""
        return await self._ledger.ask(
            past.past_answers, after_id=after_id, until_id=until_id, limit=limit
        )

    async def response_chain(self, response_id: str) -> tuple[ResponseState, ...]:
        """Everything that led to a reply, and the reply, oldest first."""
        return await self._ledger.ask(response_chain, response_id)

    async def list(self, *, before: int | None = None, limit: int = 50) -> tuple[ReplayRow, ...]:
        """Replays from the newest on."""
        return await self._ledger.ask(replays.replay_list, before=before, limit=limit)

    async def get(self, number: int) -> ReplayRow | None:
        """One replay."""
        return await self._ledger.ask(replays.replay, number)

    async def results(
        self, number: int, *, after_id: int = 0, limit: int = 500, changed_only: bool = False
    ) -> tuple[ReplayResult, ...]:
        """A replay's results above a request's id."""
        return await self._ledger.ask(
            replays.result_page, number, after_id=after_id, limit=limit, changed_only=changed_only
        )

    async def settled(self, number: int, *, after_id: int, until_id: int) -> Sequence[int]:
        """The requests in a range of ids that a replay has settled."""
        return await self._ledger.ask(
            replays.settled_ids, number, after_id=after_id, until_id=until_id
        )
