"""The thread that owns the writing connection: takes what waits, writes it, and heals.

No timer: batches form while the previous commit runs.  When the database cannot write, what was
taken is kept and tried again, and whatever went to the spill file meanwhile is written as soon as
the database works.
"""

from __future__ import annotations

import logging
import queue
import threading
from asyncio import Future
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Protocol

from llmrouter.core.ledger import RequestRecord
from llmrouter.core.records import Record
from llmrouter.store.faults import is_databases_fault, reason_of
from llmrouter.store.records import Payload, waiting_bytes
from llmrouter.store.scribe import MAX_BATCH, Scribe
from llmrouter.store.spill import Spill, read_spilled

logger = logging.getLogger(__name__)

RETRY_S: Final = 0.25
"""Between two tries while the database cannot write."""

QUIET_S: Final = 0.002
"""When nothing has come for so long, something may be done that nobody waits for."""


_payload_of: Final = attrgetter("payload")
_was_tried: Final = attrgetter("tried")


class Entry:
    """A payload on its way into the ledger, and who waits for it."""

    __slots__ = (
        "done",
        "is_request",
        "payload",
        "queued_at_s",
        "safe",
        "told",
        "tried",
        "waiting_bytes",
    )

    def __init__(
        self, payload: Payload, queued_at_s: float, done: Future[None] | None = None
    ) -> None:
        self.payload = payload
        self.is_request = isinstance(payload, RequestRecord)
        self.waiting_bytes = waiting_bytes(payload)
        """About how much memory it holds."""
        self.queued_at_s = queued_at_s
        self.done = done
        self.safe = False
        """It is committed or in the spill file."""
        self.told = False
        """Its waiter was told something, though it is not safe yet."""
        self.tried = False
        """It may be committed already: by a transaction whose end was not seen, or from the spill
        file."""


class Job(Record):
    """Something else to be done by the thread; its outcome is reported."""

    work: Callable[[Scribe], Any]
    done: Future[Any]


class Listener(Protocol):
    """Who is told, on the writing thread, what became of it all."""

    def on_written(self, entries: Sequence[Entry]) -> None:
        """They are committed, or put aside for good."""

    def on_rejected(self, path: Path, reason: str) -> None:
        """A record that the database will never take was put aside."""

    def on_failing(self, reason: str) -> None:
        """The database cannot write."""

    def on_healed(self, replayed: int) -> None:
        """The database writes again; so many payloads came from the spill file."""

    def on_finished(self, job: Job, result: object, error: Exception | None) -> None:
        """A job is done."""


