"""``POST /requests/{id}/feedback``: which category a request should have had."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from quart import Blueprint

from llmrouter.core.errors import NotFound
from llmrouter.core.events import Event, RequestCorrected
from llmrouter.core.ids import read_id, show_id
from llmrouter.web.bodies import model_body
from llmrouter.web.services import require_category, services

blueprint = Blueprint("feedback", __name__)


class Feedback(BaseModel):
    """The category that a request should have had."""

    model_config = ConfigDict(extra="forbid")

    category: str


@blueprint.post("/requests/<request_id>/feedback")
async def correct(request_id: str) -> dict[str, Any]:
    """Records a correction as an event; `llmrouter classify --corrections` counts them."""
    part = services()
    feedback = await model_body(Feedback)
    require_category(part, feedback.category)
    number = read_id(request_id)
    story = None if number is None else await part.reader.request_story(number)
    if story is None or story.request is None:
        raise NotFound(
            f"there is no finished request `{request_id[:100]}`", code="request_not_found"
        )
    row = story.request
    corrected = RequestCorrected(show_id(row.id), feedback.category, row.category, row.mode)
    part.ledger.note([Event(0, corrected)])
    return {
        "status": "ok",
        "id": show_id(row.id),
        "category": row.category,
        "corrected": feedback.category,
    }
