"""What was remembered of conversations at a moment of the past."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmrouter.core.events import RequestClassified, RouteSelected
from llmrouter.core.replay import PastTurn
from llmrouter.pipeline.conversations import ConversationState

REMEMBERED_WITHIN_US: Final = 3_000_000
"""A turn is remembered once it is in the ledger, which takes until after its own end.  A decision
that was made meanwhile says itself which turn it knew of."""

MAX_CONVERSATIONS: Final = 10_000
"""Some 10 MB; one that is forgotten is looked up again.  More than wait in `llmrouter.replay.world`
at once, so that none is forgotten before its request is decided."""


Told = Mapping[str, Mapping[str, Any]]
"""The data of a request's events by kind."""


@dataclass(slots=True)
class _Memory:
    """A conversation's last turn and the one before; and its last complete one, which alone
    outlived a restart."""

    last: PastTurn | None = None
    before: PastTurn | None = None
    complete: PastTurn | None = None


class PastConversations:
    """Fits where `classify` and `select` recall conversations."""

    def __init__(self, max_conversations: int = MAX_CONVERSATIONS) -> None:
        self._max = max_conversations
        self._memories: OrderedDict[str, _Memory] = OrderedDict()
        self._started_us: dict[int, int] = {}
        self._node = 0
        self._now_us = 0
        self._told: Told = {}

    def look_at(self, node: int, now_us: int, told: Told) -> None:
        """Sets whose memory is asked, and when; ``told`` is what was recorded of the request."""
        self._node, self._now_us, self._told = node, now_us, told

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
        memory.before, memory.last = memory.last, turn
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
        elif turn is not None and memory.before is not None and self._came_later(turn):
            turn = turn if self._came_later(memory.before) else memory.before
        if turn is None:
            return None
        return ConversationState(turn.category, turn.target, turn.cache_read_tokens)

    def _came_later(self, turn: PastTurn) -> bool:
        """Whether the decision's own record says that it did not know of a turn just over."""
        if self._now_us - turn.finished_us > REMEMBERED_WITHIN_US:
            return False
        classified = self._told.get(RequestClassified.kind, {})
        if classified.get("decided_by") == "tool_loop" and classified["category"] != turn.category:
            return True
        kept = self._told.get(RouteSelected.kind, {}).get("kept")
        return kept is not None and kept != str(turn.target)
