"""The file that takes what the database does not: lines of JSON, safe once they are on the disk.

Every line is one payload.  A batch begins with a line break, so that a line that was cut short by
a crash or a full disk spoils no other.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, assert_never

import orjson

from llmrouter.core.events import Event, read_event
from llmrouter.core.ledger import (
    AttemptRow,
    BreakerRow,
    RequestRecord,
    RequestRow,
    ResponseState,
)
from llmrouter.core.records import Record, field_names
from llmrouter.store.encoding import members, storable, to_json
from llmrouter.store.records import Noted, Opening, Payload

if TYPE_CHECKING:
    Row = TypeVar("Row", bound=Record)

Tuple = TypeVar("Tuple", RequestRow, AttemptRow)

READ_AT_ONCE: Final = 200

_IN_MEMORY: Final = "/dev/shm"  # noqa: S108 -- the file in it has a name of its own
"""Linux's; gone with the machine, but not with the process."""


class Spill:
    """A growing file, sealed files that wait for their replay, and one of what nobody takes.

    Used by the event loop's helpers and by the writing thread at the same time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._waiting = path.exists() or bool(self._sealed())

    @property
    def waiting(self) -> bool:
        """Whether something is to be replayed."""
        return self._waiting

    @property
    def rejected_path(self) -> Path:
        """Where records are kept that no database takes."""
        return self.path.with_name(f"{self.path.name}.rejected")

    def append(self, payloads: Sequence[Payload]) -> None:
        """Returns when the payloads are on the disk.  Raises ``OSError``."""
        with self._lock:
            _append(self.path, [write_payload(payload) for payload in payloads])
            self._waiting = True

    def reject(self, payload: Payload | str, reason: str) -> None:
        """Puts a payload, or a line that is none, aside.  Raises ``OSError``."""
        content = payload if isinstance(payload, str) else write_payload(payload)
        with self._lock:
            _append(self.rejected_path, [to_json({"reason": reason, "line": content})])

    def rescue(self, payloads: Sequence[Payload]) -> Path:
        """Puts payloads where something can be written, if not here; gives the file.

        Raises ``OSError``.
        """
        lines = [write_payload(payload) for payload in payloads]
        with suppress(OSError):
            return _append_elsewhere(self.path.name, lines, folder=None)
        # With the disk, mostly, its folder for temporary files cannot be written, either.
        return _append_elsewhere(self.path.name, lines, folder=_IN_MEMORY)

    def seal(self) -> list[Path]:
        """The files to replay, oldest first; what comes from now on goes into a new one."""
        with self._lock:
            sealed = self._sealed()
            if self.path.exists():
                number = _number(sealed[-1]) + 1 if sealed else 1
                sealed.append(self.path.with_name(f"{self.path.name}.{number}"))
                self.path.rename(sealed[-1])
            return sealed

    def adopt(self, strangers: Sequence[Path]) -> None:
        """Takes files of others as sealed ones of its own."""
        with self._lock:
            for stranger in strangers:
                sealed = self._sealed()
                number = _number(sealed[-1]) + 1 if sealed else 1
                stranger.rename(self.path.with_name(f"{self.path.name}.{number}"))
                self._waiting = True

    def forget(self, sealed: Path) -> None:
        """Removes a file that was replayed."""
        with self._lock:
            sealed.unlink()
            self._waiting = self.path.exists() or bool(self._sealed())

    def _sealed(self) -> list[Path]:
        pattern = re.compile(re.escape(self.path.name) + r"\.\d+")
        return sorted(
            (p for p in self.path.parent.glob("*") if pattern.fullmatch(p.name)), key=_number
        )


def read_spilled(sealed: Path) -> Iterator[list[Payload | str]]:
    """The payloads of a sealed file, some at a time; lines that are none come as text."""
    some: list[Payload | str] = []
    with sealed.open("rb") as lines:
        for line in lines:
            text = line.strip()
            if not text:
                continue
            some.append(read_payload(text) or text.decode("utf-8", "replace"))
            if len(some) == READ_AT_ONCE:
                yield some
                some = []
    if some:
        yield some


def write_payload(payload: Payload) -> str:
    """A payload as one line."""
    document: dict[str, Any]
    match payload:
        case Opening():
            document = {
                "opening": payload.request_id,
                "first_seq": payload.first_seq,
                "events": [_write_event(event) for event in payload.events],
            }
        case Noted():
            document = {
                "noted": [[number, *_write_event(event)] for number, event in payload.events],
                "breakers": [members(row) for row in payload.breakers],
            }
        case RequestRecord():
            document = {
                "request": _write_tuple(payload.request),
                "attempts": [_write_tuple(row) for row in payload.attempts],
                "events": [_write_event(event) for event in payload.events],
                "opened": payload.opened,
                "breakers": [members(row) for row in payload.breakers],
                "body": None if payload.body is None else _as_text(payload.body),
            }
            state = payload.response_state
            if state is not None:
                document["state"] = {**members(state), "items": _as_text(state.items)}
        case never:
            assert_never(never)
    try:
        return to_json(document)
    except TypeError:
        return to_json(storable(document))


def read_payload(line: bytes | str) -> Payload | None:
    """The payload behind a line; None when it is none, or of a kind this version does not know."""
    try:
        return _read_document(orjson.loads(line))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _read_document(document: Mapping[str, Any]) -> Payload:
    if "opening" in document:
        events = _read_events(document["events"])
        return Opening(document["opening"], events, document["first_seq"])
    breakers = tuple(_read_row(BreakerRow, row) for row in document["breakers"])
    if "noted" in document:
        return Noted(
            tuple((number, _read_event(event)) for number, *event in document["noted"]), breakers
        )
    body, state = document["body"], document.get("state")
    return RequestRecord(
        request=_read_tuple(RequestRow, document["request"]),
        attempts=tuple(_read_tuple(AttemptRow, row) for row in document["attempts"]),
        events=_read_events(document["events"]),
        opened=document["opened"],
        breakers=breakers,
        body=None if body is None else base64.b64decode(body),
        response_state=None if state is None else _read_state(state),
    )


def _read_state(row: Mapping[str, Any]) -> ResponseState:
    return _read_row(ResponseState, {**row, "items": base64.b64decode(row["items"])})


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write_event(event: Event) -> list[Any]:
    return [event.dt_us, event.kind, members(event.data)]


def _read_event(event: Sequence[Any]) -> Event:
    dt_us, kind, data = event
    return read_event(kind, dt_us, data)


def _read_events(events: Sequence[Sequence[Any]]) -> tuple[Event, ...]:
    return tuple(_read_event(event) for event in events)


def _read_row(kind: type[Row], row: Mapping[str, Any]) -> Row:
    known = field_names(kind)
    return kind(**{name: value for name, value in row.items() if name in known})


def _write_tuple(row: RequestRow | AttemptRow) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if value is not None}


def _read_tuple(kind: type[Tuple], row: Mapping[str, Any]) -> Tuple:
    read: dict[str, Any] = {**dict.fromkeys(kind._fields), **kind._field_defaults}
    return kind(**{name: row.get(name, absent) for name, absent in read.items()})


def _append(path: Path, lines: Sequence[str]) -> None:
    """All of the lines, or none."""
    created = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    before = os.fstat(descriptor).st_size
    try:
        remaining = memoryview(b"\n" + "\n".join(lines).encode() + b"\n")
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
        _flush(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)  # of a full disk: torn lines would be in the way later
        raise
    finally:
        os.close(descriptor)
    if created and os.name == "posix":
        # The file's name must be on the disk, too.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _append_elsewhere(name: str, lines: Sequence[str], folder: str | None) -> Path:
    """Into a new file (0600) in a folder for such; without one, the system's."""
    descriptor, path = tempfile.mkstemp(prefix=f"{name}.", dir=folder)
    os.close(descriptor)
    file = Path(path)
    try:
        _append(file, lines)
    except OSError:
        file.unlink()
        raise
    return file


def _flush(descriptor: int) -> None:
    # macOS and Windows have no fdatasync.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _number(sealed: Path) -> int:
    return int(sealed.suffix.removeprefix("."))
