"""The ledger as those see it who only read: one method per question, each on one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from llmrouter.core.days import DaySpan
from llmrouter.core.latency import Tail
from llmrouter.core.ledger import AvailabilityRows, RequestRow, ResponseState
from llmrouter.policy.version_comparison import VersionOutcome
from llmrouter.store.changes import change_numbers
from llmrouter.store.engine import snapshot
from llmrouter.store.prices import StoredPrices
from llmrouter.store.queries.bodies import read_body
from llmrouter.store.queries.conversations import ConversationTurn, last_turn
from llmrouter.store.queries.corrections import CorrectionCount, corrections
from llmrouter.store.queries.imports import imported_sources, taken_ids
from llmrouter.store.queries.metrics import Metrics, metrics
from llmrouter.store.queries.outcomes import version_outcome
from llmrouter.store.queries.rejections import Rejection, rejections
from llmrouter.store.queries.requests import (
    RequestFilter,
    RequestPage,
    recent_requests,
    request_page,
    requests_by_client_id,
)
from llmrouter.store.queries.responses import response_chain
from llmrouter.store.queries.states import availability_rows
from llmrouter.store.queries.story import RequestStory, request_story
from llmrouter.store.queries.tails import tails
from llmrouter.store.queries.totals import Total, totals
from llmrouter.store.queries.usage import Asked, Sums, usage_sums
from llmrouter.store.replay_reader import ReplayReader
from llmrouter.store.versions import StoredVersions


class LedgerReader:
    """Asks the ledger; what each question means is told where it is answered, in `queries`.

    Every method raises `Overloaded` when the database cannot be read at present.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.versions = StoredVersions(engine)
        """The router configuration's versions."""
        self.replays = ReplayReader(engine)
        """Replays, and what they read."""
        self.prices = StoredPrices(engine)
        """What models charge, and charged."""

    async def metrics(self, since_us: int | None = None) -> Metrics:
        """What live traffic amounts to."""
        async with snapshot(self._engine) as connection:
            return await metrics(connection, since_us)

    async def totals(self) -> tuple[Total, ...]:
        """Everything since the ledger began."""
        async with snapshot(self._engine) as connection:
            return await totals(connection)

    async def recent_requests(self, limit: int) -> tuple[RequestRow, ...]:
        """The live requests that arrived last, newest first."""
        async with snapshot(self._engine) as connection:
            return await recent_requests(connection, limit)

    async def request_page(
        self,
        *,
        before_id: int | None = None,
        limit: int = 50,
        wanted: RequestFilter | None = None,
    ) -> RequestPage:
        """Requests below an id, newest first."""
        async with snapshot(self._engine) as connection:
            return await request_page(connection, before_id=before_id, limit=limit, wanted=wanted)

    async def requests_by_client_id(
        self, client_request_id: str, limit: int = 10
    ) -> tuple[RequestRow, ...]:
        """The requests that a client sent with this X-Request-Id, newest first."""
        async with snapshot(self._engine) as connection:
            return await requests_by_client_id(connection, client_request_id, limit)

    async def request_story(self, request_id: int) -> RequestStory | None:
        """Everything that is known of a request."""
        async with snapshot(self._engine) as connection:
            return await request_story(connection, request_id)

    async def rejections(
        self, *, limit: int = 50, since_us: int | None = None
    ) -> tuple[Rejection, ...]:
        """The requests that were refused last, and why."""
        async with snapshot(self._engine) as connection:
            return await rejections(connection, limit=limit, since_us=since_us)

    async def corrections(self, *, since_us: int | None = None) -> tuple[CorrectionCount, ...]:
        """What people said of categories."""
        async with snapshot(self._engine) as connection:
            return await corrections(connection, since_us=since_us)

    async def tails(self, since_us: int) -> tuple[Tail, ...]:
        """How slow models are when they are slow."""
        async with snapshot(self._engine) as connection:
            return await tails(connection, since_us)

    async def last_turn(self, conversation_id: str) -> ConversationTurn | None:
        """How the last answered turn of a conversation went."""
        async with snapshot(self._engine) as connection:
            return await last_turn(connection, conversation_id)

    async def version_outcome(
        self, version: int, *, since_us: int | None = None, until_us: int | None = None
    ) -> VersionOutcome:
        """How the live requests of a configuration version went."""
        async with snapshot(self._engine) as connection:
            return await version_outcome(connection, version, since_us=since_us, until_us=until_us)

    async def usage_sums(self, span: DaySpan, *asked: Asked) -> list[tuple[Sums, ...]]:
        """The daily sums that were asked for, each grouped in its own way."""
        async with snapshot(self._engine) as connection:
            return [await usage_sums(connection, span, one) for one in asked]

    async def change_numbers(self) -> Mapping[str, int]:
        """How often each thing was changed that all nodes share."""
        async with snapshot(self._engine) as connection:
            return await change_numbers(connection)

    async def availability(self, now_us: int) -> AvailabilityRows:
        """Every breaker, account lock and cooldown as it was left."""
        async with snapshot(self._engine) as connection:
            return await availability_rows(connection, now_us)

    async def imported_sources(self, source_ids: Sequence[str]) -> set[str]:
        """Those ids under which a request was imported."""
        async with snapshot(self._engine) as connection:
            return await imported_sources(connection, source_ids)

    async def taken_ids(self, request_ids: Sequence[int]) -> set[int]:
        """Those of our ids that something in the ledger has."""
        async with snapshot(self._engine) as connection:
            return await taken_ids(connection, request_ids)

    async def body(self, request_id: int) -> Mapping[str, Any] | None:
        """A request's body; None when it was not kept, or is no longer."""
        async with snapshot(self._engine) as connection:
            return await read_body(connection, request_id)

    async def response_chain(self, response_id: str) -> tuple[ResponseState, ...]:
        """Everything that led to a reply, and the reply, oldest first."""
        async with snapshot(self._engine) as connection:
            return await response_chain(connection, response_id)
