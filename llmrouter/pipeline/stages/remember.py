"""remember: keeps what the next turn of the conversation will want to know."""

from __future__ import annotations

from llmrouter.core.routing import Target
from llmrouter.pipeline.conversations import Conversations, ConversationState
from llmrouter.pipeline.exchange import Exchange


class Remember:
    """A closing stage; does nothing for a request that nobody answered."""

    name = "remember"

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def __call__(self, exchange: Exchange) -> None:
        served: Target | None = exchange.served_target
        if served is None or exchange.conversation_id is None:
            return
        state = ConversationState(
            exchange.classification.category,
            served,
            exchange.record.request.cache_read_tokens,
        )
        self._conversations.remember(exchange.conversation_id, state)
