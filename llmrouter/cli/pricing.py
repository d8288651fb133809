"""What the `prices` commands do: reading the ledger's prices, and adding to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmrouter.cli.configuration import change_ledger
from llmrouter.cli.current import current
from llmrouter.cli.output import fail
from llmrouter.cli.server_calls import call_server
from llmrouter.core.clock import Clock
from llmrouter.core.errors import NotFound
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.core.prices import PriceCard
from llmrouter.core.routing import Target
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.policy.price_changes import StatedBy
from llmrouter.policy.stated_prices import StatedPrice
from llmrouter.settings import Settings, read_keyring, read_settings
from llmrouter.web.price_rows import show_changes

AT_ONCE = 1_000
"""Prices in one call to the server."""

SERVER_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """A model's cards, and the one that counts now."""

    target: Target
    counting: PriceCard | None
    history: tuple[PriceCard, ...]


async def current_prices(clock: Clock, at_us: int) -> tuple[PriceCard, ...]:
    """The card that counts for each model at a moment."""
    table, _ = await current(read_settings(), read_keyring(), clock)
    return table.book.current(at_us)


async def model_prices(name: str, clock: Clock) -> ModelPrices:
    """Everything about one model's price."""
    table, _ = await current(read_settings(), read_keyring(), clock)
    target = await model_meant(name, clock)
    return ModelPrices(target, table.price(target, clock.now_us()), table.book.history(target))


async def model_meant(name: str, clock: Clock) -> Target:
    """The model that a name stands for; ``provider/*`` is any of a provider's."""
    table, _ = await current(read_settings(), read_keyring(), clock)
    provider, _, model = name.partition("/")
    if model == "*":
        return Target(provider, model)
    try:
        pinned = table.resolve(name).pinned
    except NotFound as error:
        fail(error.message)
    if not pinned:
        fail(f"`{name}` is a route, not a model; routes cost what their models cost")
    return Target(pinned[0].provider, pinned[0].model)


async def state_prices(
    prices: Sequence[StatedPrice], *, by: StatedBy, clock: Clock, dry_run: bool
) -> Mapping[str, Any]:
    """Adds prices to the ledger, or through the server that holds it; gives what it changed."""

    async def through_store(active: ActiveConfiguration) -> Mapping[str, Any]:
        changes = await active.state_prices(prices, by=by, now_us=clock.now_us(), dry_run=dry_run)
        return show_changes(changes, dry_run=dry_run)

    def through_server(settings: Settings, _: ConfigurationVersion) -> Mapping[str, Any]:
        answers = [
            call_server(
                settings,
                "POST",
                "/prices",
                {
                    "by": by,
                    "dry_run": dry_run,
                    "prices": [price.model_dump(mode="json", exclude_none=True) for price in some],
                },
                timeout_s=SERVER_TIMEOUT_S,
            )
            for some in (prices[at : at + AT_ONCE] for at in range(0, len(prices), AT_ONCE))
        ]
        return {
            "dry_run": dry_run,
            "added": [added for answer in answers for added in answer["added"]],
            "unchanged": sum(answer["unchanged"] for answer in answers),
            "skipped": [skipped for answer in answers for skipped in answer["skipped"]],
        }

    return await change_ledger(through_store, through_server)
