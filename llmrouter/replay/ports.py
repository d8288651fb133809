"""What replays need from the outside; `llmrouter.store` fits it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from llmrouter.core.ledger import ResponseState
from llmrouter.core.replay import (
    LoggedRequest,
    PastAnswer,
    PastAttempt,
    PastEvent,
    PastTurn,
    ReplayKind,
    ReplayResult,
    ReplayRow,
    ReplayState,
    ReplayWindow,
)
from llmrouter.core.routing import Target


class Log(Protocol):
    """Reads what happened.  Ranges of ids never take in their first id."""

    async def count(self, window: ReplayWindow) -> int:
        """How many requests a window holds, whatever its limit and sample."""

    async def ids(self, window: ReplayWindow, *, after_id: int, limit: int) -> Sequence[int]:
        """The ids of a window's requests above an id, oldest first."""

    async def page(
        self, window: ReplayWindow, *, after_id: int, limit: int
    ) -> Sequence[LoggedRequest]:
        """A window's requests above an id, oldest first."""

    async def requests(self, ids: Sequence[int]) -> Sequence[LoggedRequest]:
        """The requests with these ids (a few hundred at most), oldest first."""

    async def bodies(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        """The bodies that are kept of these requests; JSON that equals what came."""

    async def events(self, *, after_id: int, until_id: int) -> Sequence[PastEvent]:
        """What changed the availability of targets, in a range of ids."""

    async def attempts(
        self, targets: Collection[Target], *, after_id: int, until_id: int
    ) -> Sequence[PastAttempt]:
        """Calls to some targets, in a range of ids."""

    async def turns(
        self, conversations: Collection[str], *, after_id: int, until_id: int
    ) -> Sequence[PastTurn]:
        """The answered turns of some conversations, in a range of ids."""

    async def last_turns(
        self, conversations: Collection[str], *, until_id: int
    ) -> Sequence[PastTurn]:
        """The last few answered turns of each of some conversations, up to an id, oldest first."""

    async def answers(self, *, after_id: int, until_id: int, limit: int) -> Sequence[PastAnswer]:
        """How models fared, in a range of ids; ``limit`` counts requests."""

    async def response_chain(self, response_id: str) -> Sequence[ResponseState]:
        """Everything that led to a reply, and the reply, oldest first."""

    async def get(self, number: int) -> ReplayRow | None:
        """One replay."""

    async def results(
        self, number: int, *, after_id: int = 0, limit: int = 500, changed_only: bool = False
    ) -> Sequence[ReplayResult]:
        """A replay's results above a request's id, in the order of these ids."""

    async def settled(self, number: int, *, after_id: int, until_id: int) -> Sequence[int]:
        """The requests in a range of ids that a replay has settled."""


class ResultKeeper(Protocol):
    """Keeps what a replay finds."""

    async def keep(
        self,
        number: int,
        results: Sequence[ReplayResult],
        *,
        done: int,
        changed: int,
        requests: int | None = None,
    ) -> None:
        """Adds results and notes how far the replay has come."""

    async def end(
        self, number: int, state: ReplayState, report: Mapping[str, Any] | None = None
    ) -> None:
        """Notes that a replay finished, was interrupted, or goes on."""


class Keeper(ResultKeeper, Protocol):
    """Keeps replays."""

    async def begin(
        self,
        kind: ReplayKind,
        *,
        label: str,
        candidate: Mapping[str, Any] | None,
        base_version: int | None,
        options: Mapping[str, Any],
    ) -> ReplayRow:
        """A new replay, which runs."""
