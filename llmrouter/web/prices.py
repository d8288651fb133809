"""``/prices``: what models charge, and what they charged; new prices."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from quart import Blueprint

from llmrouter.core.errors import FieldError, InvalidRequest, NotFound
from llmrouter.core.moments import read_moment
from llmrouter.core.routing import Target
from llmrouter.policy.price_changes import StatedBy
from llmrouter.policy.stated_prices import StatedPrice
from llmrouter.store.repricing import Repricing
from llmrouter.web.bodies import model_body
from llmrouter.web.parameters import since_us
from llmrouter.web.price_rows import show_card, show_changes, show_repriced
from llmrouter.web.services import services

blueprint = Blueprint("prices", __name__, url_prefix="/prices")

MAX_PRICES = 5_000


class NewPrices(BaseModel):
    """Prices that somebody states."""

    model_config = ConfigDict(extra="forbid")

    prices: list[StatedPrice] = Field(min_length=1, max_length=MAX_PRICES)
    by: StatedBy = "manual"
    dry_run: bool = False


class Recompute(BaseModel):
    """Whose costs are to be computed anew."""

    model_config = ConfigDict(extra="forbid")

    since: str
    until: str | None = None
    model: str | None = Field(None, max_length=256)
    after: int | None = Field(None, ge=0, le=2**63 - 1)
    current_configuration: bool = False
    dry_run: bool = False


def target_of(model: str) -> Target:
    """The target that ``provider/model-id`` names."""
    provider, slash, model_id = model.partition("/")
    return Target(provider, model_id) if slash else Target("", model)


@blueprint.get("")
async def current() -> dict[str, Any]:
    """The card that counts for each model, now or at a moment (``?at=``)."""
    part = services()
    now_us = part.clock.now_us()
    at_us = since_us(now_us, "at")
    cards = part.configuration.book.current(now_us if at_us is None else at_us)
    return {"prices": [show_card(card) for card in cards]}


@blueprint.post("/recompute")
async def recompute() -> dict[str, Any]:
    """Corrects the costs of some requests, and says where the next call goes on (``next``)."""
    asked = await model_body(Recompute)
    part = services()
    now_us = part.clock.now_us()
    try:
        since_us = read_moment(asked.since, now_us)
        until_us = None if asked.until is None else read_moment(asked.until, now_us)
    except ValueError as error:
        raise InvalidRequest([FieldError("since, until", str(error))]) from None
    wanted = Repricing(since_us, until_us, None if asked.model is None else target_of(asked.model))
    book = part.configuration.book
    if asked.current_configuration:
        book = book.assuming(book.configured(now_us))
    found = await part.prices.reprice(
        wanted, book, after_id=asked.after or 0, dry_run=asked.dry_run
    )
    return {"status": "ok", "dry_run": asked.dry_run, **show_repriced(found)}


@blueprint.get("/<path:model>")
async def history(model: str) -> dict[str, Any]:
    """Every card of a model, by when it began to hold, and the one that counts now."""
    part = services()
    target = target_of(model)
    cards = part.configuration.book.history(target)
    counting = part.configuration.table.price(target, part.clock.now_us())
    if not cards and counting is None:
        raise NotFound(
            f"no price of `{model[:200]}` is known; write provider/model-id", code="price_not_found"
        )
    return {
        "model": model,
        "current": None if counting is None else show_card(counting),
        "cards": [show_card(card) for card in cards],
    }


@blueprint.post("")
async def state() -> dict[str, Any]:
    """Adds prices; what is known already adds nothing."""
    new = await model_body(NewPrices)
    part = services()
    changes = await part.configuration.state_prices(
        new.prices, by=new.by, now_us=part.clock.now_us(), dry_run=new.dry_run
    )
    return {"status": "ok", **show_changes(changes, dry_run=new.dry_run)}
