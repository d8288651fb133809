"""``/circuit-breaker``: closing breakers by hand."""

from __future__ import annotations

from typing import Any

from quart import Blueprint

from llmrouter.core.errors import NotFound, RouterError
from llmrouter.web.services import Services, services

blueprint = Blueprint("breakers", __name__, url_prefix="/circuit-breaker")


@blueprint.post("/reset/<path:model>")
async def reset(model: str) -> dict[str, Any]:
    """Closes one target's breaker; short names and aliases are understood."""
    part = services()
    name = _target_name(part, model)
    events, rows = part.availability.reset(name)
    part.ledger.note(events, rows)
    return {"status": "ok", "model": name, "state": "closed"}


@blueprint.post("/reset-all")
async def reset_all() -> dict[str, Any]:
    """Closes every breaker that is not closed, and forgets cooldowns and locks."""
    part = services()
    names, events, rows = part.availability.reset_all()
    part.ledger.note(events, rows)
    return {"status": "ok", "reset": names}


def _target_name(part: Services, model: str) -> str:
    table = part.configuration.table
    known = {target.name for target in table.known_targets()} | set(part.availability.breakers)
    if model in known:
        return model
    try:
        pinned = table.resolve(model).pinned
    except RouterError:
        pinned = ()
    for target in pinned:
        if target.name in known:
            return target.name
    raise NotFound(
        f"There is no breaker for `{model[:200]}`; known: {', '.join(sorted(known))}.",
        code="model_not_found",
        param="model",
    )
