"""Opens a database for a server, in the only right order, and closes it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from msgspec import field
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from llmrouter.core.clock import Clock
from llmrouter.core.ids import RequestIds
from llmrouter.core.records import Record
from llmrouter.store import migrate
from llmrouter.store.claim import Claim, claim
from llmrouter.store.engine import (
    DatabaseAddress,
    Durability,
    explained,
    open_for_reading,
    open_for_writing,
)
from llmrouter.store.expiry import Expired, RowLimits, expire_step
from llmrouter.store.packing import BodyPolicy
from llmrouter.store.prices import Prices
from llmrouter.store.reader import LedgerReader
from llmrouter.store.replays import ReplayKeeper
from llmrouter.store.retention import BodyLimits, Purged, purge_step
from llmrouter.store.scribe import Scribe
from llmrouter.store.snapshots import Snapshots
from llmrouter.store.spill import Spill
from llmrouter.store.token_ratios import TokenRatios
from llmrouter.store.versions import ConfigurationVersions
from llmrouter.store.writer import LedgerSettings, LedgerWriter


class StoreSettings(Record):
    """Everything that a server may set about its database.

    ``node`` is PostgreSQL's alone; None takes the first that is free.
    """

    address: DatabaseAddress
    data_dir: Path
    durability: Durability = "process"
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    bodies: BodyPolicy = field(default_factory=lambda: BodyPolicy(1.0))
    body_limits: BodyLimits = field(default_factory=BodyLimits)
    row_limits: RowLimits = field(default_factory=RowLimits)
    node: int | None = None


class Store(Record):
    """An open database.  ``recovered`` requests were closed as `abandoned` when it was opened;
    ``shared`` says whether other processes may write it, too."""

    node: int
    shared: bool
    ids: RequestIds
    ledger: LedgerWriter
    reader: LedgerReader
    versions: ConfigurationVersions
    replays: ReplayKeeper
    prices: Prices
    token_ratios: TokenRatios
    recovered: int
    lost: asyncio.Event
    """Set when another process has this node: nothing new may be taken on."""
    _limits: BodyLimits
    _row_limits: RowLimits
    _clock: Clock

    async def purge_bodies(self) -> Purged:
        """Removes bodies that are too old or too many; call it from time to time.

        Each step is a transaction of its own, between which records are written.
        """
        bodies = states = messages = freed_bytes = 0
        while True:
            step = await self.ledger.transact(self._purge_step)
            bodies += step.bodies
            states += step.states
            messages += step.messages
            freed_bytes += step.freed_bytes
            if not step.more:
                return Purged(bodies, messages, freed_bytes, more=False, states=states)

    async def expire_rows(self) -> Expired:
        """Removes requests and events that are too old, in steps like `purge_bodies`."""
        requests = events = 0
        while True:
            step = await self.ledger.transact(self._expire_step)
            requests += step.requests
            events += step.events
            if not step.more:
                return Expired(requests, events, more=False)

    def _expire_step(self, connection: Connection) -> Expired:
        return expire_step(connection, self._row_limits, self._clock.now_us())

    def _purge_step(self, connection: Connection) -> Purged:
        return purge_step(connection, self.node, self._limits, self._clock.now_us())


@asynccontextmanager
async def open_store(settings: StoreSettings, clock: Clock) -> AsyncIterator[Store]:
    """Claims, migrates, replays the spill file, recovers; on leaving, writes what still waits.

    Raises `StoreError` with what to do.
    """
    address = settings.address
    async with AsyncExitStack() as stack:
        held: Claim = await asyncio.to_thread(claim, address, settings.node, settings.data_dir)
        stack.callback(held.release)
        await asyncio.to_thread(migrate.upgrade, address)
        spill = Spill(_spill_path(settings, held.node))
        try:
            await asyncio.to_thread(held.hold)
            spill.adopt(await asyncio.to_thread(held.left_behind, settings.data_dir))
        except DBAPIError as error:
            raise explained(address, error) from error
        writing = open_for_writing(address, settings.durability)
        stack.callback(writing.dispose)
        ids = RequestIds(clock, held.node, lambda: held.is_ours)
        ledger = LedgerWriter(
            Scribe(writing, held.node, settings.bodies),
            spill,
            ids,
            settings.ledger,
        )
        try:
            await ledger.start()
            stack.push_async_callback(ledger.stop)
            recovered = await ledger.recover(clock.now_us())
        except DBAPIError as error:
            raise explained(address, error) from error
        # It is closed first, so that SQLite can fold its -wal file into the database.
        reading = Snapshots(open_for_reading(address))
        stack.push_async_callback(reading.dispose)
        lost = asyncio.Event()
        held.watch(partial(_tell, asyncio.get_running_loop(), lost))
        yield Store(
            node=held.node,
            shared=address.path is None,
            ids=ids,
            ledger=ledger,
            reader=LedgerReader(reading),
            versions=ConfigurationVersions(reading, ledger, clock),
            replays=ReplayKeeper(ledger, clock),
            prices=Prices(reading, ledger, clock),
            token_ratios=TokenRatios(reading, ledger),
            recovered=recovered,
            lost=lost,
            _limits=settings.body_limits,
            _row_limits=settings.row_limits,
            _clock=clock,
        )


@asynccontextmanager
async def open_reader(address: DatabaseAddress) -> AsyncIterator[LedgerReader]:
    """Reads a database, beside a server that may be writing it.

    Raises `StoreError`, too, when there is no database yet or another program's schema in it.
    """
    await asyncio.to_thread(migrate.require_current, address)
    reading = Snapshots(open_for_reading(address))
    try:
        yield LedgerReader(reading)
    finally:
        await reading.dispose()


def _tell(loop: asyncio.AbstractEventLoop, lost: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
        loop.call_soon_threadsafe(lost.set)


def _spill_path(settings: StoreSettings, node: int) -> Path:
    path = settings.address.path
    if path is not None:
        return path.with_name(f"{path.name}.spill")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.data_dir / f"node-{node}.spill"
