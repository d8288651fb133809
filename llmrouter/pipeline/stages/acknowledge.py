"""acknowledge: answers requests by which nothing is to be generated."""

from __future__ import annotations

from llmrouter.dialects.wire import is_acknowledging
from llmrouter.pipeline.exchange import Exchange, Reply


class Acknowledge:
    """Fills ``reply`` for such a request, which then goes no further; leaves others alone."""

    name = "acknowledge"

    async def __call__(self, exchange: Exchange) -> None:
        dialect = exchange.dialect
        if not is_acknowledging(dialect):
            return
        body = dialect.acknowledge(exchange.body, exchange.started_us // 1_000_000)
        if body is not None:
            exchange.reply = Reply(200, "application/json", body)
