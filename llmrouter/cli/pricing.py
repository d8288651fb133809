"""What the `prices` commands do: reading the ledger's prices, and adding to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from llmrouter.cli.configuration import change_ledger
from llmrouter.cli.current import current
from llmrouter.cli.output import fail
from llmrouter.cli.server_calls import call_server
from llmrouter.core.clock import Clock
from llmrouter.core.errors import NotFound
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.core.prices import PriceCard
from llmrouter.core.records import Record
from llmrouter.core.routing import Target
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.policy.price_changes import StatedBy
from llmrouter.policy.stated_prices import StatedPrice
from llmrouter.settings import Settings, read_keyring, read_settings
from llmrouter.store.errors import DatabaseInUse
from llmrouter.store.repricing import Repricing
from llmrouter.web.price_rows import show_changes, show_repriced
from llmrouter.web.rows import show_time

AT_ONCE = 1_000
"""Prices in one call to the server."""

SERVER_TIMEOUT_S = 60.0


SUMMED = ("requests", "changed", "newly_known", "before_usd", "after_usd", "without_events")
"""What steps of computing costs anew add up."""


class RepricingOrder(Record):
    """Whose costs to compute anew, and with which prices."""

    wanted: Repricing
    current_configuration: bool
    dry_run: bool

    @property
    def document(self) -> dict[str, Any]:
        """As ``POST /prices/recompute`` takes it."""
        target, until_us = self.wanted.target, self.wanted.until_us
        document: dict[str, Any] = {
            "since": show_time(self.wanted.since_us),
            "current_configuration": self.current_configuration,
            "dry_run": self.dry_run,
        }
        if until_us is not None:
            document["until"] = show_time(until_us)
        if target is not None:
            document["model"] = target.name
        return document


class ModelPrices(Record):
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


async def recompute_costs(order: RepricingOrder, clock: Clock) -> Mapping[str, Any]:
    """Computes costs anew in the ledger, or through the server that holds it; gives the sums."""
    # It loads every room of the store and the server: commands that only read go without.
    from llmrouter.bootstrap.ledger import changing_prices

    settings, keyring = read_settings(), read_keyring()
    try:
        async with changing_prices(settings, keyring) as (active, prices):
            now_us = clock.now_us()
            book = active.book
            if order.current_configuration:
                book = book.assuming(book.configured(now_us))

            async def step(after_id: int) -> Mapping[str, Any]:
                found = await prices.reprice(
                    order.wanted, book, after_id=after_id, dry_run=order.dry_run
                )
                return show_repriced(found)

            return await _to_the_end(step)
    except DatabaseInUse:

        async def ask(after_id: int) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = call_server(
                settings,
                "POST",
                "/prices/recompute",
                {**order.document, "after": after_id},
                timeout_s=SERVER_TIMEOUT_S,
            )
            return answer

        return await _to_the_end(ask)


async def _to_the_end(step: Callable[[int], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
    """Every step after the other, summed up."""
    sums: dict[str, Any] = dict.fromkeys(SUMMED, 0)
    after: int | None = 0
    while after is not None:
        found = await step(after)
        sums = {name: sums[name] + found[name] for name in SUMMED}
        after = found["next"]
    return sums


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
