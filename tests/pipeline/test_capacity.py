"""Room at a target: bounded, first come, first served, and no place is ever lost."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.routing import Target
from llmrouter.pipeline.capacity import Capacity, Room

FAST, SLOW = Target("lab", "fast"), Target("lab", "slow")
AN_HOUR = 3600.0


async def settle() -> None:
    """Lets every task go on until it waits."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_free_place_goes_to_the_one_who_waits_longest() -> None:
    capacity, bounds, entered = Capacity(), {"lab/fast": 1}, []
    room = capacity.try_enter(FAST, bounds)
    assert room is not None

    async def enter(name: int) -> Room:
        found = await capacity.enter(FAST, bounds, AN_HOUR)
        assert found is not None
        entered.append(name)
        return found

    tasks = [asyncio.create_task(enter(name)) for name in range(3)]
    await settle()
    assert capacity.queued(FAST) == 3
    room.leave()
    # The place is handed over: nobody slips in before the one it was freed for has woken up.
    assert capacity.try_enter(FAST, bounds) is None
    for name, task in enumerate(tasks):
        (await task).leave()
        assert entered[-1] == name
    assert (capacity.taken("lab"), capacity.queued(FAST)) == (0, 0)


async def test_the_time_in_the_queue_is_limited() -> None:
    capacity, bounds = Capacity(), {"lab": 1}
    room = capacity.try_enter(SLOW, bounds)
    assert await capacity.enter(FAST, bounds, 0.001) is None
    assert capacity.queued(FAST) == 0
    assert room is not None
    room.leave()
    assert capacity.taken("lab") == 0


async def test_one_who_is_called_off_as_a_place_is_handed_over_passes_it_on() -> None:
    capacity, bounds = Capacity(), {"lab/fast": 1}
    room = capacity.try_enter(FAST, bounds)
    assert room is not None
    first = asyncio.create_task(capacity.enter(FAST, bounds, AN_HOUR))
    second = asyncio.create_task(capacity.enter(FAST, bounds, AN_HOUR))
    await settle()
    room.leave()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second is not None
    assert capacity.taken("lab/fast") == 1


async def test_who_waits_for_a_narrower_place_holds_nobody_up() -> None:
    capacity = Capacity()
    rooms = [capacity.try_enter(FAST, {"lab/fast": 2}) for _ in range(2)]
    narrow = asyncio.create_task(capacity.enter(FAST, {"lab/fast": 1}, AN_HOUR))
    wide = asyncio.create_task(capacity.enter(FAST, {"lab/fast": 2}, AN_HOUR))
    await settle()
    for room in rooms:
        assert room is not None
        room.leave()
        room.leave()  # the second time it is nobody's
    (await wide or pytest.fail("no room")).leave()
    (await narrow or pytest.fail("no room")).leave()
    assert capacity.taken("lab") == 0


STEP = st.tuples(
    st.sampled_from(["enter", "enter", "leave", "cancel"]),
    st.sampled_from([FAST, SLOW]),
    st.integers(0, 9),
)


@given(steps=st.lists(STEP, max_size=40), provider=st.integers(1, 4), model=st.integers(1, 3))
def test_law_bounds_hold_and_no_place_is_lost(
    steps: list[tuple[str, Target, int]], provider: int, model: int
) -> None:
    """Whatever the order of arrivals, departures and cancellations, also between a place being
    handed over and its taker waking up."""

    async def play() -> None:
        capacity, places = Capacity(), list[asyncio.Future[Room | None]]()

        def full(target: Target) -> bool:
            return capacity.taken("lab") >= provider or capacity.taken(target.name) >= model

        for what, target, which in steps:
            if what == "enter":
                bounds = {"lab": provider, target.name: model}
                places.append(asyncio.create_task(capacity.enter(target, bounds, AN_HOUR)))
                if not full(target):
                    room = capacity.try_enter(target, bounds)
                    assert room is not None
                    places.append(_given(room))
            elif places:
                place = places.pop(which % len(places))
                if what == "leave" and place.done():
                    room = place.result()
                    assert room is not None
                    room.leave()
                else:
                    await _call_off(place)
            if which % 2:
                await settle()
            assert capacity.taken("lab") <= provider
            assert max(capacity.taken(t.name) for t in (FAST, SLOW)) <= model
        for place in places:
            await _call_off(place)
        assert [capacity.taken(name) for name in ("lab", "lab/fast", "lab/slow")] == [0, 0, 0]
        assert (capacity.queued(FAST), capacity.queued(SLOW)) == (0, 0)

    asyncio.run(play())


def _given(room: Room) -> asyncio.Future[Room | None]:
    place = asyncio.get_running_loop().create_future()
    place.set_result(room)
    return place


async def _call_off(place: asyncio.Future[Room | None]) -> None:
    if not place.done():
        place.cancel()
    await asyncio.wait([place])
    if not place.cancelled() and (room := place.result()) is not None:
        room.leave()
