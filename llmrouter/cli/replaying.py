"""What the `replay` commands do: on a ledger that nobody holds, or through the server that does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import click

from llmrouter.cli.ledger import database, reading
from llmrouter.cli.output import fail
from llmrouter.cli.server_calls import call_server
from llmrouter.core.clock import SystemClock
from llmrouter.core.replay import STALE_US, ReplayAsked, ReplayRow, ReplayWindow
from llmrouter.documents import read_configuration
from llmrouter.replay.asking import Replays
from llmrouter.replay.checking import Checked, check
from llmrouter.replay.desk import PrintingKeeper, resumable
from llmrouter.replay.offline import Progress
from llmrouter.replay.versions import RanWith
from llmrouter.settings import Keyring, Settings, read_keyring, read_settings
from llmrouter.store.condition import exists
from llmrouter.store.errors import DatabaseInUse
from llmrouter.store.opening import Store, open_store
from llmrouter.store.reader import LedgerReader
from llmrouter.web.rows import show_time

ASK_EVERY_S = 0.5


async def replayed(asked: ReplayAsked, progress: Progress) -> ReplayRow:
    """Runs a replay to its end: here, or in the server that holds the ledger."""

    async def here(replays: Replays, store: Store) -> ReplayRow:
        return await _run(replays, store, await replays.begin(asked, store.replays), progress)

    def order() -> Mapping[str, Any]:
        return order_document(asked)

    return await somewhere(here, "/replays", order, progress)


async def resumed(number: int, progress: Progress) -> ReplayRow:
    """Goes on with a replay that was interrupted."""

    async def here(replays: Replays, store: Store) -> ReplayRow:
        now_us = SystemClock().now_us()
        row = resumable(await replays.log.get(number), number, now_us, alone=holds_alone())
        await store.replays.end(number, "running")
        return await _run(replays, store, row, progress)

    return await somewhere(here, f"/replays/{number}/resume", dict, progress)


async def worked(number: int) -> None:
    """Carries out a replay that a server has begun; what it finds is printed for the server."""
    settings, keyring = read_settings(), read_keyring()
    async with reading(settings) as reader:
        row = await reader.replays.get(number)
        if row is None:
            fail(f"there is no replay {number}")
        await _replays(reader, settings, keyring).run(row, PrintingKeeper())


async def checked(window: ReplayWindow, progress: Progress) -> Checked:
    """Law 4 over a window."""
    settings, keyring = read_settings(), read_keyring()
    async with reading(settings) as reader:
        read = partial(read_configuration, settings=settings, keyring=keyring)
        ran_with = RanWith(reader.versions, read, await reader.prices.book())
        return await check(reader.replays, window, ran_with, keyring, progress=progress)


async def found(number: int) -> ReplayRow:
    """A replay as it is kept."""
    async with reading(read_settings()) as reader:
        row = await reader.replays.get(number)
        if row is None:
            fail(f"there is no replay {number}; `llmrouter replay list` shows them")
        return row


async def listed(limit: int) -> tuple[ReplayRow, ...]:
    """The replays, newest first."""
    async with reading(read_settings()) as reader:
        return await reader.replays.list(limit=limit)


def shown_state(row: ReplayRow) -> str:
    """The state; what says that it runs and is silent was killed."""
    silent_us = SystemClock().now_us() - row.updated_us
    return "interrupted" if row.state == "running" and silent_us > STALE_US else row.state


@asynccontextmanager
async def _held() -> AsyncIterator[tuple[Replays, Store]]:
    """The ledger, to write to.  Raises `DatabaseInUse` when a server holds it."""
    # It loads every room of the server: commands that only read go without.
    from llmrouter.bootstrap.ledger import store_settings

    settings, keyring = read_settings(), read_keyring()
    if not exists(database(settings)):
        fail(f"there is no ledger at {database(settings).shown} yet; `llmrouter serve` makes one")
    async with open_store(store_settings(settings), SystemClock()) as store:
        yield _replays(store.reader, settings, keyring), store


def _replays(reader: LedgerReader, settings: Settings, keyring: Keyring) -> Replays:
    read = partial(read_configuration, settings=settings, keyring=keyring)
    return Replays(reader.replays, reader.versions, reader.prices, read, keyring)


async def _run(replays: Replays, store: Store, row: ReplayRow, progress: Progress) -> ReplayRow:
    try:
        await replays.run(row, store.replays, progress)
    except BaseException:
        await store.replays.end(row.id, "interrupted")
        click.echo(f"interrupted; go on with: llmrouter replay resume {row.id}", err=True)
        raise
    return await kept(replays, row.id)


async def kept(replays: Replays, number: int) -> ReplayRow:
    """A replay that must be there."""
    row = await replays.log.get(number)
    if row is None:
        fail(f"replay {number} is gone")
    return row


def holds_alone() -> bool:
    """Whether who has opened the ledger for writing is the only one: so it is with a file."""
    return database(read_settings()).path is not None


async def somewhere(
    here: Callable[[Replays, Store], Awaitable[ReplayRow]],
    path: str,
    order: Callable[[], Mapping[str, Any]],
    progress: Progress,
) -> ReplayRow:
    """What comes of a replay: here, or by an order to the server that holds the ledger."""
    try:
        async with _held() as (replays, store):
            return await here(replays, store)
    except DatabaseInUse as error:
        return await _by_server(error, path, order(), progress)


async def _by_server(
    error: DatabaseInUse, path: str, order: Mapping[str, Any], progress: Progress
) -> ReplayRow:
    """Has the server do it, which alone may write to its database; and watches."""
    settings = read_settings()
    try:
        number = call_server(settings, "POST", path, order)["id"]
    except ConnectionError as silence:
        fail(
            f"{error}; and {silence}. If a server holds it, say where it listens with "
            "LLMROUTER_HOST and LLMROUTER_PORT."
        )
    async with reading(settings) as reader:
        while True:
            row = await reader.replays.get(number)
            if row is None:
                fail(f"the server keeps another ledger than {database(settings).shown}")
            progress(row.done, row.requests or 0)
            if row.state == "finished":
                return row
            if shown_state(row) == "interrupted":
                fail(f"replay {number} was interrupted; the server's log says why")
            await asyncio.sleep(ASK_EVERY_S)


def order_document(asked: ReplayAsked) -> dict[str, Any]:
    """The order as ``POST /replays`` takes it."""
    window = asked.window
    told = {
        "document": asked.document,
        "document_label": asked.document_label,
        "version": asked.version,
        "set": list(asked.changes),
        "mode": asked.mode,
        "since": _iso(window.since_us),
        "until": _iso(window.until_us),
        "category": window.category,
        "model": window.model,
        "key": window.key_id,
        "limit": window.limit,
        "sample": window.sample,
        "seed": window.seed,
        "breakers": asked.breakers,
        "prices": asked.prices,
    }
    return {name: value for name, value in told.items() if value is not None}


def _iso(moment_us: int | None) -> str | None:
    return show_time(moment_us)
