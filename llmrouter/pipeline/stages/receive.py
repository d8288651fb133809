"""receive: lets the request in when it is its turn, admits it, and reads its body."""

from __future__ import annotations

from llmrouter.core.errors import RouterError
from llmrouter.core.events import RequestReceived
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.ports import Keyring, Ledger
from llmrouter.pipeline.traffic import Traffic
from llmrouter.pipeline.turnstile import Turnstile
from llmrouter.policy.redaction import redact


class Receive:
    """Fills ``body``.  Raises `Overloaded`, `BodyTooLarge` or `RequestTimeout`."""

    name = "receive"

    def __init__(
        self,
        traffic: Traffic,
        ledger: Ledger,
        keyring: Keyring,
        node: int,
        turnstile: Turnstile | None = None,
    ) -> None:
        """``turnstile`` is shared with the pipelines of the same event loop."""
        self._traffic = traffic
        self._keyring = keyring
        self._ledger = ledger
        self._node = node
        self._turnstile = turnstile or Turnstile()

    async def __call__(self, exchange: Exchange) -> None:
        try:
            if not self._turnstile.opens():
                await self._turnstile.wait()
        finally:
            self._begin(exchange)  # who leaves the queue has asked, too
        # Before the body: those that are one too many must not fill memory with theirs.
        self._traffic.admit()
        limit_bytes = exchange.table.config.limits.request_body_bytes
        exchange.body = await exchange.client.body(limit_bytes)
        try:
            self._ledger.admit()
        except RouterError:
            # A ledger that can take no request cannot take this refusal either.
            exchange.unrecorded = True
            raise

    def _begin(self, exchange: Exchange) -> None:
        """Begins the request's events."""
        caller = exchange.caller
        retry = caller.headers.get("x-stainless-retry-count")
        named = caller.client_request_id
        exchange.emit(
            RequestReceived(
                started_us=exchange.started_us,
                node=self._node,
                config_version=exchange.table.version,
                endpoint=caller.endpoint,
                dialect=exchange.dialect.name,
                purpose=caller.purpose,
                replay_id=caller.replay_id,
                key_id=caller.key_id,
                # The client's own id for the request may hold anything, a key too.
                client_request_id=redact(named, self._keyring.secrets()) if named else named,
                client_retry=int(retry) if retry and retry.isdecimal() and len(retry) < 5 else None,
                provider=caller.provider,
            )
        )
