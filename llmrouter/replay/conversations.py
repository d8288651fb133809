"""What was remembered of conversations at a moment of the past."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from llmrouter.core.replay import PastTurn
from llmrouter.pipeline.conversations import ConversationState

MAX_CONVERSATIONS: Final = 50_000
"""About 30 MB; one that is forgotten is looked up again."""


@dataclass(slots=True)
class _Memory:
    """A conversation's last turn; and its last complete one, which alone outlived a restart."""

    last: PastTurn | None = None
    complete: PastTurn | None = None


class PastConversations:
    """Fits where `classify` and `select` recall conversations."""

    def __init__(self, max_conversations: int = MAX_CONVERSATIONS) -> None:
        self._max = max_conversations
        self._memories: OrderedDict[str, _Memory] = OrderedDict()
        self._started_us: dict[int, int] = {}
        self._node = 0

    def look_at(self, node: int) -> None:
        """Sets whose memory is asked."""
        self._node = node

    def unknown(self, conversations: Iterable[str]) -> set[str]:
        """Those that nothing was taken in of yet."""
        return {name for name in conversations if name not in self._memories}

    def know(self, conversations: Iterable[str]) -> None:
        """Notes that whatever the log tells of these is, or will be, taken in."""
        for name in conversations:
            self._memories.setdefault(name, _Memory())
        while len(self._memories) > self._max:
            self._memories.popitem(last=False)

    def restart(self, node: int, at_us: int) -> None:
        """Notes that a process began, which remembers what the ledger does."""
        self._started_us[node] = at_us

    def apply(self, turn: PastTurn) -> None:
        """Takes in that a turn is over; call it in the order of time."""
        memory = self._memories.setdefault(turn.conversation_id, _Memory())
        self._memories.move_to_end(turn.conversation_id)
        memory.last = turn
        if turn.completed:
            memory.complete = turn

    async def recall(self, conversation_id: str | None) -> ConversationState | None:
        """The state at the moment, None for a conversation that was new or forgotten."""
        memory = self._memories.get(conversation_id) if conversation_id is not None else None
        if memory is None:
            return None
        turn = memory.last
        if turn is not None and turn.finished_us < self._started_us.get(self._node, 0):
            turn = memory.complete
        if turn is None:
            return None
        return ConversationState(turn.category, turn.target, turn.cache_read_tokens)
