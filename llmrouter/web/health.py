"""``/health``: alive, and ready for work."""

from __future__ import annotations

from typing import Any

from quart import Blueprint

import llmrouter
from llmrouter.web.services import services

blueprint = Blueprint("health", __name__)

SERVICE = "llm-router"


@blueprint.get("/health")
async def health() -> dict[str, Any]:
    """The process is alive; says how it classifies, and nothing else."""
    part = services()
    table = part.configuration.table
    mode = table.config.routing.mode
    return {
        "status": "healthy",
        "service": SERVICE,
        "version": llmrouter.__version__,
        "routing_mode": mode,
        "routing_mode_answering": part.classify.answering(mode),
        "categories": list(table.config.categories),
    }


@blueprint.get("/health/ready")
async def ready() -> tuple[dict[str, Any], int]:
    """503 while the ledger cannot be written or the server drains."""
    part = services()
    if part.traffic.draining:
        return {"status": "draining", "service": SERVICE}, 503
    if not part.ledger.healthy:
        return {"status": "ledger unavailable", "service": SERVICE}, 503
    return {"status": "ready", "service": SERVICE}, 200
