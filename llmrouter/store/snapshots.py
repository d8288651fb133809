"""Asks the database on the event loop; a question is a plain function of a connection.

Of SQLAlchemy's asynchronous half only what is below it: its drivers, and the way in which a plain
function waits for them.  Its own engine brings the ORM with it, which nothing here uses: seven
megabytes, and a tenth of a start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.util import greenlet_spawn

from llmrouter.core.errors import Overloaded
from llmrouter.store.faults import is_databases_fault

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_LIMIT_S: Final = 5.0
"""For a connection to read with; a database that takes longer is away."""


class Snapshots:
    """Answers questions, each about one moment of the database."""

    def __init__(self, engine: Engine) -> None:
        """``engine`` has an asynchronous driver: `llmrouter.store.engine.open_for_reading`."""
        self._engine = engine

    async def ask(
        self,
        question: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What a question finds.

        Raises `Overloaded` when the database cannot be read at present.
        """
        try:
            # PostgreSQL bounds its own statements; a server that is frozen bounds nothing.
            async with asyncio.timeout(CONNECT_LIMIT_S):
                connection = await greenlet_spawn(self._engine.connect)
            try:
                return await greenlet_spawn(lambda: question(connection, *args, **kwargs))
            finally:
                await _to_its_end(greenlet_spawn(connection.close))
        except (DBAPIError, PoolTimeoutError, TimeoutError) as error:
            if not is_databases_fault(error):
                raise
            raise Overloaded(
                "the database cannot be read at present", code="ledger_unavailable"
            ) from error

    async def dispose(self) -> None:
        """Closes the connections; each of SQLite's has a thread."""
        await greenlet_spawn(self._engine.dispose)


async def _to_its_end(job: Coroutine[Any, Any, None]) -> None:
    """Waits for a job also when cancelled meanwhile: a connection that was given back behind
    its reader could come into a pool that is disposed of already."""
    task = asyncio.create_task(job)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    failed = task.exception()
    if cancelled is not None:
        raise cancelled
    if failed is not None:
        raise failed
