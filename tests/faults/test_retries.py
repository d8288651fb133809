"""An outage is not multiplied: how often a target that fails is asked once more."""

from __future__ import annotations

import pytest

from tests.provider import Provider, status
from tests.running import RunningRouter

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_beyond_the_retry_budget_a_failure_is_the_last_word(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("sick", status(408))  # which no breaker counts
    before = len(provider.seen)
    replies = [await router.chat(model="lab/sick") for _ in range(10)]
    assert [reply.status_code for reply in replies] == [504] * 10
    assert len(provider.seen) - before == 13  # 10, and the floor of 3

    story = router.ledger.story(replies[-1])
    assert story.outcomes == ["failed"]
    withheld = story.data("retry.withheld")
    assert (withheld.n, withheld.target, withheld.reason) == (1, "lab/sick", "timeout")
    assert "once more" in replies[-1].json()["error"]["message"]
    assert "retry.withheld" not in router.ledger.story(replies[0]).kinds


async def test_moving_on_to_the_next_target_needs_no_budget(
    provider: Provider, router: RunningRouter
) -> None:
    document = dict(router.router.services.configuration.version.document)
    document["retries"] = {"share": 0, "floor": 0}
    document["combos"] = {"two": {"models": ["lab/failing", "lab/working"]}}
    await router.router.services.configuration.replace(document, author="test")
    provider.on("failing", status(408))
    replies = [await router.chat(model="two") for _ in range(10)]
    assert {reply.headers["x-llmrouter-model"] for reply in replies} == {"lab/working"}
    assert {reply.headers["x-llmrouter-attempts"] for reply in replies} == {"2"}


async def test_the_failure_that_opens_a_breaker_is_told_and_not_the_breaker(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("broken", status(500))
    replies = [await router.chat(model="lab/broken") for _ in range(3)]
    assert router.breaker("lab/broken") == "open"
    assert [reply.status_code for reply in replies] == [502] * 3
    error = replies[-1].json()["error"]
    assert "Passed over" not in error["message"]
    assert [attempt["class"] for attempt in error["attempts"]] == ["upstream_error"]
