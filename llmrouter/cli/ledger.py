"""The ledger as commands open it: to read beside a server, or through the server to write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llmrouter.settings import Settings
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.store.opening import open_reader
from llmrouter.store.reader import LedgerReader


def database(settings: Settings) -> DatabaseAddress:
    """Where the ledger is.  Raises `StoreError`."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return read_address(url, settings.data_dir)


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[LedgerReader]:
    """The ledger, read-only; a server may be writing it.  Raises `StoreError`."""
    async with open_reader(database(settings)) as reader:
        yield reader
