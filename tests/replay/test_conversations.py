"""What was remembered of a conversation at a moment, where turns were just over."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.replay import PastTurn
from llmrouter.core.routing import Target
from llmrouter.replay.conversations import REMEMBERED_WITHIN_US, PastConversations

NOW_US = 1_790_000_000_000_000
TOOLS = Target("lab", "fast")
PINNED = Target("lab", "other")


def turn(request_id: int, finished_us: int, category: str | None, target: Target) -> PastTurn:
    return PastTurn(request_id, 0, "talk", finished_us, True, category, target, None)


@pytest.mark.parametrize(
    ("told", "ago_us", "remembered"),
    [
        ({"request.classified": {"decided_by": "tool_loop", "category": "tools"}}, 9_000, TOOLS),
        ({"route.selected": {"kept": "lab/fast"}}, 9_000, TOOLS),
        ({"route.selected": {"kept": None}}, 9_000, PINNED),
        ({"route.selected": {"kept": "lab/third"}}, 9_000, PINNED),
        ({"route.selected": {"kept": "lab/fast"}}, REMEMBERED_WITHIN_US + 1, PINNED),
    ],
)
async def test_a_decision_made_while_a_turn_was_being_written_says_which_one_it_knew(
    told: Any, ago_us: int, remembered: Target
) -> None:
    past = PastConversations()
    past.apply(turn(1, NOW_US - ago_us - 20_000, "tools", TOOLS))
    past.apply(turn(2, NOW_US - ago_us, None, PINNED))
    past.look_at(0, NOW_US, told)
    state = await past.recall("talk")
    assert state is not None
    assert state.target == remembered
