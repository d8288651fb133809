"""What Prometheus reads: by its own parser, with names and labels after OpenTelemetry's."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from llmrouter.store.queries.totals import Total
from llmrouter.store.schema import MEASURES
from llmrouter.web.prometheus import as_text, gauge, ledger_families
from tests.provider import Provider, answer, status
from tests.running import RunningRouter

DURATION = "gen_ai_server_request_duration_seconds"
FIRST_TOKEN = "gen_ai_server_time_to_first_token_seconds"
TOKENS = "gen_ai_client_token_usage_total"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(router: RunningRouter) -> Samples:
    return parsed((await router.http.get("/metrics/prometheus")).text)


def parsed(page: str) -> Samples:
    samples: Samples = {}
    for family in text_string_to_metric_families(page):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"{key} is there twice"
            samples[key] = sample.value
    return samples


def labels(**more: str) -> frozenset[tuple[str, str]]:
    lab = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "lab",
        "gen_ai_request_model": "fast",
    }
    return frozenset({**lab, **more}.items())


async def test_requests_are_there_with_the_conventions_names(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", answer())
    provider.on("broken", status(500))
    await router.chat()
    async with router.streaming() as reply:
        await reply.aread()
    await router.chat(model="lab/broken")

    found = await scraped(router)

    assert found[f"{DURATION}_count", labels()] == 2
    assert found[f"{DURATION}_bucket", labels(le="+Inf")] == 2
    assert 0 < found[f"{DURATION}_sum", labels()] < 60
    failed = labels(gen_ai_request_model="broken", error_type="failed")
    assert found[f"{DURATION}_count", failed] == 1
    assert found[f"{FIRST_TOKEN}_count", labels()] == 1
    assert found[TOKENS, labels(gen_ai_token_type="input")] == 20
    assert found[TOKENS, labels(gen_ai_token_type="output")] == 10
    assert found["llmrouter_cost_usd_total", labels()] == pytest.approx(4e-5)
    assert found["llmrouter_requests_total", frozenset({("ending", "failed")})] == 1
    assert found["llmrouter_requests_in_flight", frozenset()] == 0
    assert found["llmrouter_breaker_open", frozenset({("target", "lab/broken")})] == 0


async def test_counters_do_not_fall_when_old_requests_are_purged(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", answer())
    for _ in range(3):
        await router.chat()
    before = await scraped(router)

    await router.router.services.ledger.transact(  # type: ignore[attr-defined]
        lambda connection: [
            connection.execute(text(f"DELETE FROM {table}")) for table in ("request", "attempt")
        ]
    )
    await router.chat()
    after = await scraped(router)

    assert after[f"{DURATION}_count", labels()] == 4
    assert all(after[key] >= value for key, value in before.items() if "_total" in key[0])


def total(
    *, provider: str = "lab", model: str = "fast", ending: str = "completed", **amounts: int
) -> Total:
    every: Mapping[str, int] = {**dict.fromkeys(MEASURES, 0), **amounts}
    return Total(provider, model, "code", "keywords", ending, every)


def test_buckets_are_cumulative_and_the_last_has_no_end() -> None:
    found = parsed(
        as_text(
            ledger_families(
                [
                    total(
                        requests=6,
                        duration_us=5_000_000,
                        duration_log2_10=1,
                        duration_log2_11=2,
                        duration_log2_32=3,
                    )
                ]
            )
        )
    )

    buckets = {
        float(dict(key)["le"]): value for (name, key), value in found.items() if "_bucket" in name
    }
    assert buckets[0.001024] == 1
    assert buckets[0.002048] == 3
    assert buckets[2147.483648] == 3
    assert buckets[float("inf")] == 6
    assert list(buckets.values()) == sorted(buckets.values())
    assert found[f"{DURATION}_sum", labels()] == 5


def test_providers_have_the_names_of_the_convention() -> None:
    found = parsed(
        as_text(ledger_families([total(provider="xai", requests=1, duration_log2_10=1)]))
    )

    assert found[f"{DURATION}_count", labels(gen_ai_provider_name="x_ai")] == 1


def test_a_request_that_nobody_answered_names_no_provider() -> None:
    rejected = total(provider="", model="", ending="rejected", requests=2, duration_log2_10=2)

    found = parsed(as_text(ledger_families([rejected])))

    key = frozenset({("gen_ai_operation_name", "chat"), ("error_type", "rejected")})
    assert found[f"{DURATION}_count", key] == 2


def test_a_ledger_without_requests_is_no_error() -> None:
    assert parsed(as_text(ledger_families([])))["llmrouter_attempts_total", frozenset()] == 0


def test_any_text_in_a_label_is_read_back_as_it_was() -> None:
    odd = 'a "b" \\ c\nd {e="f"} é'

    found = parsed(as_text([gauge("odd", "Odd names", {(("target", odd),): 1.5})]))

    assert found == {("odd", frozenset({("target", odd)})): 1.5}


def test_names_and_units_are_those_of_prometheus() -> None:
    page = as_text(ledger_families([total(requests=1, duration_log2_10=1)]))

    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        assert re.fullmatch(r"(?:gen_ai|llmrouter)_[a-z_]+", name)
        assert name.endswith("_total" if kind == "counter" else "_seconds")
