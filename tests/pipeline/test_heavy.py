"""Large bodies are worked on one at a time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from llmrouter.pipeline.heavy import Heavy
from tests.running import eventually


async def test_pieces_of_work_follow_one_another_in_their_order_beside_the_event_loop() -> None:
    heavy, begun, may_end = Heavy(), list[int](), threading.Event()

    def work(n: int) -> tuple[int, int]:
        begun.append(n)
        assert may_end.wait(10)
        return n, threading.get_ident()

    working = [asyncio.create_task(heavy.run(work, n)) for n in range(3)]
    await eventually(lambda: bool(begun))
    for _ in range(20):  # whatever wants to begin
        await asyncio.sleep(0)
    assert begun == [0]
    may_end.set()
    done = await asyncio.gather(*working)
    assert ([n for n, _ in done], begun) == ([0, 1, 2], [0, 1, 2])
    assert threading.get_ident() not in {thread for _, thread in done}


async def test_work_that_fails_lets_the_next_one_begin() -> None:
    heavy = Heavy()
    with pytest.raises(ZeroDivisionError):
        await heavy.run(divmod, 1, 0)
    assert await heavy.run(divmod, 7, 2) == (3, 1)
