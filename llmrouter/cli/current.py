"""The configuration that runs, or would run, with what is known of its targets."""

from __future__ import annotations

from llmrouter.cli.ledger import database, reading
from llmrouter.core.clock import Clock
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.documents import read_configuration
from llmrouter.pipeline.availability import Availability
from llmrouter.policy.table import RoutingTable, compile_table
from llmrouter.settings import Keyring, Settings
from llmrouter.store.condition import exists


async def current(
    settings: Settings, keyring: Keyring, clock: Clock
) -> tuple[RoutingTable, Availability]:
    """The ledger's newest version, or the built-in configuration where there is no ledger yet."""
    version, availability = await _from_ledger(settings, clock)
    return _table(version, settings, keyring), availability


async def _from_ledger(
    settings: Settings, clock: Clock
) -> tuple[ConfigurationVersion | None, Availability]:
    """The newest version and what is known of the targets; None and nothing without a ledger."""
    if not exists(database(settings)):
        return None, Availability(clock)
    async with reading(settings) as reader:
        availability = Availability(clock, await reader.availability(clock.now_us()))
        return await reader.versions.latest(), availability


def _table(
    version: ConfigurationVersion | None, settings: Settings, keyring: Keyring
) -> RoutingTable:
    number, document = (version.number, version.document) if version else (0, {})
    source = f"configuration version {number}"
    config = read_configuration(document, source, settings=settings, keyring=keyring)
    return compile_table(number, document, config)
