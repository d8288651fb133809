"""acknowledge: answers requests by which nothing is to be generated."""

from __future__ import annotations

from llmrouter.dialects.wire import is_acknowledging
from llmrouter.pipeline.exchange import Exchange, Reply


class Acknowledge:
    """Gives the reply to such a request; leaves others alone."""

    name = "acknowledge"

    async def __call__(self, exchange: Exchange) -> Reply | None:
        dialect = exchange.dialect
        if not is_acknowledging(dialect):
            return None
        body = dialect.acknowledge(exchange.body, exchange.started_us // 1_000_000)
        return None if body is None else Reply(200, "application/json", body)
