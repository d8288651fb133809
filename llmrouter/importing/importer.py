"""Reads a log line by line and hands its calls to the ledger, in batches, each call once.

What was imported is known by its source's own id, kept as ``client_request_id``; so the same file
a second time, or the rest of one that was broken off, adds what is missing and nothing else.
Nothing but one batch is held in memory.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, Final, Protocol

import orjson

from llmrouter.core.ids import NODE_BITS, SEQUENCE_BITS, id_floor
from llmrouter.core.ledger import RequestRecord
from llmrouter.core.records import Record
from llmrouter.importing.call import BadLine, LoggedCall, NotChat, ReadLine
from llmrouter.importing.records import Imported, record_of

BATCH: Final = 200
"""Calls that are written in one transaction."""

LINE_BYTES: Final = 64 * 2**20
"""A longer line is no request that anybody could have sent."""

FAULTS_TOLD: Final = 20
"""How many bad lines are told one by one; all are counted."""

_BOM: Final = b"\xef\xbb\xbf"
_MILLISECOND: Final = 1 << (NODE_BITS + SEQUENCE_BITS)


class Shelf(Protocol):
    """Where imported requests are put."""

    async def known(self, source_ids: Sequence[str]) -> Collection[str]:
        """Those of the ids under which something was imported already."""

    async def taken(self, request_ids: Sequence[int]) -> Collection[int]:
        """Those of our ids that belong to something in the ledger."""

    async def put(self, records: Sequence[RequestRecord]) -> None:
        """Returns when all records are committed."""


@dataclass(slots=True)
class Tally:
    """What became of the lines.  ``faults`` are the first bad lines, by number, with the reason.

    ``expired`` bodies are older than bodies are kept.
    """

    lines: int = 0
    imported: int = 0
    known: int = 0
    bad: int = 0
    without_body: int = 0
    without_cost: int = 0
    expired: int = 0
    other: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def note_bad(self, line: int, reason: str) -> None:
        """Counts a line that could not be read."""
        self.bad += 1
        if len(self.faults) < FAULTS_TOLD:
            self.faults.append((line, reason))


class Window(Record):
    """Calls may not come from after ``now_us``; bodies from before ``bodies_from_us`` will not
    last."""

    now_us: int
    bodies_from_us: int


async def import_lines(
    file: BinaryIO,
    read: ReadLine,
    shelf: Shelf,
    shared: Imported,
    window: Window,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Imports every line that can be read; the others are counted and told."""
    tally = Tally()
    batch: list[LoggedCall] = []
    for call in _calls(file, read, window, tally):
        batch.append(call)
        if len(batch) == BATCH:
            await _put(batch, shelf, shared, window, tally)
            batch.clear()
            on_progress(tally)
            await asyncio.sleep(0)
    await _put(batch, shelf, shared, window, tally)
    on_progress(tally)
    return tally


def _calls(file: BinaryIO, read: ReadLine, window: Window, tally: Tally) -> Iterator[LoggedCall]:
    for number, line in enumerate(_lines(file), 1):
        if line is not None and not line.strip():
            continue
        tally.lines += 1
        try:
            found = _past(read(_document(line)), window.now_us)
        except BadLine as fault:
            tally.note_bad(number, str(fault))
            continue
        match found:
            case NotChat(what):
                tally.other[what] += 1
            case LoggedCall():
                yield found


def _past(found: LoggedCall | NotChat, now_us: int) -> LoggedCall | NotChat:
    """The call, unless it has not begun yet: ids of ours are made from its moment."""
    if isinstance(found, LoggedCall) and found.started_us > now_us:
        raise BadLine("begins in the future; is its clock right, are its times UTC?")
    return found


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines; None for one that is too long."""
    line = file.readline(LINE_BYTES).removeprefix(_BOM)
    while line:
        if len(line) < LINE_BYTES or line.endswith(b"\n"):
            yield line
        else:
            while (rest := file.readline(LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield None
        line = file.readline(LINE_BYTES)


def _document(line: bytes | None) -> dict[str, object]:
    if line is None:
        raise BadLine(f"is longer than {LINE_BYTES >> 20} MB")
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadLine(f"is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadLine("is no JSON object")
    return document


async def _put(
    calls: Sequence[LoggedCall], shelf: Shelf, shared: Imported, window: Window, tally: Tally
) -> None:
    """Hands over those calls that are new."""
    fresh = {call.source_id: call for call in calls}
    known = await shelf.known(list(fresh))
    wanted = [call for source_id, call in fresh.items() if source_id not in known]
    tally.known += len(calls) - len(wanted)
    ids = await _ids(wanted, shared, shelf)
    records = [record_of(call, number, shared) for call, number in zip(wanted, ids, strict=True)]
    await shelf.put(records)
    tally.imported += len(records)
    for imported in records:
        tally.without_body += imported.body is None
        tally.without_cost += imported.request.cost_nusd is None
        old = imported.request.started_us < window.bodies_from_us
        tally.expired += imported.body is not None and old


async def _ids(calls: Sequence[LoggedCall], shared: Imported, shelf: Shelf) -> list[int]:
    """An id for each call, of the moment at which it began; a millisecond later when it is taken.

    Many logs count whole seconds, so that a second's calls are spread by their source's ids.
    """
    ids = [_first_choice(call, shared.node) for call in calls]
    while True:
        taken = set(await shelf.taken(ids))
        unsettled = False
        for place, number in enumerate(ids):
            if number in taken:
                unsettled = True
                while ids[place] in taken:
                    ids[place] += _MILLISECOND
            taken.add(ids[place])
        if not unsettled:
            return ids


def _first_choice(call: LoggedCall, node: int) -> int:
    digest = blake2b(call.source_id.encode("utf-8", "replace"), digest_size=4).digest()
    sequence = int.from_bytes(digest, "big") % (1 << SEQUENCE_BITS)
    return id_floor(call.started_us) | node << SEQUENCE_BITS | sequence
