"""Law 4: a replay under the configuration that requests ran with changes no decision and no cost.

The traffic is real: every dialect, tools and their loops, conversations, aliases, combos,
fallbacks, breakers that open and close, cooldowns, locked accounts, and several versions.
"""

from __future__ import annotations

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider
from tests.replay.traffic import checked, document, generate
from tests.running import running_router


async def test_a_replay_of_what_was_changes_no_decision_and_no_cost(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    async with running_router(sqlite_database, document(provider)) as router:
        await generate(router, provider, rounds=40, seed=7)
        found = await checked(router)
        kinds = {row["kind"] for row in router.ledger.rows("SELECT DISTINCT kind FROM event")}
        dialects = {r["dialect"] for r in router.ledger.rows("SELECT dialect FROM request")}
    assert {"breaker.opened", "breaker.half_opened", "breaker.closed", "target.cooldown"} <= kinds
    assert dialects == {"openai", "anthropic", "gemini", "ollama", "responses"}
    assert found.differences == []
    assert found.holds
    assert found.decided > 400
    assert found.costed > 300
    assert found.ledger_cost_nusd == found.replayed_cost_nusd > 0
