"""``/metrics``: queries on the ledger, as JSON, or as text for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quart import Blueprint, Response, request

from llmrouter.web.parameters import since_us
from llmrouter.web.prometheus import (
    PROMETHEUS_TYPE,
    Family,
    as_text,
    counter,
    gauge,
    ledger_families,
)
from llmrouter.web.rows import show_request, show_usd
from llmrouter.web.services import Services, services

blueprint = Blueprint("metrics", __name__)

RECENT_REQUESTS = 10


@blueprint.get("/metrics")
async def metrics() -> Response | dict[str, Any]:
    """Counts, cost and distributions since the beginning, or ``?since=24h``."""
    if _wants_prometheus(request.headers.get("accept", "")):
        return await prometheus()
    part = services()
    found = await part.reader.metrics(since_us(part.clock.now_us()))
    recent = await part.reader.recent_requests(RECENT_REQUESTS)
    return {
        "requests": {
            "total": found.total,
            "success": found.success,
            "failed": found.failed,
            "unknown_cost": found.unknown_costs,
        },
        "avg_latency_ms": found.avg_latency_ms,
        "total_cost_usd": show_usd(found.cost_nusd),
        "model_distribution": found.models,
        "provider_distribution": found.providers,
        "category_distribution": found.categories,
        "routing_mode_distribution": found.modes,
        "circuit_breaker": _breakers(part),
        "recent_requests": [show_request(row) for row in recent],
    }


@blueprint.get("/metrics/prometheus")
async def prometheus() -> Response:
    """Counters since the ledger began, and gauges of this process, as Prometheus reads them."""
    part = services()
    found = ledger_families(await part.reader.totals())
    return Response(as_text([*found, *_process_families(part)]), content_type=PROMETHEUS_TYPE)


def _process_families(part: Services) -> Iterator[Family]:
    """What this process knows of itself."""
    states = part.availability.breakers
    yield counter(
        "llmrouter_turned_away_total",
        "Requests refused at the door since this process started, without a row",
        {(): part.traffic.turned_away},
    )
    yield gauge(
        "llmrouter_requests_in_flight",
        "Requests under way in this process",
        {(): len(part.traffic)},
    )
    yield gauge(
        "llmrouter_breaker_open",
        "1 while a target's breaker is not closed",
        {
            (("target", name),): 0 if state.position == "closed" else 1
            for name, state in states.items()
        },
    )


def _breakers(part: Services) -> dict[str, Any]:
    config = part.configuration.table.config.breaker
    states = part.availability.breakers
    return {
        "failures": {name: state.failures for name, state in states.items() if state.failures},
        "open_circuits": [n for n, state in states.items() if state.position == "open"],
        "half_open_circuits": [n for n, state in states.items() if state.position == "half_open"],
        "config": {
            "failure_threshold": config.failure_threshold,
            "recovery_timeout_sec": config.recovery_timeout_s,
        },
    }


def _wants_prometheus(accept: str) -> bool:
    return "openmetrics" in accept or ("text/plain" in accept and "json" not in accept)
