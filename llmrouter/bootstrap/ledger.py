"""The ledger that a process's settings name, and its configuration and prices without a server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial

from llmrouter.core.clock import SystemClock
from llmrouter.documents import read_configuration
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.settings import Bodies, Keyring, Settings
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.store.expiry import RowLimits
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.packing import BodyPolicy
from llmrouter.store.prices import Prices
from llmrouter.store.retention import BodyLimits
from llmrouter.store.writer import LedgerSettings


def database_address(settings: Settings) -> DatabaseAddress:
    """Where the ledger is.  Raises `StoreError`."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return read_address(url, settings.data_dir)


def store_settings(settings: Settings) -> StoreSettings:
    """What the store is told of the process's settings."""
    address = database_address(settings)
    return StoreSettings(
        address=address,
        data_dir=settings.data_dir,
        durability=settings.durability,
        ledger=LedgerSettings(mode=settings.ledger_mode),
        bodies=_body_policy(settings.bodies),
        body_limits=BodyLimits(
            days=min(settings.bodies_days, settings.requests_days or settings.bodies_days),
            megabytes=settings.bodies_mb,
        ),
        row_limits=RowLimits(settings.requests_days or None, settings.events_days or None),
        node=settings.node if "node" in settings.model_fields_set else None,
    )


async def running_configuration(
    store: Store, settings: Settings, keyring: Keyring
) -> ActiveConfiguration:
    """The ledger's newest version, taken up.  Raises `ConfigurationInvalid`."""
    read = partial(read_configuration, settings=settings, keyring=keyring)
    configuration = ActiveConfiguration(store.versions, store.prices, store.ledger, read)
    await configuration.start()
    return configuration


@contextlib.asynccontextmanager
async def changing_configuration(
    settings: Settings, keyring: Keyring
) -> AsyncIterator[ActiveConfiguration]:
    """The configuration of a ledger that no server holds, to be changed.

    Raises `StoreError`; `DatabaseInUse` when a server holds it.
    """
    async with changing_prices(settings, keyring) as (configuration, _):
        yield configuration


@contextlib.asynccontextmanager
async def changing_prices(
    settings: Settings, keyring: Keyring
) -> AsyncIterator[tuple[ActiveConfiguration, Prices]]:
    """The configuration and the prices of a ledger that no server holds, to be changed.

    Raises `StoreError`; `DatabaseInUse` when a server holds it.
    """
    async with open_store(store_settings(settings), SystemClock()) as store:
        configuration = await running_configuration(store, settings, keyring)
        yield configuration, store.prices


def same_ledger(settings: Settings) -> dict[str, str]:
    """The variables by which another process of ours finds the same ledger."""
    found = {"LLMROUTER_DATA_DIR": str(settings.data_dir)}
    if settings.database_url is not None:
        found["LLMROUTER_DATABASE_URL"] = settings.database_url.get_secret_value()
    if settings.routing_mode is not None:
        found["ROUTING_MODE"] = settings.routing_mode
    return found


def _body_policy(bodies: Bodies) -> BodyPolicy:
    match bodies.keep:
        case "all" | "sample":
            return BodyPolicy(bodies.share)
        case "errors":
            return BodyPolicy(1.0, errors_only=True)
        case "off":
            return BodyPolicy(0.0)
