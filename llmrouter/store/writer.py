"""The ledger as the pipeline sees it: queues records, and says when they are safe.

Everything here runs on the event loop and never touches the database.  The writing thread commits;
what it has not committed in time goes to the spill file, in another thread, and is safe there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from llmrouter.core.errors import Overloaded
from llmrouter.core.events import Event, LedgerDegraded, LedgerRestored
from llmrouter.core.ids import RequestIds
from llmrouter.core.ledger import BreakerRow, RequestRecord
from llmrouter.core.records import Record
from llmrouter.store.faults import is_databases_fault
from llmrouter.store.records import Noted, Opening, Payload
from llmrouter.store.scribe import Scribe
from llmrouter.store.spill import Spill
from llmrouter.store.write_thread import RETRY_S, Entry, Job, WriteThread

T = TypeVar("T")

LedgerMode = Literal["bounded", "required", "best_effort"]
"""What happens when the database does not keep up.

``bounded``: records go to the spill file; when the queue is full, requests are refused.
``required``: nothing counts as safe but what is committed; a request that is not, fails.
``best_effort``: nobody waits and nobody is refused; beyond the queue, records are lost.
"""

logger = logging.getLogger(__name__)

_SPILL_AT_ONCE: Final = 500


class LedgerSettings(Record):
    """How long and how much may wait."""

    mode: LedgerMode = "bounded"
    commit_wait_s: float = 2.0
    queue_requests: int = 10_000
    queue_bytes: int = 32 * 2**20
    stop_wait_s: float = 5.0
    retry_s: float = RETRY_S


class LedgerWriter:
    """Implements `llmrouter.pipeline.ports.Ledger`."""

    def __init__(
        self, scribe: Scribe, spill: Spill, ids: RequestIds, settings: LedgerSettings
    ) -> None:
        self._scribe = scribe
        self._spill = spill
        self._ids = ids
        self._settings = settings
        self._thread = WriteThread(scribe, spill, self, settings.retry_s)
        self._waiting: dict[Entry, None] = {}
        """Oldest first."""
        self._waiting_requests = 0
        self._waiting_bytes = 0
        self._degraded: str | None = None
        self._rejected = 0
        self._dropped = 0
        self._stopping = False
        self._timer: asyncio.TimerHandle | None = None
        self._spilling: asyncio.Task[None] | None = None
        self._no_spill_until_s: float | None = None
        """The spill file cannot be written, and is not tried before."""
        self._all_safe: asyncio.Future[None] | None = None
        """What `stop` waits for."""

    # What the pipeline sees.

    def admit(self) -> None:
        """Raises `Overloaded` when the ledger can take no further request."""
        if self._stopping:
            raise Overloaded("the server is stopping", code="stopping")
        if self._settings.mode == "best_effort":
            return
        if self._settings.mode == "required" and self._degraded:
            raise Overloaded("requests cannot be recorded at present", code="ledger_unavailable")
        if self._is_full():
            raise Overloaded("too many requests wait to be recorded", code="ledger_full")

    def open(self, request_id: int, events: Sequence[Event], first_seq: int = 0) -> None:
        """Queues what is known before a call upstream; returns at once.

        ``first_seq`` is the number of the request's events that were queued before.
        """
        self._put(Opening(request_id, tuple(events), first_seq))

    async def close(self, record: RequestRecord) -> None:
        """Returns when the record is safe: committed, or in the spill file.

        May be cancelled by its caller without losing the record.  In mode ``required`` it raises
        `Overloaded` when the record is not committed in time (it may be, later).
        """
        if self._settings.mode == "best_effort":
            self._put(record)
            return
        done = self._loop.create_future()
        self._put(record, done)
        await done

    def note(self, events: Sequence[Event], breakers: Sequence[BreakerRow] = ()) -> None:
        """Queues events that belong to no request, and breakers that were set by hand."""
        numbered = tuple((self._ids.next(), event) for event in events)
        self._put(Noted(numbered, tuple(breakers)))

    # What the server sees.

    @property
    def healthy(self) -> bool:
        """Whether records are being committed."""
        return self._degraded is None

    @property
    def queue_depth(self) -> int:
        """Finished requests whose records are not safe yet."""
        return self._waiting_requests

    @property
    def rejected(self) -> int:
        """Records that no database takes, put aside since the start."""
        return self._rejected

    @property
    def dropped(self) -> int:
        """Records lost since the start; always 0 but in mode ``best_effort``."""
        return self._dropped

    async def start(self) -> None:
        """Begins to write, first of all what an earlier process left in the spill file.

        Raises what the driver raises when the database cannot be used.
        """
        self._loop = asyncio.get_running_loop()
        # A clock that was set back must not give an id out again.
        self._ids.skip_to(await asyncio.to_thread(self._scribe.start))
        self._thread.start()

    async def recover(self, now_us: int) -> int:
        """Closes what earlier processes left open, once the spill file is replayed; how many it
        was.  Raises what the driver raises."""
        recovered, newest = await self.ask(lambda s: (s.recover(now_us), s.newest_id()))
        self._ids.skip_to(newest)  # what was spilled may be newer than all that was committed
        return recovered

    async def stop(self) -> None:
        """Writes what waits, or else spills it, and ends the thread."""
        self._stopping = True
        if self._waiting:
            self._all_safe = self._loop.create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.stop_wait_s):
                    await self._all_safe
        while self._spilling is not None:
            await self._spilling
        if self._waiting:
            await self._spill_some(list(self._waiting))
        self._disarm()
        if not await asyncio.to_thread(self._thread.stop, self._settings.stop_wait_s):
            logger.warning("the database did not answer; the ledger's writer is left behind")
        if self._waiting and self._degraded:
            await self._leave_behind([entry for entry in self._waiting if not entry.safe])

    async def transact(self, job: Callable[[Connection], T]) -> T:
        """Runs a job in a transaction on the writing connection.

        Raises `Overloaded` when the database cannot be written at present.
        """
        try:
            return await self.ask(lambda scribe: scribe.transact(job))
        except DBAPIError as error:
            if not is_databases_fault(error):
                raise
            raise Overloaded(
                "the database cannot be written at present", code="ledger_unavailable"
            ) from error

    async def ask(self, work: Callable[[Scribe], T]) -> T:
        """Runs something on the writing thread, after what is queued already."""
        if self._stopping:
            raise Overloaded("the server is stopping", code="stopping")
        done: asyncio.Future[T] = self._loop.create_future()
        self._thread.put(Job(work, done))
        return await done

    # What the writing thread reports: passed on to the event loop.

    def on_written(self, entries: Sequence[Entry]) -> None:
        self._tell(self._settle, entries)

    def on_rejected(self, path: Path, reason: str) -> None:
        self._tell(self._count_rejected, path, reason)

    def on_failing(self, reason: str) -> None:
        self._tell(self._degrade, reason)

    def on_healed(self, replayed: int) -> None:
        self._tell(self._restore, replayed)

    def on_finished(self, job: Job, result: object, error: Exception | None) -> None:
        self._tell(_resolve, job.done, result, error)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(what, *arguments)

    # What waits.

    def _put(self, payload: Payload, done: asyncio.Future[None] | None = None) -> None:
        if self._settings.mode == "best_effort" and self._is_full():
            self._drop()
            return
        entry = Entry(payload, self._loop.time(), done)
        self._waiting[entry] = None
        self._waiting_bytes += entry.waiting_bytes
        self._waiting_requests += entry.is_request
        self._thread.put(entry)
        if self._timer is None or self._degraded:  # while degraded, it may be set for others' retry
            self._arm()

    def _is_full(self) -> bool:
        return (
            self._waiting_requests >= self._settings.queue_requests
            or self._waiting_bytes >= self._settings.queue_bytes
        )

    def _settle(self, entries: Sequence[Entry]) -> None:
        """These are safe now."""
        waiting = self._waiting
        for entry in entries:
            entry.safe = True
            if entry not in waiting:
                continue  # spilled, and then committed after all
            del waiting[entry]
            self._waiting_bytes -= entry.waiting_bytes
            self._waiting_requests -= entry.is_request
            if entry.done is not None:
                _resolve(entry.done, None, None)
        if not waiting:
            _resolve(self._all_safe, None, None)

    # What waits too long.

    def _arm(self) -> None:
        """Sets the clock for the entry whose time is up first."""
        self._disarm()
        untold = next((entry for entry in self._waiting if not entry.told), None)
        if untold is not None:
            at_s = untold.queued_at_s + self._patience_s
        elif self._waiting and self._settings.mode != "required":
            at_s = self._loop.time() + self._settings.retry_s
        else:
            return
        self._timer = self._loop.call_at(at_s, self._look)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _patience_s(self) -> float:
        """How long a record waits for its commit: not at all while there are none."""
        if self._degraded and self._settings.mode != "required":
            return 0.0
        return self._settings.commit_wait_s

    def _overdue(self) -> list[Entry]:
        since_s = self._loop.time() - self._patience_s
        return [entry for entry in self._waiting if entry.queued_at_s <= since_s]

    def _look(self) -> None:
        self._timer = None
        if self._spilling is not None:
            return  # it looks again when it is done
        overdue = self._overdue()
        if overdue:
            self._degrade(f"no commit within {self._settings.commit_wait_s:g} s")
        if overdue and self._settings.mode != "required":
            if self._no_spill_until_s is None:
                self._begin_to_spill(overdue[:_SPILL_AT_ONCE])
            elif self._no_spill_until_s <= self._loop.time():
                self._begin_to_spill(overdue[:1])  # whether it works again
            else:
                self._tell_at_last(overdue)
            return
        for entry in overdue:
            self._refuse(entry)
        self._arm()

    def _begin_to_spill(self, entries: Sequence[Entry]) -> None:
        self._spilling = self._loop.create_task(self._spill_some(entries))

    def _tell_at_last(self, entries: Sequence[Entry]) -> None:
        """Neither the database nor the spill file takes them: they stay in memory, and requests
        are admitted until that is full."""
        for entry in entries:
            entry.told = True
            _resolve(entry.done, None, None)
        self._arm()

    async def _spill_some(self, entries: Sequence[Entry]) -> None:
        unsafe = [entry for entry in entries if not entry.safe]
        for entry in unsafe:
            # The thread may replay the file, and then come upon them, before they are known safe.
            entry.tried = True
        try:
            await asyncio.to_thread(self._spill.append, [entry.payload for entry in unsafe])
        except Exception as error:
            # The edge of the writer: whatever it is, it is tried again.
            if self._no_spill_until_s is None:
                logger.error("the spill file %s cannot be written: %s", self._spill.path, error)  # noqa: TRY400 -- its traceback says nothing
            self._no_spill_until_s = self._loop.time() + self._settings.retry_s
            self._tell_at_last(self._overdue())
        else:
            self._no_spill_until_s = None
            self._settle(entries)
            self._thread.wake()
        finally:
            self._spilling = None
            self._arm()

    async def _leave_behind(self, entries: Sequence[Entry]) -> None:
        """The last resort of a server that stops: records that nothing has taken so far."""
        payloads = [entry.payload for entry in entries]
        try:
            path = await asyncio.to_thread(self._spill.rescue, payloads)
        except OSError as error:
            logger.critical("%d records are lost: %s", len(entries), error)
            return
        self._settle(entries)
        logger.critical(
            "%d records can be written neither to the database nor beside it; they are in %s. When "
            "its folder can be written again, `cat %s >> %s`: the next start takes them",
            *(len(entries), path, path, self._spill.path),
        )

    def _refuse(self, entry: Entry) -> None:
        entry.told = True
        error = Overloaded("the request could not be recorded", code="ledger_unavailable")
        _resolve(entry.done, None, error)

    # What is told.

    def _degrade(self, reason: str) -> None:
        if self._degraded is not None:
            return
        self._degraded = reason
        logger.error("the ledger is not being written: %s", reason)
        self._thread.doubt()
        self.note([Event(0, LedgerDegraded(reason))])
        self._arm()

    def _restore(self, replayed: int) -> None:
        if self._degraded is None:
            return
        self._degraded = None
        logger.warning("the ledger is written again; %d entries came from the spill file", replayed)
        self.note([Event(0, LedgerRestored(replayed))])

    def _count_rejected(self, path: Path, reason: str) -> None:
        self._rejected += 1
        logger.error("a record that the database does not take was put into %s: %s", path, reason)

    def _drop(self) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:  # at 1, 2, 4, 8, …
            logger.error("the ledger's queue is full; %d records are lost by now", self._dropped)


def _resolve(done: asyncio.Future[Any] | None, result: object, error: Exception | None) -> None:
    """Tells the one who waits, if anybody still does."""
    if done is None or done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
