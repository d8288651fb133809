"""validate: reads the client's dialect, and what its ``model`` means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llmrouter.core.clipping import clipped
from llmrouter.core.events import RequestValidated
from llmrouter.core.ledger import ResponseState
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.wire import FORWARDED_HEADERS, ContinuingDialect, CountingDialect
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.heavy import Heavy
from llmrouter.pipeline.ports import ResponseStates
from llmrouter.policy.conversation import conversation_id
from llmrouter.policy.envelope import authored_text

PARSE_IN_THREAD_BYTES = 1_000_000
"""From here on parsing takes longer than a millisecond and would hold up every other request."""


class Validate:
    """Fills ``request``, ``authored``, ``conversation_id`` and ``resolution``.

    Raises `MalformedRequest`, `InvalidRequest` or `NotFound`.  Without ``states`` no reply is
    known that a request may go on from.
    """

    name = "validate"

    def __init__(self, states: ResponseStates | None = None, heavy: Heavy | None = None) -> None:
        self._states = states
        self._heavy = heavy or Heavy()

    async def __call__(self, exchange: Exchange) -> None:
        caller = exchange.caller
        dialect, body = exchange.dialect, exchange.body
        parse: Callable[[bytes], ChatRequest] = dialect.parse
        if caller.counts and isinstance(dialect, CountingDialect):
            parse = dialect.parse_count
        is_heavy = len(body) >= PARSE_IN_THREAD_BYTES
        request = await self._heavy.run(parse, body) if is_heavy else parse(body)
        request = request.of_caller(_forwarded(caller.headers, request.dialect), exchange.id)
        chain: Sequence[ResponseState] = ()
        if request.previous_response_id is not None:
            chain = await self._chain(exchange, request.previous_response_id)
            request = await self._continued(exchange, request, chain)
        exchange.request = request
        authored = exchange.authored = authored_text(request.turns)
        named = exchange.conversation_id = conversation_id(
            caller.headers, request, authored, chain[-1].conversation_id if chain else None
        )
        exchange.emit(
            RequestValidated(
                requested_model=None if request.model is None else clipped(request.model),
                stream=request.stream,
                messages=len(request.turns),
                body_bytes=len(body),
                needs=tuple(sorted(request.needs)),
                tools=len(request.tools),
                conversation_id=named,
                client=authored.agent,
            )
        )
        table = exchange.table
        exchange.resolution = (
            table.resolve(request.model)
            if caller.provider is None
            else table.resolve_at(caller.provider, request.model)
        )

    async def _chain(self, exchange: Exchange, response_id: str) -> Sequence[ResponseState]:
        """What led to the reply that the request goes on from."""
        if self._states is None or not isinstance(exchange.dialect, ContinuingDialect):
            return ()
        return await self._states.response_chain(response_id)

    async def _continued(
        self, exchange: Exchange, request: ChatRequest, chain: Sequence[ResponseState]
    ) -> ChatRequest:
        """The request with the conversation that it goes on from.  Raises `NotFound`."""
        dialect = exchange.dialect
        if not isinstance(dialect, ContinuingDialect):
            return request
        if sum(len(state.items) for state in chain) >= PARSE_IN_THREAD_BYTES:
            return await self._heavy.run(dialect.continue_from, request, chain)
        return dialect.continue_from(request, chain)


def _forwarded(headers: Mapping[str, str], dialect: DialectName) -> Mapping[str, str]:
    """What a provider must see of the client's own headers."""
    names = FORWARDED_HEADERS.get(dialect)
    return {name: v for name, v in headers.items() if name in names} if names else {}