class WriteThread:
    """One thread, one connection, one transaction at a time."""

    def __init__(
        self, scribe: Scribe, spill: Spill, listener: Listener, retry_s: float = RETRY_S
    ) -> None:
        self._scribe = scribe
        self._spill = spill
        self._listener = listener
        self._retry_s = retry_s
        self._inbox: queue.SimpleQueue[Entry | Job | None] = queue.SimpleQueue()
        self.put: Callable[[Entry | Job], None] = self._inbox.put
        """Queues an entry or a job; returns at once."""
        self._stopping = threading.Event()
        self._failing = False
        self._doubted = False
        # A daemon: a database that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begins with what an earlier process left in the spill file."""
        self.wake()
        self._thread.start()

    def wake(self) -> None:
        """Makes the thread look at the spill file."""
        self._inbox.put(None)

    def doubt(self) -> None:
        """Asks for a sign that the database works: `Listener.on_healed` when it does."""
        self._doubted = True
        self.wake()

    def stop(self, limit_s: float) -> bool:
        """Ends the thread when everything queued was tried; False when that took too long."""
        self._stopping.set()
        self.wake()
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        held: list[Entry] = []
        done = False
        while not done:
            entries, jobs = self._take(held)
            try:
                held = self._write(entries)
            except Exception as error:
                # The edge of the thread: it must outlive whatever a full disk or a bug does.
                logger.exception("the ledger's writer failed")
                held = [entry for entry in entries if not entry.safe]
                self._fail(reason_of(error))
            for job in jobs:
                self._do(job)
            if not (entries or jobs) and self._scribe.is_untidy:
                self._scribe.tidy()
            nothing_left = self._inbox.empty() and (not held or self._failing)
            done = self._stopping.is_set() and nothing_left
        self._scribe.stop()

    def _take(self, held: list[Entry]) -> tuple[list[Entry], list[Job]]:
        """Everything that waits, up to a batch; waits for something, or for the next try."""
        entries, jobs = held, []
        if self._failing:
            self._stopping.wait(self._retry_s)
        quiet_s = QUIET_S if self._scribe.is_untidy else None
        try:
            item = self._inbox.get(not (held or self._failing), quiet_s)
            while True:
                if isinstance(item, Job):
                    jobs.append(item)
                elif item is not None and not item.safe:
                    entries.append(item)
                if len(entries) >= MAX_BATCH:
                    break
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        return entries, jobs

    def _write(self, entries: list[Entry]) -> list[Entry]:
        """Writes what is not safe yet; gives what could not be written."""
        entries = [entry for entry in entries if not entry.safe]
        replayed = 0
        doubted, self._doubted = self._doubted, False
        try:
            if self._failing:
                self._commit(entries[:1])  # to make all of them ready is work, and may be in vain
                entries = entries[1:]
            self._commit(entries)
            if self._spill.waiting:
                replayed = self._replay()
            elif not entries and (self._failing or doubted):
                self._probe()
        except (_DatabaseFault, OSError) as fault:
            # The database's, or the spill file's: its folder can't be written.
            self._doubted = doubted
            self._fail(str(fault))
            return [entry for entry in entries if not entry.safe]
        if self._failing or doubted or replayed:
            self._failing = False
            self._listener.on_healed(replayed)
        return []

    def _commit(self, entries: list[Entry]) -> None:
        if not entries:
            return
        payloads = list(map(_payload_of, entries))
        again = any(map(_was_tried, entries))
        if self._try(payloads, again=again, entries=entries):
            self._settle(entries)
            return
        # One of them cannot be written: alone, the others can.
        for entry in entries:
            self._write_alone(entry.payload, again=entry.tried, entries=[entry])
            self._settle([entry])

    def _probe(self) -> None:
        """Writes nothing, but would fail where writing fails."""
        self._try([], again=False)

    def _replay(self) -> int:
        """Writes what went to the spill file; gives how many payloads it was."""
        replayed = 0
        for sealed in self._spill.seal():
            for some in read_spilled(sealed):
                payloads = [payload for payload in some if not isinstance(payload, str)]
                for line in some:
                    if isinstance(line, str):
                        self._reject(line, "not a line of this file")
                if not self._try(payloads, again=True):
                    for payload in payloads:
                        self._write_alone(payload, again=True)
                replayed += len(payloads)
            self._spill.forget(sealed)
        return replayed

    def _write_alone(self, payload: Payload, *, again: bool, entries: Sequence[Entry] = ()) -> None:
        """Writes a payload as it is, or mended, or puts it aside."""
        if self._try([payload], again=again, entries=entries):
            return
        try:
            again = again or self._scribe.has(payload)
            self._scribe.write([payload], again=again, mended=True)
        except Exception as error:
            # Whatever the driver raises: either the database is to blame, or the record goes aside.
            if is_databases_fault(error):
                raise self._database_fault(error, entries) from error
            self._reject(payload, reason_of(error))

    def _try(
        self, payloads: Sequence[Payload], *, again: bool, entries: Sequence[Entry] = ()
    ) -> bool:
        """Whether the payloads are committed; False when one of them cannot be written."""
        try:
            self._scribe.write(payloads, again=again)
        except Exception as error:
            # Whatever the driver raises: either the database is to blame, or one of the records.
            if is_databases_fault(error):
                raise self._database_fault(error, entries) from error
            return False
        return True

    def _reject(self, payload: Payload | str, reason: str) -> None:
        self._spill.reject(payload, reason)
        self._listener.on_rejected(self._spill.rejected_path, reason)

    def _settle(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            entry.safe = True
        self._listener.on_written(entries)

    def _fail(self, reason: str) -> None:
        self._failing = True
        self._listener.on_failing(reason)

    def _do(self, job: Job) -> None:
        try:
            result = job.work(self._scribe)
        except Exception as error:
            # Whatever it raises belongs to the one who waits for it.
            self._listener.on_finished(job, None, error)
        else:
            self._listener.on_finished(job, result, None)

    @staticmethod
    def _database_fault(error: Exception, entries: Sequence[Entry]) -> _DatabaseFault:
        for entry in entries:
            # The commit may have arrived although its answer did not.
            entry.tried = True
        return _DatabaseFault(reason_of(error))


class _DatabaseFault(Exception):
    """The database cannot write now."""
