"""The ledger as commands open it: to read beside a server, or through the server to write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from llmrouter.settings import Settings
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.store.errors import StoreError
from llmrouter.store.opening import open_reader
from llmrouter.store.reader import LedgerReader


def database(settings: Settings) -> DatabaseAddress:
    """Where the ledger is.  Raises `StoreError`."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return read_address(url, settings.data_dir)


def named_database(name: str, data_dir: Path) -> DatabaseAddress:
    """The ledger that a person names, by the path of a file or by a URL.

    Raises `StoreError`, for a file that is not there, too.
    """
    if "://" in name:
        return read_address(name, data_dir)
    path = Path(name)
    if not path.is_file():
        raise StoreError(f"there is no file {name}; name an SQLite file or a URL")
    return read_address(f"sqlite:///{path.absolute()}", data_dir)


@asynccontextmanager
async def reading(settings: Settings, name: str | None = None) -> AsyncIterator[LedgerReader]:
    """The ledger, or the one that is named, read-only; a server may be writing it.

    Raises `StoreError`.
    """
    address = database(settings) if name is None else named_database(name, settings.data_dir)
    async with open_reader(address) as reader:
        yield reader
