"""``/replays``: logged requests through another configuration."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from quart import Blueprint

from llmrouter.core.errors import FieldError, InvalidRequest, NotFound
from llmrouter.core.ids import show_id
from llmrouter.core.moments import read_moment
from llmrouter.core.records import as_mapping, field_names
from llmrouter.core.replay import (
    MAX_OUTPUT_TOKENS,
    Baseline,
    LiveAsked,
    ReplayAsked,
    ReplayResult,
    ReplayRow,
    ReplayWindow,
)
from llmrouter.core.routing import Mode
from llmrouter.web.bodies import model_body
from llmrouter.web.parameters import known_id, whole_number
from llmrouter.web.services import services

_LIVE_MEMBERS: Final = frozenset(field_names(LiveAsked))

blueprint = Blueprint("replays", __name__, url_prefix="/replays")

MAX_NUMBER = 2**31 - 1


class LiveOrder(BaseModel):
    """How requests are really sent: nothing is without ``max_usd``."""

    model_config = ConfigDict(extra="forbid")

    max_usd: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_requests: int | None = Field(None, ge=1)
    concurrency: int = Field(4, ge=1, le=64)


class ReplayOrder(LiveOrder):
    """What to try, and on which requests.  ``set`` holds changes such as
    ``categories.code.models=["openai/gpt-4o-mini"]``.  With ``live`` the requests are sent."""

    live: bool = False
    baseline: Baseline = "logged"
    judge: str | None = Field(None, max_length=500)
    max_output_tokens: int = Field(MAX_OUTPUT_TOKENS, ge=1)
    unchanged: bool = False
    allow_unknown_prices: bool = False
    document: dict[str, Any] | None = None
    document_label: str | None = Field(None, max_length=200)
    version: int | None = Field(None, ge=1, le=MAX_NUMBER)
    set: list[str] = Field(default_factory=list, max_length=100)
    mode: Mode | None = None
    since: str | None = None
    until: str | None = None
    category: str | None = None
    model: str | None = None
    key: str | None = None
    limit: int | None = Field(None, ge=1)
    sample: int | None = Field(None, ge=1)
    seed: int = 1
    breakers: Literal["then", "ignore"] = "then"
    prices: Literal["then", "today"] = "then"


@blueprint.post("")
async def start() -> tuple[dict[str, Any], int]:
    """Begins a replay in the background; it calls nobody, unless ``live`` is said."""
    order = await model_body(ReplayOrder)
    now_us = services().clock.now_us()
    asked = ReplayAsked(
        window=ReplayWindow(
            since_us=_moment("since", order.since, now_us),
            until_us=_moment("until", order.until, now_us),
            category=order.category,
            model=order.model,
            key_id=order.key,
            limit=order.limit,
            sample=order.sample,
            seed=order.seed,
        ),
        document=order.document,
        document_label=order.document_label or ("the document" if order.document else None),
        version=order.version,
        changes=tuple(order.set),
        mode=order.mode,
        breakers=order.breakers,
        prices=order.prices,
    )
    desk = await services().replay_desk()
    if not order.live:
        _refuse_live_members(order)
        return show_replay(await desk.start(asked)), 202
    _refuse_offline_members(order)
    wanted = LiveAsked(
        max_usd=order.max_usd,
        max_requests=order.max_requests,
        concurrency=order.concurrency,
        baseline=order.baseline,
        judge=order.judge,
        max_output_tokens=order.max_output_tokens,
        unchanged=order.unchanged,
        allow_unknown_prices=order.allow_unknown_prices,
    )
    return show_replay(await desk.start_live(asked, wanted)), 202


@blueprint.get("")
async def replays() -> dict[str, Any]:
    """The replays, newest first; ``before`` and ``limit`` page through them."""
    before = whole_number("before", 0, maximum=MAX_NUMBER) or None
    limit = whole_number("limit", 50, maximum=500)
    listed = await services().reader.replays.list(before=before, limit=limit)
    return {"replays": [show_replay(row, whole=False) for row in listed]}


@blueprint.get("/<int:number>")
async def replay(number: int) -> dict[str, Any]:
    """One replay with its candidate and, once it is finished, its report."""
    return show_replay(await _found(number))


@blueprint.get("/<int:number>/results")
async def results(number: int) -> dict[str, Any]:
    """A replay's results in the order of their requests; ``after`` (a request's id) and ``limit``
    page."""
    await _found(number)
    after = known_id("after") or 0
    limit = whole_number("limit", 100, maximum=1000)
    page = await services().reader.replays.results(number, after_id=after, limit=limit)
    last = page[-1].request_id if len(page) == limit else None
    return {
        "results": [_show_result(result) for result in page],
        "next_after": None if last is None else show_id(last),
    }


@blueprint.post("/<int:number>/resume")
async def resume(number: int) -> tuple[dict[str, Any], int]:
    """Goes on with a replay that was interrupted; a live one needs ``max_usd`` in the body."""
    desk = await services().replay_desk()
    if await desk.kind_of(number) != "live":
        return show_replay(await desk.resume(number)), 202
    order = await model_body(LiveOrder)
    wanted = LiveAsked(order.max_usd, order.max_requests, order.concurrency)
    return show_replay(await desk.resume_live(number, wanted)), 202


def show_replay(row: ReplayRow, *, whole: bool = True) -> dict[str, Any]:
    """A replay as JSON."""
    shown = as_mapping(row)
    if not whole:
        del shown["candidate"], shown["report"]
    return shown


def _show_result(result: ReplayResult) -> dict[str, Any]:
    """A result as JSON, with the ids that requests have everywhere."""
    new_id = result.new_request_id
    return {
        **as_mapping(result),
        "request_id": show_id(result.request_id),
        "new_request_id": None if new_id is None else show_id(new_id),
    }


def _refuse_live_members(order: ReplayOrder) -> None:
    """What is about sending is not passed over in silence."""
    faults = [
        FieldError(name, "is for live replays; say `live: true`, or leave it out")
        for name in ReplayOrder.model_fields
        if name in order.model_fields_set and name in _LIVE_MEMBERS
    ]
    if faults:
        raise InvalidRequest(faults)


def _refuse_offline_members(order: ReplayOrder) -> None:
    """A live replay counts what it pays, and goes by breakers as they were."""
    given = {"breakers": order.breakers, "prices": order.prices}
    faults = [
        FieldError(name, "is for replays that send nothing; leave it out")
        for name, value in given.items()
        if value != "then"
    ]
    if faults:
        raise InvalidRequest(faults)


async def _found(number: int) -> ReplayRow:
    found = await services().reader.replays.get(number) if number <= MAX_NUMBER else None
    if found is None:
        raise NotFound(f"there is no replay {number}", code="replay_not_found")
    return found


def _moment(name: str, text: str | None, now_us: int) -> int | None:
    if text is None:
        return None
    try:
        return read_moment(text, now_us)
    except ValueError as error:
        raise InvalidRequest([FieldError(name, str(error))]) from None
