"""tell: a request is over, for those outside who want to know."""

from __future__ import annotations

from llmrouter.core.conventions import CHAT
from llmrouter.core.finished import FinishedRequest
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.ports import Telemetry

COUNT = "count_tokens"
"""``gen_ai.operation.name`` of a request to count; the convention has no word for it."""


class Tell:
    """The last closing stage: what it tells has been committed.  It hands over, and waits for
    nothing."""

    name = "tell"

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def __call__(self, exchange: Exchange) -> None:
        record = exchange.record
        providers = exchange.table.config.providers
        self._telemetry.request_over(
            FinishedRequest(
                operation=COUNT if exchange.caller.counts else CHAT,
                request=record.request,
                attempts=record.attempts,
                events=record.events,
                stages=exchange.stages,
                trace=exchange.trace,
                addresses={
                    attempt.provider: providers[attempt.provider].base_url
                    for attempt in record.attempts
                    if attempt.provider in providers
                },
            )
        )
