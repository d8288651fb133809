"""trace: joins the request to the trace that its client is part of."""

from __future__ import annotations

from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.ports import Telemetry


class Trace:
    """Sets the exchange's ``trace``; stands first, and only where somebody traces."""

    name = "trace"

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def __call__(self, exchange: Exchange) -> None:
        exchange.trace = self._telemetry.begin(exchange.caller.headers)
