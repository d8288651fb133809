"""account: the terminal event, the rows, and the ledger's word that they are safe."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from llmrouter.core.events import RequestFinished
from llmrouter.core.ledger import RequestRecord
from llmrouter.core.routing import Ending
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.heavy import Heavy
from llmrouter.pipeline.ports import Keyring, Ledger
from llmrouter.policy.fold import fold_request
from llmrouter.policy.redaction import without_secrets

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that left; it stands in the ledger only."""

TOLD_FROM_US = 100
"""Stages that take less are not told in the event: together they would be a third of it."""


SEARCH_IN_THREAD_BYTES = 1_000_000
"""From here on the search for a dozen keys takes longer than a millisecond."""


class Account:
    """Fills ``record`` and returns once the ledger has it.

    Raises `Overloaded` when the ledger must have it and cannot take it.
    """

    name = "account"

    def __init__(self, ledger: Ledger, keyring: Keyring, heavy: Heavy | None = None) -> None:
        self._ledger = ledger
        self._keyring = keyring
        self._heavy = heavy or Heavy()

    async def __call__(self, exchange: Exchange) -> None:
        duration_us = exchange.elapsed_us()
        error, ending = exchange.error, exchange.ending
        exchange.emit(
            RequestFinished(
                ending=ending,
                http_status=_status(exchange, ending),
                duration_us=duration_us,
                overhead_us=max(0, duration_us - exchange.upstream_us),
                served_by=exchange.served_by,
                error_class=error.code if error else None,
                code=error.code if error else None,
                stage_us=exchange.stage_us(TOLD_FROM_US),
            )
        )
        request, attempts = fold_request(exchange.id, exchange.events)
        body: bytes | None = getattr(exchange, "body", None)
        if body is not None:
            secrets = self._secrets(exchange)
            if len(body) < SEARCH_IN_THREAD_BYTES:
                body = without_secrets(body, secrets)
            else:
                body = await self._searched(body, secrets)
        exchange.record = RequestRecord(
            request=request,
            attempts=attempts,
            events=tuple(exchange.events),
            opened=exchange.opened,
            breakers=tuple(exchange.breaker_rows.values()),
            body=body,
            response_state=exchange.response_state,
        )
        if not exchange.unrecorded:
            await self._ledger.close(exchange.record)

    def _secrets(self, exchange: Exchange) -> Collection[str]:
        """What is not kept of a body: a prompt may quote one of our own keys, and some client
        libraries put theirs into the body."""
        ours = self._keyring.secrets()
        sent = exchange.request.document.get("api_key") if hasattr(exchange, "request") else None
        return {*ours, sent} if isinstance(sent, str) and sent else ours

    async def _searched(self, body: bytes, secrets: Collection[str]) -> bytes:
        with suppress(asyncio.CancelledError):  # at a sudden stop the books are closed first
            return await self._heavy.run(without_secrets, body, secrets)
        return without_secrets(body, secrets)


def _status(exchange: Exchange, ending: Ending) -> int:
    """What the client saw, or would have seen."""
    if ending == "disconnected":
        return CLIENT_CLOSED_REQUEST
    return exchange.reply.status if hasattr(exchange, "reply") else 0
