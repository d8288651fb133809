"""Where imported requests are put: the ledger, or nowhere when it is only a trial."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from llmrouter.core.ledger import RequestRecord
from llmrouter.store.opening import Store
from llmrouter.store.reader import LedgerReader


class LedgerShelf:
    """An open ledger.  Its writer must be in mode ``required``: only what is committed counts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def known(self, source_ids: Sequence[str]) -> Collection[str]:
        return await self._store.reader.imported_sources(source_ids)

    async def taken(self, request_ids: Sequence[int]) -> Collection[int]:
        return await self._store.reader.taken_ids(request_ids)

    async def put(self, records: Sequence[RequestRecord]) -> None:
        await asyncio.gather(*map(self._store.ledger.close, records))


class TrialShelf:
    """Keeps nothing; knows what a ledger has, where there is one."""

    def __init__(self, reader: LedgerReader | None) -> None:
        self._reader = reader
        self._seen: set[str] = set()

    async def known(self, source_ids: Sequence[str]) -> Collection[str]:
        stored = await self._reader.imported_sources(source_ids) if self._reader else set()
        known = self._seen.intersection(source_ids) | stored
        self._seen.update(source_ids)
        return known

    async def taken(self, request_ids: Sequence[int]) -> Collection[int]:
        return ()

    async def put(self, records: Sequence[RequestRecord]) -> None:
        return None
