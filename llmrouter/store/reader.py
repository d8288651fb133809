"""The ledger as those see it who only read: one method per question, each on one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmrouter.core.days import DaySpan
from llmrouter.core.latency import Tail
from llmrouter.core.ledger import AvailabilityRows, RequestRow, ResponseState
from llmrouter.policy.version_comparison import VersionOutcome
from llmrouter.store.changes import change_numbers
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
from llmrouter.store.snapshots import Snapshots
from llmrouter.store.versions import StoredVersions


class LedgerReader:
    """Asks the ledger; what each question means is told where it is answered, in `queries`.

    Every method raises `Overloaded` when the database cannot be read at present.
    """

    def __init__(self, ledger: Snapshots) -> None:
        self._ledger = ledger
        self.versions = StoredVersions(ledger)
        """The router configuration's versions."""
        self.replays = ReplayReader(ledger)
        """Replays, and what they read."""
        self.prices = StoredPrices(ledger)
        """What models charge, and charged."""

    async def metrics(self, since_us: int | None = None) -> Metrics:
        """What live traffic amounts to."""
        return await self._ledger.ask(metrics, since_us)

    async def totals(self) -> tuple[Total, ...]:
        """Everything since the ledger began."""
        return await self._ledger.ask(totals)

    async def recent_requests(self, limit: int) -> tuple[RequestRow, ...]:
        """The live requests that arrived last, newest first."""
        return await self._ledger.ask(recent_requests, limit)

    async def request_page(
        self,
        *,
        before_id: int | None = None,
        limit: int = 50,
        wanted: RequestFilter | None = None,
    ) -> RequestPage:
        """Requests below an id, newest first."""
        return await self._ledger.ask(request_page, before_id=before_id, limit=limit, wanted=wanted)

    async def requests_by_client_id(
        self, client_request_id: str, limit: int = 10
    ) -> tuple[RequestRow, ...]:
        """The requests that a client sent with this X-Request-Id, newest first."""
        return await self._ledger.ask(requests_by_client_id, client_request_id, limit)

    async def request_story(self, request_id: int) -> RequestStory | None:
        """Everything that is known of a request."""
        return await self._ledger.ask(request_story, request_id)

    async def rejections(
        self, *, limit: int = 50, since_us: int | None = None
    ) -> tuple[Rejection, ...]:
        """The requests that were refused last, and why."""
        return await self._ledger.ask(rejections, limit=limit, since_us=since_us)

    async def corrections(self, *, since_us: int | None = None) -> tuple[CorrectionCount, ...]:
        """What people said of categories."""
        return await self._ledger.ask(corrections, since_us=since_us)

    async def tails(self, since_us: int) -> tuple[Tail, ...]:
        """How slow models are when they are slow."""
        return await self._ledger.ask(tails, since_us)

    async def last_turn(self, conversation_id: str) -> ConversationTurn | None:
        """How the last answered turn of a conversation went."""
        return await self._ledger.ask(last_turn, conversation_id)

    async def version_outcome(
        self, version: int, *, since_us: int | None = None, until_us: int | None = None
    ) -> VersionOutcome:
        """How the live requests of a configuration version went."""
        return await self._ledger.ask(
            version_outcome, version, since_us=since_us, until_us=until_us
        )

    async def usage_sums(self, span: DaySpan, *asked: Asked) -> list[tuple[Sums, ...]]:
        """The daily sums that were asked for, each grouped in its own way."""
        return await self._ledger.ask(usage_sums, span, asked)

    async def change_numbers(self) -> Mapping[str, int]:
        """How often each thing was changed that all nodes share."""
        return await self._ledger.ask(change_numbers)

    async def availability(self, now_us: int) -> AvailabilityRows:
        """Every breaker, account lock and cooldown as it was left."""
        return await self._ledger.ask(availability_rows, now_us)

    async def imported_sources(self, source_ids: Sequence[str]) -> set[str]:
        """Those ids under which a request was imported."""
        return await self._ledger.ask(imported_sources, source_ids)

    async def taken_ids(self, request_ids: Sequence[int]) -> set[int]:
        """Those of our ids that something in the ledger has."""
        return await self._ledger.ask(taken_ids, request_ids)

    async def body(self, request_id: int) -> Mapping[str, Any] | None:
        """A request's body; None when it was not kept, or is no longer."""
        return await self._ledger.ask(read_body, request_id)

    async def response_chain(self, response_id: str) -> tuple[ResponseState, ...]:
        """Everything that led to a reply, and the reply, oldest first."""
        return await self._ledger.ask(response_chain, response_id)
