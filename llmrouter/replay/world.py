"""What was known when a request came, rebuilt from the log while it is read once, in order.

Requests are read in the order of their ids, which is that of their arrival.  What happened is
put in the order of time: a breaker may have been opened by a request that arrived long before.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Final

from llmrouter.core.events import BreakerHalfOpened, ServerStarted, TargetCooldown
from llmrouter.core.ids import id_floor
from llmrouter.core.records import Record
from llmrouter.core.replay import LoggedRequest, PastAttempt, PastEvent, PastTurn
from llmrouter.core.routing import Target
from llmrouter.pipeline.ports import Keyring
from llmrouter.replay.availability import GRAIN_US, REACH_US, PastAvailability, recorded_refusals
from llmrouter.replay.conversations import PastConversations
from llmrouter.replay.knowing import KnownThen
from llmrouter.replay.ports import Log

HELD: Final = 5_000
"""Requests whose decision came much later than others that arrived after them; beyond this many
the order of time is given up rather than memory."""


WATCHED_PAGES: Final = 20


_Happening = tuple[int, int, Callable[[], None] | LoggedRequest]
"""When something happened, and its place among what happened at the same time."""


class Due(Record):
    """A request at the moment of its decision."""

    logged: LoggedRequest
    at_us: int


class World:
    """The past, moving forward.  `replay` moves it on, page by page."""

    def __init__(self, log: Log, today: Keyring, *, ignore_breakers: bool = False) -> None:
        self.availability = PastAvailability(ignored=ignore_breakers)
        self.known = KnownThen(today)
        self.conversations = PastConversations()
        self._log = log
        self._order = count()
        self._waiting: list[_Happening] = []
        self._until_id = 0
        self._watched: dict[Target, int] = {}
        """Models whose attempts may hold permits, or end a cooldown; and for how many more pages
        that is looked at: what a page holds may happen while a later one is read."""

    async def begin(self, first_id: int, first_us: int) -> None:
        """Takes in what happened before the first request and may still have mattered."""
        after_id = id_floor(first_us - REACH_US)
        self._until_id = after_id
        await self._take_in(first_id - 1)

    async def load(self, page: Sequence[LoggedRequest]) -> None:
        """Takes in a page of requests, the next by their ids, and all that happened meanwhile."""
        names = {one.row.conversation_id for one in page} - {None}
        conversations = sorted(name for name in names if name is not None)
        unknown = self.conversations.unknown(conversations)
        before = self._until_id
        if unknown:
            for turn in await self._log.last_turns(sorted(unknown), until_id=before):
                self._schedule_turn(turn)
        self.conversations.know(conversations)
        last_id = page[-1].row.id
        if conversations:
            turns = await self._log.turns(conversations, after_id=before, until_id=last_id)
            for turn in turns:
                self._schedule_turn(turn)
        await self._take_in(last_id)
        for logged in page:
            self._push(logged.selected_us or logged.row.started_us, logged)

    def waiting_ids(self, until_us: int | None) -> list[int]:
        """The requests that `due` is going to stop at, in their order."""
        return [
            what.row.id
            for at_us, _, what in sorted(self._waiting, key=_place)
            if isinstance(what, LoggedRequest)
            and (until_us is None or at_us < until_us or len(self._waiting) >= HELD)
        ]

    def due(self, until_us: int | None) -> Iterator[Due]:
        """Moves on to a moment (None: to the end), and stops at each request on the way."""
        while self._waiting:
            at_us, _, what = self._waiting[0]
            if until_us is not None and at_us >= until_us and len(self._waiting) < HELD:
                return
            heapq.heappop(self._waiting)
            if isinstance(what, LoggedRequest):
                selected = what.told.get("route.selected")
                node = what.row.node
                since_us = what.classified_us or at_us
                self.availability.look_at(at_us, node, recorded_refusals(selected), since_us)
                self.conversations.look_at(node, at_us, what.told)
                yield Due(what, at_us)
            else:
                what()

    async def _take_in(self, until_id: int) -> None:
        after_id = self._until_id
        events = await self._log.events(after_id=after_id, until_id=until_id)
        for event in events:
            self._push(event.at_us, partial(self._happen, event))
        self._until_id = max(until_id, after_id)
        for target in self.availability.unsettled() | _moved(events):
            self._watched[target] = WATCHED_PAGES
        if self._watched:
            watched = list(self._watched)
            for attempt in await self._log.attempts(watched, after_id=after_id, until_id=until_id):
                self._schedule_attempt(attempt)
            self._watched = {t: pages - 1 for t, pages in self._watched.items() if pages > 1}

    def _happen(self, event: PastEvent) -> None:
        self.availability.apply(event)
        if event.kind == ServerStarted.kind:
            self.conversations.restart(event.node, event.at_us)

    def _schedule_turn(self, turn: PastTurn) -> None:
        self._push(turn.finished_us, partial(self.conversations.apply, turn))

    def _schedule_attempt(self, attempt: PastAttempt) -> None:
        # Behind the event that tells of the permit, which is dated by another clock.
        start = partial(self.availability.apply_start, attempt)
        self._push(attempt.started_us + GRAIN_US // 2, start)
        if attempt.first_token_us is not None:
            answered = partial(self.availability.apply_answer, attempt)
            self._push(attempt.headers_us or attempt.started_us, answered)
            self._push(attempt.first_token_us, partial(self.availability.apply_success, attempt))

    def _push(self, at_us: int, what: Callable[[], None] | LoggedRequest) -> None:
        heapq.heappush(self._waiting, (at_us, next(self._order), what))


def _place(happening: _Happening) -> tuple[int, int]:
    return happening[:2]


def _moved(events: Sequence[PastEvent]) -> set[Target]:
    """Models that may be half-open or cool down by these events."""
    names = (
        e.data["target"] for e in events if e.kind in (BreakerHalfOpened.kind, TargetCooldown.kind)
    )
    return {Target(*name.partition("#")[0].split("/", 1)) for name in names}
