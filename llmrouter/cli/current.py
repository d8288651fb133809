"""The configuration that runs, or would run, with what is known of its targets."""

from __future__ import annotations

from llmrouter.cli.ledger import database, reading
from llmrouter.core.clock import Clock
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.documents import read_configuration
from llmrouter.pipeline.availability import Availability
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.stated_prices import built_in_prices
from llmrouter.policy.table import RoutingTable, compile_table
from llmrouter.settings import Keyring, Settings
from llmrouter.store.condition import exists
from llmrouter.store.reader import LedgerReader


async def current(
    settings: Settings, keyring: Keyring, clock: Clock
) -> tuple[RoutingTable, Availability]:
    """The ledger's newest version, or the built-in configuration where there is no ledger yet."""
    version, availability, book = await _from_ledger(settings, clock)
    table = _table(version, settings, keyring)
    return table.with_prices(book.assuming(table.configured_prices)), availability


async def _from_ledger(
    settings: Settings, clock: Clock
) -> tuple[ConfigurationVersion | None, Availability, PriceBook]:
    """The newest version, what is known of the targets, and prices; without a ledger no version
    and the built-in prices."""
    if not exists(database(settings)):
        return None, Availability(clock), await known_prices(None)
    async with reading(settings) as reader:
        availability = Availability(clock, await reader.availability(clock.now_us()))
        return await reader.versions.latest(), availability, await known_prices(reader)


async def known_prices(ledger: LedgerReader | None) -> PriceBook:
    """The ledger's prices; the built-in ones where no server has put them into it yet."""
    book = PriceBook() if ledger is None else await ledger.prices.book()
    return book if len(book) else PriceBook(built_in_prices())


def _table(
    version: ConfigurationVersion | None, settings: Settings, keyring: Keyring
) -> RoutingTable:
    number, document = (version.number, version.document) if version else (0, {})
    source = f"configuration version {number}"
    config = read_configuration(document, source, settings=settings, keyring=keyring)
    return compile_table(number, document, config)
