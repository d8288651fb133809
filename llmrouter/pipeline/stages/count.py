"""count: answers how many tokens a request has, in the place of `call`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

from llmrouter.core.errors import AttemptError, NotFound
from llmrouter.core.routing import DialectName, Target
from llmrouter.core.upstream import UpstreamCall
from llmrouter.dialects.wire import CountingDialect, Dialect
from llmrouter.pipeline.estimator import Estimator
from llmrouter.pipeline.exchange import Exchange, Reply
from llmrouter.pipeline.ports import Keyring, Upstream
from llmrouter.policy.needs import key_variable

COUNT_S = 5.0
"""How long a provider may take to count; a client asks before every turn."""


class Count:
    """Gives the reply: the provider's own count where it speaks the client's dialect and answers,
    else our estimate.  A count is free, so that no attempt is booked."""

    name = "count"

    def __init__(
        self,
        upstream: Upstream,
        keyring: Keyring,
        dialects: Mapping[DialectName, Dialect],
        estimator: Estimator,
    ) -> None:
        self._upstream = upstream
        self._keyring = keyring
        self._dialects = dialects
        self._estimator = estimator

    async def __call__(self, exchange: Exchange) -> Reply:
        dialect = exchange.dialect
        if not isinstance(dialect, CountingDialect):
            raise NotFound(f"tokens are not counted in the dialect {dialect.name}")
        tokens: int | None = None
        target = next(iter(exchange.decision.usable), None)
        if target is not None:
            tokens = await self._ask(exchange, dialect, target)
        if tokens is None:
            model = "" if target is None else target.name
            tokens = self._estimator.input_tokens(model, exchange.request)
        return Reply(200, "application/json", dialect.count_body(tokens))

    async def _ask(
        self, exchange: Exchange, dialect: CountingDialect, target: Target
    ) -> int | None:
        """The provider's count; None when it cannot be had."""
        provider = exchange.table.config.providers[target.provider]
        if provider.dialect != exchange.dialect.name:
            return None
        outgoing = dialect.encode_count(exchange.request, target.model)
        variable = key_variable(provider, target.account)
        key = self._keyring.key(variable) if variable else None
        credentials = self._dialects[provider.dialect].credentials(key) if key else {}
        call = UpstreamCall(
            url=provider.base_url + outgoing.path,
            headers={**outgoing.headers, **credentials},
            body=outgoing.body,
            connect_s=COUNT_S,
            headers_s=COUNT_S,
            ca_file=provider.ca_file,
        )
        try:
            async with asyncio.timeout(COUNT_S), aclosing(await self._upstream.send(call)) as reply:
                if reply.status != 200:
                    return None
                body = b"".join([chunk async for chunk in reply.chunks()])
        except (AttemptError, TimeoutError):
            return None
        return dialect.read_count(body)
