"""What a node takes up of what others changed: each change once, and none is missed."""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.errors import Overloaded
from llmrouter.pipeline.following import Following


class Shared:
    """Where nodes tell of changes."""

    def __init__(self) -> None:
        self.number = 1

    async def change_numbers(self) -> Mapping[str, int]:
        return {"topic": self.number, "nobody's": 7}


async def test_a_change_is_taken_up_once_and_again_when_that_failed() -> None:
    shared, taken, is_away = Shared(), list[int](), False

    async def take_up() -> None:
        if is_away:
            raise Overloaded("the database is away", code="ledger_unavailable")
        taken.append(shared.number)

    following = Following(shared, {"topic": take_up})
    for _ in range(3):
        await following.look()
    assert taken == [1]
    shared.number, is_away = 2, True
    await following.look()
    is_away = False
    for _ in range(2):
        await following.look()
    assert taken == [1, 2]
