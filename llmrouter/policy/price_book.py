"""The price book: which card counts for a target at a moment.

Built once from the ledger's cards and never changed; a new price makes a new book.  Of several
cards that hold at a moment, a price in the configuration counts over one set by hand, that over
one that was imported or built in; of equals the one that holds since later, then the one that was
said later.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from llmrouter.core.prices import ANY_MODEL, PriceCard, PriceOrigin
from llmrouter.core.records import replace
from llmrouter.core.routing import Target

_RANKS: Final[Mapping[PriceOrigin, int]] = {
    "configuration": 0,
    "manual": 1,
    "import": 2,
    "built_in": 2,
}
_OTHERWISE: Final = 3
_ALWAYS_US: Final = 0

_Key = tuple[str, str]


class PriceBook:
    """All price cards, found by target and moment."""

    def __init__(
        self, cards: Iterable[PriceCard] = (), *, otherwise: Iterable[PriceCard] = ()
    ) -> None:
        """``otherwise`` are cards that count where no other one holds."""
        self._cards = tuple(cards)
        by_model: dict[_Key, dict[int, list[PriceCard]]] = defaultdict(lambda: defaultdict(list))
        for card in sorted(self._cards, key=lambda card: (card.valid_from_us, card.id or 0)):
            by_model[card.provider, card.model][_RANKS[card.origin]].append(card)
        for card in otherwise:
            by_model[card.provider, card.model][_OTHERWISE].append(card)
        timelines = {
            key: tuple(_Timeline(ranks[rank]) for rank in sorted(ranks))
            for key, ranks in by_model.items()
        }
        # Behind a model's own stands what its provider asks for any model.
        self._timelines: Mapping[_Key, tuple[_Timeline, ...]] = {
            (provider, model): own
            if model == ANY_MODEL
            else (*own, *timelines.get((provider, ANY_MODEL), ()))
            for (provider, model), own in timelines.items()
        }

    def __iter__(self) -> Iterator[PriceCard]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def card(self, target: Target, at_us: int) -> PriceCard | None:
        """The card that counts for a target at a moment (wall clock); None: no price is known."""
        timelines = self._timelines.get((target.provider, target.model))
        if timelines is None:
            timelines = self._timelines.get((target.provider, ANY_MODEL), ())
        for timeline in timelines:
            card = timeline.at(at_us)
            if card is not None:
                return card
        return None

    def current(self, at_us: int) -> tuple[PriceCard, ...]:
        """The card that counts at a moment, of each model that has one, in order of their names."""
        targets = (Target(provider, model) for provider, model in sorted(self._timelines))
        found = ((target, self.card(target, at_us)) for target in targets)
        return tuple(card for target, card in found if card and card.model == target.model)

    def configured(self, at_us: int) -> tuple[PriceCard, ...]:
        """The cards of the configuration that hold at a moment."""
        return tuple(
            card
            for card in self.current(at_us)  # nothing counts over them
            if card.origin == "configuration"
        )

    def history(self, target: Target) -> tuple[PriceCard, ...]:
        """Every card of exactly this model, by the moment from which it holds."""
        cards = (c for c in self._cards if (c.provider, c.model) == (target.provider, target.model))
        return tuple(sorted(cards, key=lambda card: (card.valid_from_us, card.id or 0)))

    def assuming(self, configured: Iterable[PriceCard]) -> PriceBook:
        """This book as it would be had a configuration always said these prices and no others."""
        others = (card for card in self._cards if card.origin != "configuration")
        return PriceBook((*others, *_always(configured)))

    def backed_by(self, configured: Iterable[PriceCard]) -> PriceBook:
        """This book; and what a configuration says, for moments at which no price was known."""
        return PriceBook(self._cards, otherwise=_always(configured))


def _always(cards: Iterable[PriceCard]) -> Iterator[PriceCard]:
    """The cards as if they had held since ever."""
    return (replace(card, valid_from_us=_ALWAYS_US, valid_to_us=None) for card in cards)


class _Timeline:
    """Cards of one model and one rank, each of which holds until the next."""

    __slots__ = ("_cards", "_starts")

    def __init__(self, cards: list[PriceCard]) -> None:
        self._cards = cards
        self._starts = [card.valid_from_us for card in cards]

    def at(self, at_us: int) -> PriceCard | None:
        place = bisect_right(self._starts, at_us)
        if place == 0:
            return None
        card = self._cards[place - 1]
        return card if card.valid_to_us is None or at_us < card.valid_to_us else None
