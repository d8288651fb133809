"""What was learnt of token counts outlives the process."""

from __future__ import annotations

from llmrouter.policy.token_ratios import LearntRatio
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store
from tests.provider import Provider, answer
from tests.running import lab, running_router


async def test_ratios_are_kept_and_the_last_one_counts(store: Store) -> None:
    first = LearntRatio("lab/fast", "text", 100.0, 140.0)
    other = LearntRatio("lab/fast", "output", 10.0, 11.0)
    await store.token_ratios.keep([first, other])
    later = first.with_more(1_000, 1_400)
    await store.token_ratios.keep([later])

    assert await store.token_ratios.load() == (other, later)


async def test_a_router_goes_on_with_what_it_had_learnt(database: DatabaseAddress) -> None:
    async with Provider() as provider:
        provider.on("fast", answer())
        async with running_router(database, lab(provider)) as router:
            for _ in range(3):
                assert (await router.chat("Hello there", model="lab/fast")).status_code == 200
        learnt = router.ledger.rows("SELECT model, kind FROM token_ratio ORDER BY kind")
        assert [(row["model"], row["kind"]) for row in learnt] == [
            ("lab/fast", "output"),
            ("lab/fast", "text"),
        ]
