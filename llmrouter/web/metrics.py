"""``/metrics``: queries on the ledger, as JSON, or as text for Prometheus."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, request

from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.store.queries.metrics import Metrics
from llmrouter.web.parameters import since_us
from llmrouter.web.rows import show_request, show_usd
from llmrouter.web.services import Services, services

blueprint = Blueprint("metrics", __name__)

RECENT_REQUESTS = 10
PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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
    """The same figures in Prometheus' text format."""
    part = services()
    text = prometheus_text(await part.reader.metrics(None), part)
    return Response(text, content_type=PROMETHEUS_TYPE)


def prometheus_text(found: Metrics, part: Services) -> str:
    """Counters since the ledger began, and gauges of this process."""
    states = part.availability.breakers
    families: list[tuple[str, str, str, list[tuple[str, float]]]] = [
        (
            "llmrouter_requests_total",
            "counter",
            "Requests by how they ended",
            [('{result="success"}', found.success), ('{result="failed"}', found.failed)],
        ),
        (
            "llmrouter_cost_usd_total",
            "counter",
            "Known cost in US dollars",
            [("", found.cost_nusd / NUSD_PER_USD)],
        ),
        (
            "llmrouter_unknown_cost_requests_total",
            "counter",
            "Requests whose cost is not known",
            [("", found.unknown_costs)],
        ),
        (
            "llmrouter_model_requests_total",
            "counter",
            "Requests by the model that answered",
            [(_label("model", name), count) for name, count in found.models.items()],
        ),
        (
            "llmrouter_category_requests_total",
            "counter",
            "Requests by category",
            [(_label("category", name), count) for name, count in found.categories.items()],
        ),
        (
            "llmrouter_turned_away_total",
            "counter",
            "Requests refused at the door since this process started, without a row",
            [("", part.traffic.turned_away)],
        ),
        (
            "llmrouter_requests_in_flight",
            "gauge",
            "Requests under way in this process",
            [("", len(part.traffic))],
        ),
        (
            "llmrouter_breaker_open",
            "gauge",
            "1 while a target's breaker is not closed",
            [
                (_label("target", name), 0 if state.position == "closed" else 1)
                for name, state in states.items()
            ],
        ),
    ]
    lines: list[str] = []
    for name, kind, text, samples in families:
        lines += [f"# HELP {name} {text}.", f"# TYPE {name} {kind}"]
        lines += [f"{name}{labels} {value:.10g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


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


def _label(name: str, value: str) -> str:
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{{{name}="{escaped}"}}'


def _wants_prometheus(accept: str) -> bool:
    return "openmetrics" in accept or ("text/plain" in accept and "json" not in accept)
