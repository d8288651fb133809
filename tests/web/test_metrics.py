"""/metrics and /health: what the ledger adds up to."""

from __future__ import annotations

from tests.provider import Provider, answer, status
from tests.running import RunningRouter


async def test_metrics_add_up_what_the_ledger_has(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("broken", status(500))
    for _ in range(3):
        assert (await router.chat(model="lab/broken")).status_code in (502, 503)
    for _ in range(2):
        await router.chat("Fix my Python function", "router")
    await router.chat()
    await router.http.post("/v1/chat/completions", json={})

    told = (await router.http.get("/metrics")).json()
    assert told["requests"]["total"] == 7
    assert told["requests"]["success"] == 3
    assert told["requests"]["failed"] == 4
    assert told["avg_latency_ms"] > 0
    assert told["total_cost_usd"] == 0.00002
    assert told["model_distribution"]["lab/code"] == 2
    assert told["model_distribution"]["lab/fast"] == 1
    assert told["provider_distribution"]["lab"] >= 3
    assert told["category_distribution"] == {"code": 2}
    assert told["routing_mode_distribution"] == {"keywords": 2}
    breaker = told["circuit_breaker"]
    assert breaker["open_circuits"] == ["lab/broken"]
    assert breaker["failures"] == {"lab/broken": 3}
    assert breaker["config"] == {"failure_threshold": 3, "recovery_timeout_sec": 300}
    assert len(told["recent_requests"]) == 7
    assert told["recent_requests"][0]["ending"] == "rejected"
    since = (await router.http.get("/metrics?since=24h")).json()
    assert since["requests"]["total"] == 7


async def test_metrics_speak_prometheus_where_it_is_asked_for(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", answer())
    await router.chat()
    accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    for reply in (
        await router.http.get("/metrics", headers=accept),
        await router.http.get("/metrics/prometheus"),
    ):
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = reply.text.splitlines()
        assert 'llmrouter_requests_total{ending="completed"} 1' in lines
        assert "# TYPE gen_ai_server_request_duration_seconds histogram" in lines
    assert (await router.http.get("/metrics", headers={"accept": "*/*"})).json()["requests"]


async def test_a_wrong_parameter_is_named(router: RunningRouter) -> None:
    for path in (
        "/metrics?since=yesterday",
        "/requests?limit=0",
        "/requests?ending=happy",
        "/requests?before=nonsense",
    ):
        reply = await router.http.get(path)
        assert reply.status_code == 422
        assert reply.json()["error"]["param"] in path


async def test_counters_grow_by_one_per_request(provider: Provider, router: RunningRouter) -> None:
    provider.on("fast", status(500), answer())  # two attempts, one request
    for total in range(1, 4):
        await router.chat(model="pair")
        assert (await router.http.get("/metrics")).json()["requests"]["total"] == total


async def test_health_names_the_mode_that_really_answers(router: RunningRouter) -> None:
    told = (await router.http.get("/health")).json()
    assert told["status"] == "healthy"
    assert told["routing_mode"] == told["routing_mode_answering"] == "keywords"
    assert set(told["categories"]) >= {"tools", "code", "reasoning", "conversation"}
    assert (await router.http.get("/health/ready")).json()["status"] == "ready"
