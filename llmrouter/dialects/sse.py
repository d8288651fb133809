"""Server-sent events: bytes in as they arrive, whole events out.

Works on bytes and knows three line ends, LF, CR and CRLF.  Text-level line splitting also breaks at
U+2028 and its like, which stand unescaped in JSON strings.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from llmrouter.core.errors import AttemptError

_BOM = b"\xef\xbb\xbf"

# An empty line ends an event.  After LF a lone CR may yet become CRLF, so the byte behind it is
# needed; after CR it is not waited for, since a stream with CR alone would then lag by an event.
# A LF that does follow there opens the next event's bytes, where it says nothing.
_END_OF_EVENT = re.compile(rb"\n\n|\r\r|\n\r\n|\n\r(?=[^\n])")
_LONGEST_END_BYTES = 3

_NAMED = re.compile(rb"event: ([^\n]*)\ndata: ([^\n]*)")
"""An event as Anthropic sends all of its own, without its empty line."""


class ServerSentEvent(NamedTuple):
    """One event.  The ``raw`` bytes of all events, in order, are the stream."""

    raw: bytes
    name: str | None
    """The ``event`` field; None when there is none."""
    data: bytes | None
    """The ``data`` lines joined by LF; None when there are none."""
    is_comment_only: bool = False
    """Only comment lines, such as keep-alives."""


class EventSplitter:
    """Cuts a stream into events; the same ones however the bytes were chunked."""

    def __init__(self, event_bytes: int) -> None:
        self._event_bytes = event_bytes
        self._pending = bytearray()
        self._is_at_start = True
        self._is_too_large = False

    @property
    def is_between_events(self) -> bool:
        """Whether the next byte is the first of an event, and not the stream's first."""
        return not (self._pending or self._is_at_start or self._is_too_large)

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that ``data`` completes.

        Raises `AttemptError` (too_large) at an event longer than ``event_bytes``, once all events
        before it were given.
        """
        if self._is_too_large:
            raise self._too_large()
        if b"\r" in data or len(data) > self._event_bytes:
            return self._feed_slowly(data)
        events: list[ServerSentEvent] = []
        if self._pending or self._is_at_start:
            end = data.find(b"\n\n") + 2
            events = self._feed_slowly(data[:end] if end > 1 else data)
            if end <= 1 or self._is_too_large:
                return events
            data = data[end:]
            if self._pending:
                return events + self._feed_slowly(data)
        *whole, rest = data.split(b"\n\n")
        self._pending += rest
        return events + [_read_plain(block) for block in whole]

    def finish(self) -> list[ServerSentEvent]:
        """What the stream's end completes: at most one event, whose empty line is missing.

        The standard drops such a rest; providers that forget the last line end are served here.
        """
        if self._is_too_large:
            raise self._too_large()
        rest = bytes(self._pending)
        self._pending.clear()
        return [self._read_first_or_later(rest)] if rest else []

    def _feed_slowly(self, data: bytes) -> list[ServerSentEvent]:
        pending = self._pending
        search_from = max(0, len(pending) - _LONGEST_END_BYTES + 1)
        pending += data
        events: list[ServerSentEvent] = []
        start = 0
        while end := _END_OF_EVENT.search(pending, search_from):
            if end.end() - start > self._event_bytes:
                break
            events.append(self._read_first_or_later(bytes(pending[start : end.end()])))
            start = search_from = end.end()
        del pending[:start]
        # What is pending holds either no whole event, or one that is too long.
        self._is_too_large = len(pending) > self._event_bytes
        if self._is_too_large and not events:
            raise self._too_large()
        return events

    def _read_first_or_later(self, raw: bytes) -> ServerSentEvent:
        is_first, self._is_at_start = self._is_at_start, False
        return _read(raw, raw.removeprefix(_BOM) if is_first else raw)

    def _too_large(self) -> AttemptError:
        self._pending.clear()
        return AttemptError(
            "too_large", "stream", f"a server-sent event is longer than {self._event_bytes} bytes"
        )


def encode_event(data: bytes, name: str | None = None) -> bytes:
    """An event of one line of data."""
    if name is None:
        return b"data: %b\n\n" % data
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _read_plain(block: bytes) -> ServerSentEvent:
    """An event without CR; ``block`` lacks its two line ends."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return ServerSentEvent(block + b"\n\n", None, block[6:])
    raw, named = block + b"\n\n", _NAMED.fullmatch(block)
    if named is not None:
        return ServerSentEvent(raw, named[1].decode(errors="replace"), named[2])
    return _read(raw, raw)


def _read(raw: bytes, text: bytes) -> ServerSentEvent:
    """An event from its lines; ``text`` is ``raw`` without a byte order mark."""
    name: str | None = None
    data: list[bytes] = []
    has_comment = has_field = False
    for line in text.splitlines():
        field, _, value = line.partition(b":")
        if field:
            has_field = True
        elif line:
            has_comment = True
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode(errors="replace")
    return ServerSentEvent(
        raw, name, b"\n".join(data) if data else None, has_comment and not has_field
    )
