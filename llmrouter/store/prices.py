"""The price cards: added, never changed; of one that the configuration no longer says, the end is
noted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, insert, select, text, update

from llmrouter.core.clock import Clock
from llmrouter.core.prices import PriceCard, Rate
from llmrouter.core.records import replace
from llmrouter.policy.price_book import PriceBook
from llmrouter.store.changes import PRICES, announce
from llmrouter.store.engine import kind_of
from llmrouter.store.repricing import Repriced, Repricing, reprice_step
from llmrouter.store.schema import price, price_card
from llmrouter.store.snapshots import Snapshots
from llmrouter.store.writer import LedgerWriter

_TURN: Final = 0x6C6C6D70  # "llmp"; the advisory lock of whoever adds cards

_COLUMNS: Final = tuple(
    price_card.c[name]
    for name in (
        "id",
        "provider",
        "model",
        "valid_from_us",
        "valid_to_us",
        "origin",
        "source",
        "config_version",
        "imported_us",
    )
)
_CARD_FIELDS: Final = tuple(column.name for column in _COLUMNS)
_RATE_COLUMNS: Final = (
    price.c.unit_class,
    price.c.nusd_per_million_units,
    price.c.service_tier,
    price.c.from_input_tokens,
)


class StoredPrices:
    """The cards as those see them who only read."""

    def __init__(self, ledger: Snapshots) -> None:
        self._ledger = ledger

    async def book(self) -> PriceBook:
        """Every card."""
        return await self._ledger.ask(_read)


class Prices(StoredPrices):
    """Implements `llmrouter.pipeline.ports.Prices`."""

    def __init__(self, ledger: Snapshots, writer: LedgerWriter, clock: Clock) -> None:
        super().__init__(ledger)
        self._writer = writer
        self._clock = clock

    async def add(self, cards: Sequence[PriceCard]) -> PriceBook:
        """The book with some more cards; one that was the last word already is not added again."""

        def added(book: PriceBook) -> Iterable[PriceCard]:
            last = {_place(card): card for card in book}
            for card in cards:
                known = last.get(_place(card))
                if known is None or _identity(known) != _identity(card):
                    last[_place(card)] = card
                    yield card

        def add(connection: Connection) -> PriceBook:
            book = _read(connection, lock=True)
            return self._extended(connection, book, added(book))

        return await self._writer.transact(add)

    async def reprice(
        self, wanted: Repricing, book: PriceBook, *, after_id: int = 0, dry_run: bool = False
    ) -> Repriced:
        """Corrects the costs of the next requests by this book; to be called until it gives no
        ``last_id`` any more."""
        now_us = self._clock.now_us()
        return await self._writer.transact(
            lambda connection: reprice_step(
                connection, wanted, book, now_us=now_us, after_id=after_id, dry_run=dry_run
            )
        )

    async def configure(self, cards: Sequence[PriceCard]) -> PriceBook:
        """The book once these, from now on, are all that the configuration says of prices."""
        now_us = self._clock.now_us()

        def configure(connection: Connection) -> PriceBook:
            said = {(card.provider, card.model): card for card in cards}
            book = _read(connection, lock=True)
            holding = book.configured(now_us)
            kept = {
                (card.provider, card.model)
                for card in holding
                if (now := said.get((card.provider, card.model))) and now.says_the_same(card)
            }
            ended = [c.id for c in holding if (c.provider, c.model) not in said]
            if ended:
                connection.execute(
                    update(price_card).where(price_card.c.id.in_(ended)).values(valid_to_us=now_us)
                )
                book = _read(connection)
            new = [
                replace(card, valid_from_us=now_us) for key, card in said.items() if key not in kept
            ]
            return self._extended(connection, book, new)

        return await self._writer.transact(configure)

    def _extended(
        self, connection: Connection, book: PriceBook, added: Iterable[PriceCard]
    ) -> PriceBook:
        newest = connection.execute(select(func.max(price_card.c.id))).scalar() or 0
        now_us = self._clock.now_us()
        new = [
            replace(card, id=number, imported_us=now_us)
            for number, card in enumerate(added, newest + 1)
        ]
        if not new:
            return book
        connection.execute(insert(price_card), [_card_values(card) for card in new])
        rates = [_rate_values(card, rate) for card in new for rate in card.rates]
        if rates:
            connection.execute(insert(price), rates)
        announce(connection, PRICES)
        return PriceBook((*book, *new))


def _read(connection: Connection, *, lock: bool = False) -> PriceBook:
    if lock and kind_of(connection) == "postgresql":
        # Nodes that add at once would give the same numbers out.
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
    return PriceBook(_cards(connection.execute(_all_rates()).all()))


def _all_rates() -> Select[Any]:
    """Cards with their rates; a card without any has one row, whose rate is NULL."""
    return (
        select(*_COLUMNS, *_RATE_COLUMNS)
        .outerjoin(price, price.c.card_id == price_card.c.id)
        .order_by(price_card.c.id, price.c.unit_class, price.c.from_input_tokens)
    )


def _cards(rows: Sequence[Row[Any]]) -> list[PriceCard]:
    cards = []
    for _, group in groupby(rows, key=itemgetter(0)):
        of_one = list(group)
        head = dict(zip(_CARD_FIELDS, of_one[0], strict=False))
        rates = tuple(
            Rate(*rate) for rate in (row[len(_COLUMNS) :] for row in of_one) if rate[0] is not None
        )
        cards.append(PriceCard(**head, rates=rates))
    return cards


def _place(card: PriceCard) -> tuple[object, ...]:
    """Where a card's last word counts: a later one takes the earlier one's place."""
    return card.provider, card.model, card.origin, card.valid_from_us


def _identity(card: PriceCard) -> tuple[object, ...]:
    """What makes two cards the same statement."""
    return (
        card.provider,
        card.model,
        card.origin,
        card.source,
        card.valid_from_us,
        card.valid_to_us,
        tuple(sorted(card.rates)),
    )


def _card_values(card: PriceCard) -> dict[str, Any]:
    return {name: getattr(card, name) for name in _CARD_FIELDS}


def _rate_values(card: PriceCard, rate: Rate) -> dict[str, Any]:
    return {
        "card_id": card.id,
        **{column.name: getattr(rate, column.name) for column in _RATE_COLUMNS},
    }
