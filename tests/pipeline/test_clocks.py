"""The clocks of a reply that is being read: every read has its deadline, and they share a timer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from llmrouter.core.clock import SystemClock
from llmrouter.pipeline.clocks import OutOfTime, ReadingClocks


class Chunks:
    """Chunks that come when they are put in, and after that silence."""

    def __init__(self, *chunks: bytes) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()
        for chunk in chunks:
            self.queue.put_nowait(chunk)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await self.queue.get()


def clocks(total_s: float = 600) -> ReadingClocks:
    clock = SystemClock()
    return ReadingClocks(clock, until_ns=clock.monotonic_ns() + round(total_s * 1e9))


async def test_a_whole_stream_needs_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    set_for: list[float] = []
    call_at = loop.call_at

    def counted(when: float, *arguments: object, **options: object) -> asyncio.TimerHandle:
        set_for.append(when)
        return call_at(when, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_at", counted)
    reading, chunks = clocks(), Chunks(*[b"x"] * 100)
    for _ in range(100):
        reading.allow(60)
        assert await reading.wait(anext(chunks)) == b"x"
    assert len(set_for) == 1
    reading.close()


@pytest.mark.parametrize(("total_s", "is_total"), [(600, False), (0.02, True)])
async def test_silence_runs_out_of_the_time_that_is_up_first(
    total_s: float, is_total: bool
) -> None:
    reading = clocks(total_s)
    reading.allow(60)
    assert await reading.wait(anext(Chunks(b"x"))) == b"x"
    reading.allow(0.02 if not is_total else 60)
    with pytest.raises(OutOfTime) as caught:
        await reading.wait(anext(Chunks()))
    assert caught.value.is_total is is_total
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    reading.close()


async def test_a_timer_that_goes_off_early_sleeps_on() -> None:
    reading, chunks = clocks(), Chunks(b"x")
    reading.allow(0.02)
    assert await reading.wait(anext(chunks)) == b"x"
    reading.allow(60)
    late = asyncio.get_running_loop().call_later(0.05, chunks.queue.put_nowait, b"y")
    assert await reading.wait(anext(chunks)) == b"y"
    late.cancel()
    reading.close()


async def test_a_time_that_is_up_already_still_gives_what_is_there() -> None:
    reading = clocks(total_s=-1)
    assert await reading.wait(anext(Chunks(b"x"))) == b"x"
    with pytest.raises(OutOfTime):
        await reading.wait(anext(Chunks()))
    reading.close()


async def test_a_cancellation_from_outside_is_none_of_the_clocks() -> None:
    reading = clocks()
    reading.allow(60)
    task = asyncio.ensure_future(reading.wait(anext(Chunks())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    reading.close()
