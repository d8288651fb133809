"""``POST /explain``: what would happen to this request, and why; nothing is called."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request

from llmrouter.core.records import as_mapping
from llmrouter.core.routing import Candidate
from llmrouter.pipeline.exchange import Caller, Exchange
from llmrouter.web.bodies import raw_body
from llmrouter.web.services import services

blueprint = Blueprint("explain", __name__)


@blueprint.post("/explain")
async def explain() -> dict[str, Any]:
    """The classification and the decision for a chat request."""
    part = services()
    table = part.configuration.table
    exchange = Exchange(part.ids.next(), table, part.dialects["openai"], part.clock, dry=True)
    headers = {name.lower(): value for name, value in request.headers.items()}
    exchange.caller = Caller(endpoint="/explain", headers=headers)
    exchange.body = await raw_body(table.config.limits.request_body_bytes)
    await part.explainer.advance(exchange)
    if exchange.error is not None:
        raise exchange.error
    return show_explanation(exchange)


def show_explanation(exchange: Exchange) -> dict[str, Any]:
    """What the stages found, as JSON."""
    decision = exchange.decision
    usable = decision.usable
    return {
        "text": exchange.authored.text[:2000],
        "client": exchange.authored.agent,
        "conversation_id": exchange.conversation_id,
        "classification": as_mapping(exchange.classification),
        "decision": {
            "route": decision.route,
            "strategy": decision.strategy,
            "resolved_by": decision.resolved_by,
            "config_version": decision.config_version,
            "chosen": usable[0].name if usable else None,
            "candidates": [_candidate(candidate) for candidate in decision.candidates],
        },
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "target": candidate.target.name,
        "account": candidate.target.account,
        "refused": candidate.refused,
        "detail": candidate.detail,
    }
