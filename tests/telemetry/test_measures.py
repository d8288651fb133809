"""Metrics: histograms with the conventions' buckets, and sums that are the ledger's."""

from __future__ import annotations

import pytest

from tests.provider import Provider, answer, status
from tests.telemetry.collector import Collector
from tests.telemetry.conftest import MakeRouter


async def test_metrics_agree_with_the_ledger(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", status(500), answer())
    async with telling() as router:
        await router.chat(model="pair")
        for _ in range(2):
            await router.chat()
        async with router.streaming() as reply:
            await reply.aread()
        (sums,) = router.ledger.rows(
            "SELECT SUM(cost_nusd) AS cost_nusd, SUM(input_tokens) AS input_tokens,"
            " SUM(output_tokens) AS output_tokens FROM attempt WHERE provider = 'lab'"
        )

    lab = {"gen_ai.provider.name": "lab", "gen_ai.request.model": "fast"}
    duration = collector.the("gen_ai.server.request.duration", **lab)
    assert (duration.count, duration.unit) == (3, "s")
    assert duration.bounds == pytest.approx([0.01 * 2**n for n in range(14)])
    assert collector.the("gen_ai.server.time_to_first_token", **lab).bounds[-1] == 10
    failed = {"error.type": "transient"}
    assert collector.the("gen_ai.client.operation.duration", **lab, **failed).count == 1
    for kind in ("input", "output"):
        tokens = collector.the("gen_ai.client.token.usage", **lab, **{"gen_ai.token.type": kind})
        assert tokens.value == sums[f"{kind}_tokens"]
        assert tokens.unit == "{token}"
        assert tokens.bounds == tuple(4**n for n in range(14))
    cost = collector.the("llmrouter.cost_usd", **lab)
    assert cost.value == pytest.approx(sums["cost_nusd"] / 1e9)
    unpriced = {"gen_ai.provider.name": "spare"}
    assert collector.the("llmrouter.unknown_cost_attempts", **unpriced).value == 1
    assert collector.the("llmrouter.telemetry.lost_requests").value == 0


async def test_metrics_alone_trace_nothing(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    async with telling(OTEL_TRACES_EXPORTER="none") as router:
        await router.chat()

    assert collector.spans == []
    assert "traceparent" not in provider.seen[-1].headers
    assert collector.the("gen_ai.server.request.duration").count == 1
