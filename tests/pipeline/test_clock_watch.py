"""A machine's clock that is set while the router runs."""

from __future__ import annotations

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.events import ClockJumped, EventData
from llmrouter.pipeline.clock_watch import ClockWatch
from llmrouter.store.engine import DatabaseAddress
from tests.pipeline.test_breakers import TickingClock
from tests.provider import Provider
from tests.running import eventually, lab, running_router

HOUR_US = 3_600_000_000


def test_time_that_goes_by_is_no_jump_and_each_jump_is_told_once() -> None:
    clock = FakeClock()
    told: list[EventData] = []
    watch = ClockWatch(clock, lambda events: told.extend(event.data for event in events))
    for step_s in (5, 900, 0):
        clock.advance(step_s)
        watch.look()
    clock.set_wall(clock.now_us() + 4_000_000)  # NTP at its start
    watch.look()
    assert told == []
    for by_us in (-HOUR_US, HOUR_US):
        clock.set_wall(clock.now_us() + by_us)
        clock.advance(5)
        watch.look()
        watch.look()
    assert told == [ClockJumped(-HOUR_US), ClockJumped(HOUR_US)]


@pytest.mark.parametrize("by_us", [-HOUR_US, HOUR_US])
async def test_a_jump_is_in_the_ledger(
    by_us: int, sqlite_database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmrouter.pipeline.clock_watch.LOOK_EVERY_S", 0.01)
    clock = TickingClock()
    async with (
        Provider() as provider,
        running_router(sqlite_database, lab(provider), clock=clock) as router,
    ):
        before = router.ledger.story(await router.chat())
        clock.set_wall(clock.now_us() + by_us)
        await eventually(lambda: bool(router.ledger.events("kind = 'clock.jumped'")))
        after = router.ledger.story(await router.chat())
    (jump,) = router.ledger.events("kind = 'clock.jumped'")
    assert abs(jump.data.by_us - by_us) < 60_000_000  # type: ignore[union-attr]
    assert after.request["id"] > before.request["id"]
    assert after.request["started_us"] - before.request["started_us"] == by_us
    assert 0 <= after.request["duration_us"] < HOUR_US
