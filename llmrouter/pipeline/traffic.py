"""The exchanges that are under way: bounded in number, counted, drained at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from llmrouter.core.errors import Overloaded
from llmrouter.core.records import Record
from llmrouter.pipeline.exchange import Exchange

DRAIN_RETRY_AFTER_S = 2.0


class Drained(Record):
    """How a drain went: exchanges that ended by themselves, and those that were cut."""

    drained: int
    cut: int


class Traffic:
    """Every exchange between its first byte and its last."""

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests
        self._live: set[Exchange] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self.turned_away = 0
        """Requests that were refused at the door; they leave no row, so that nobody can fill the
        disk."""

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._live))

    def admit(self) -> None:
        """Raises `Overloaded` while the server drains or carries all it may."""
        if self.draining:
            raise Overloaded(
                "the server is draining; send the request again",
                code="draining",
                retry_after_s=DRAIN_RETRY_AFTER_S,
            )
        if len(self._live) > self._max_requests:
            raise Overloaded(f"{self._max_requests} requests are under way already")

    def begin(self, exchange: Exchange) -> None:
        """Counts an exchange as live, until its `end`."""
        if not self._live:
            self._idle.clear()
        self._live.add(exchange)

    def end(self, exchange: Exchange) -> None:
        """The exchange has had its last byte."""
        self._live.discard(exchange)
        if not self._live:
            self._idle.set()

    async def drain(self, grace_s: float) -> Drained:
        """Takes no new exchange, waits for the live ones, then cuts what is left."""
        self.draining = True
        before = len(self._live)
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            pass
        late = list(self._live)
        for exchange in late:
            exchange.cut("shutdown")
        return Drained(drained=before - len(late), cut=len(late))

    async def settled(self, timeout_s: float) -> None:
        """Waits until cut exchanges have said so to their clients and the ledger."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            pass
