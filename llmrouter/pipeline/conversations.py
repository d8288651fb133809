"""What is remembered of conversations, so that a tool loop keeps the model that began it, and so
that a decision can say what leaving a model costs."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from llmrouter.core.errors import Overloaded
from llmrouter.core.records import Record
from llmrouter.core.routing import Target

MAX_CONVERSATIONS = 10_000
"""About 4 MB; the conversation that was silent the longest is forgotten first."""


class ConversationState(Record):
    """How the last answered turn of a conversation went.

    ``cached_tokens`` are those that the provider read from its prompt cache: what another model
    would have to read anew.
    """

    category: str | None
    target: Target
    cached_tokens: int | None = None


class Turns(Protocol):
    """Where conversations are kept beyond a process's life: the ledger.

    Raises `Overloaded` when it cannot be asked at present.
    """

    async def __call__(self, conversation_id: str) -> ConversationState | None: ...


class Recalling(Protocol):
    """Who remembers conversations: `Conversations`, or the past."""

    async def recall(self, conversation_id: str | None) -> ConversationState | None:
        """The last state, None for a conversation that is new or forgotten."""


class Conversations:
    """The last state of each conversation: in memory, bounded; behind it the ledger, which is
    asked once for a conversation that a new process does not know yet."""

    def __init__(
        self, turns: Turns | None = None, max_conversations: int = MAX_CONVERSATIONS
    ) -> None:
        self._turns = turns
        self._max = max_conversations
        self._states: OrderedDict[str, ConversationState | None] = OrderedDict()

    async def recall(self, conversation_id: str | None) -> ConversationState | None:
        """The last state, None for a conversation that is new or forgotten, or while the ledger
        cannot be asked: a request does not fail for what would only have been good to know."""
        if conversation_id is None:
            return None
        if conversation_id not in self._states and self._turns is not None:
            try:
                self.remember(conversation_id, await self._turns(conversation_id))
            except Overloaded:
                return None
        return self._states.get(conversation_id)

    def remember(self, conversation_id: str, state: ConversationState | None) -> None:
        """Replaces the conversation's state; None: the ledger knows none."""
        self._states[conversation_id] = state
        self._states.move_to_end(conversation_id)
        if len(self._states) > self._max:
            self._states.popitem(last=False)
