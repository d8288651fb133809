"""What prices that somebody states would change, compared with those that are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from llmrouter.core.prices import PriceCard
from llmrouter.core.records import Record, replace
from llmrouter.core.routing import Target
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.price_sources.found import Skipped
from llmrouter.policy.stated_prices import StatedPrice

StatedBy = Literal["manual", "import"]
"""Who states prices: a person, or a source that is imported."""


class PriceChange(Record):
    """A new card, and the one that counted before; None where there was no price."""

    after: PriceCard
    before: PriceCard | None


class PriceChanges(Record):
    """What is new, how many prices are as before, and what is left alone and why."""

    added: tuple[PriceChange, ...]
    unchanged: int
    skipped: tuple[Skipped, ...]


def price_changes(
    book: PriceBook, stated: Iterable[StatedPrice], *, by: StatedBy, now_us: int
) -> PriceChanges:
    """A price that is known already makes no card; one that a person has said is left alone by
    imports."""
    added: list[PriceChange] = []
    skipped: list[Skipped] = []
    unchanged = 0
    for price in stated:
        card = price.card(origin=by, now_us=now_us)
        before = _counting(book, card, max(card.valid_from_us, now_us))
        if by == "import" and before is not None and before.origin in ("configuration", "manual"):
            whose = "the configuration" if before.origin == "configuration" else "`prices set`"
            skipped.append(Skipped(price.model, f"its price is set by {whose}"))
        elif before is not None and _repeats(card, before):
            unchanged += 1
        elif by == "import" and before is not None:
            # What is read now holds from where it corrects what had been read.
            from_us = max(card.valid_from_us, before.valid_from_us)
            added.append(PriceChange(replace(card, valid_from_us=from_us), before))
        else:
            added.append(PriceChange(card, before))
    return PriceChanges(tuple(added), unchanged, tuple(skipped))


def _counting(book: PriceBook, card: PriceCard, at_us: int) -> PriceCard | None:
    """The card of this very model (not of any model of its provider) that counts at a moment."""
    before = book.card(Target(card.provider, card.model), at_us)
    return before if before is not None and before.model == card.model else None


def _repeats(card: PriceCard, before: PriceCard) -> bool:
    if not before.says_the_same(card) or card.valid_to_us != before.valid_to_us:
        return False
    return card.origin == "import" or (
        before.origin == "manual" and before.valid_from_us <= card.valid_from_us
    )
