"""``/requests``: what happened, request by request."""

from __future__ import annotations

from typing import Any, get_args

from quart import Blueprint, request

from llmrouter.core.errors import FieldError, InvalidRequest, NotFound
from llmrouter.core.ids import read_id, show_id
from llmrouter.core.routing import Ending
from llmrouter.store.queries.requests import RequestFilter
from llmrouter.web.parameters import known_id, since_us, whole_number
from llmrouter.web.rows import show_request, show_story
from llmrouter.web.services import services

blueprint = Blueprint("requests", __name__)

PAGE = 50
LARGEST_PAGE = 500


@blueprint.get("/requests")
async def list_requests() -> dict[str, Any]:
    """Requests, newest first; ``before`` is the ``next_before`` of the page before."""
    part = services()
    page = await part.reader.request_page(
        before_id=known_id("before"),
        limit=whole_number("limit", PAGE, maximum=LARGEST_PAGE),
        wanted=RequestFilter(
            ending=_ending(),
            category=request.args.get("category"),
            model=request.args.get("model"),
            since_us=since_us(part.clock.now_us()),
        ),
    )
    return {
        "requests": [show_request(row) for row in page.requests],
        "next_before": None if page.next_before is None else show_id(page.next_before),
    }


@blueprint.get("/requests/<path:request_id>")  # a client's own id may hold a slash
async def one_request(request_id: str) -> dict[str, Any]:
    """A request's whole story, by our id or by the ``X-Request-Id`` that the client sent."""
    part = services()
    number = read_id(request_id)
    story = None if number is None else await part.reader.request_story(number)
    if story is None:
        sent = await part.reader.requests_by_client_id(request_id, limit=1)
        story = await part.reader.request_story(sent[0].id) if sent else None
    if story is None:
        raise NotFound(
            f"there is no request `{request_id[:100]}` in the ledger", code="request_not_found"
        )
    return show_story(story)


def _ending() -> Ending | None:
    text = request.args.get("ending")
    if text is None:
        return None
    for ending in get_args(Ending):
        if ending == text:
            found: Ending = ending
            return found
    known = ", ".join(get_args(Ending))
    raise InvalidRequest([FieldError("ending", f"must be one of {known}")])
