"""keep: what a client needs to go on from the reply's id."""

from __future__ import annotations

from llmrouter.core.records import replace
from llmrouter.dialects.wire import is_continuing
from llmrouter.pipeline.exchange import Exchange


class Keep:
    """A closing stage before `account`: fills ``response_state`` where a reply is complete and its
    dialect lets clients go on from it."""

    name = "keep"

    async def __call__(self, exchange: Exchange) -> None:
        dialect, served = exchange.dialect, exchange.served_target
        if not is_continuing(dialect):
            return
        if served is None or exchange.ending != "completed":
            return
        reply = exchange.reply
        last = reply.body if reply.relay is None else reply.relay.terminator
        state = dialect.keep(exchange.request, last, provider=served.provider)
        if state is not None:
            state = replace(state, conversation_id=exchange.conversation_id)
        exchange.response_state = state
