"""Durations and moments of a request agree, whatever the machine's clocks do meanwhile."""

from __future__ import annotations

from llmrouter.core.clock import FakeClock
from llmrouter.store.engine import DatabaseAddress
from tests.provider import DONE, FINISH, USAGE, Provider, status, stream
from tests.running import lab, running_router

HOUR_US = 3_600_000_000


class StallingClock(FakeClock):
    """The machine stalls at every look at the clock, and its wall clock is set back besides."""

    def monotonic_ns(self) -> int:
        self.advance(0.05)
        self.set_wall(self.now_us() - HOUR_US)
        return super().monotonic_ns()


async def test_the_first_token_is_never_later_than_the_event_that_tells_it(
    sqlite_database: DatabaseAddress,
) -> None:
    async with Provider() as provider:
        provider.on("first", status(500))
        provider.on("second", stream("Fo", "ur", FINISH, USAGE, DONE))
        routes = {"pair": ["lab/first", "lab/second"]}
        document = lab(provider, routes=routes)
        async with running_router(sqlite_database, document, clock=StallingClock()) as router:
            async with router.streaming(model="pair") as reply:
                await reply.aread()
            story = router.ledger.only_story()
    moments = dict(zip(story.kinds, (event.dt_us for event in story.events), strict=True))
    row, second = story.request, story.attempts[1]
    assert second["first_token_us"] < row["first_token_us"]  # the first attempt stands between
    assert row["first_token_us"] <= moments["attempt.first_token"] < row["duration_us"]
    assert moments["attempt.started"] + second["duration_us"] <= moments["attempt.succeeded"]
