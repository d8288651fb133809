"""A provider's reply cut into the documents it is made of, whatever shape it turned out to have."""

from __future__ import annotations

from itertools import takewhile
from typing import Literal, NamedTuple

from llmrouter.core.errors import AttemptError
from llmrouter.dialects.sse import EventSplitter, ServerSentEvent

Framing = Literal["sse", "ndjson"]
"""How a dialect cuts its streams: server-sent events, or one JSON document a line."""

_BLANK = b" \t\r\n\xef\xbb\xbf"


class Frame(NamedTuple):
    """One document, or a comment between two.  The ``raw`` bytes of all frames are the reply."""

    raw: bytes
    data: bytes
    name: str | None = None
    is_whole: bool = False
    """It is the reply in one piece."""
    is_comment: bool = False


class Framer:
    """Cuts a reply into frames; the same ones however the bytes were chunked.

    A provider may answer in one piece where a stream was asked, and the reverse, so the first byte
    decides: an event stream never begins with a brace or a bracket.  Raises `AttemptError`
    (too_large) beyond its limits, and (bad_body) for a web page.
    """

    def __init__(self, framing: Framing, *, event_bytes: int, body_bytes: int) -> None:
        self._is_ndjson = framing == "ndjson"
        self._event_bytes = event_bytes
        self._body_bytes = body_bytes
        self._events = EventSplitter(event_bytes)
        self._pending = bytearray()
        self._is_stream: bool | None = None
        self._has_line = False
        self._is_too_long = False

    @property
    def is_between_events(self) -> bool:
        """Whether the next byte begins an event: whole events may pass then without being fed."""
        return bool(self._is_stream) and not self._is_ndjson and self._events.is_between_events

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        if self._is_stream is None:
            self._pending += data
            start = self._pending.lstrip(_BLANK)
            if not start:
                return []
            if start.startswith(b"<"):
                raise AttemptError("bad_body", "body", "a web page instead of a reply")
            self._is_stream = self._is_ndjson or not start.startswith((b"{", b"["))
            data = bytes(self._pending)
            self._pending.clear()
        if not self._is_stream:
            self._hold(data, self._body_bytes)
            return []
        if self._is_ndjson:
            return self._lines(data)
        return _frames(self._events.feed(data))

    def finish(self) -> list[Frame]:
        """What the end of the reply completes."""
        if self._is_too_long:
            raise self._too_large(self._event_bytes)
        rest = bytes(self._pending)
        self._pending.clear()
        if self._is_stream and not self._is_ndjson:
            return _frames(self._events.finish())
        if not rest.strip():
            return []
        is_whole = not (self._is_stream and self._has_line)
        return [Frame(rest, rest, is_whole=is_whole)]

    def _lines(self, data: bytes) -> list[Frame]:
        """The lines that ``data`` completes; behind one that is too long there are no more."""
        if self._is_too_long:
            raise self._too_large(self._event_bytes)
        *whole, rest = data.split(b"\n")
        if whole:
            whole[0] = bytes(self._pending) + whole[0]
            self._pending.clear()
            self._has_line = True
        self._pending += rest
        fitting = list(takewhile(lambda line: len(line) <= self._event_bytes, whole))
        self._is_too_long = len(fitting) < len(whole) or len(self._pending) > self._event_bytes
        frames = [Frame(line + b"\n", line) for line in fitting if line.strip()]
        if self._is_too_long and not frames:
            raise self._too_large(self._event_bytes)
        return frames

    def _hold(self, data: bytes, limit_bytes: int) -> None:
        self._pending += data
        if len(self._pending) > limit_bytes:
            raise self._too_large(limit_bytes)

    def _too_large(self, limit_bytes: int) -> AttemptError:
        return AttemptError("too_large", "body", f"the reply is longer than {limit_bytes} bytes")


def _frames(events: list[ServerSentEvent]) -> list[Frame]:
    """The events; some clients fail at blocks that hold only an id or a retry time."""
    return [
        Frame(event.raw, event.data or b"", event.name, is_comment=event.is_comment_only)
        for event in events
        if event.data is not None or event.is_comment_only
    ]
