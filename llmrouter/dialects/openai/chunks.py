"""The chunks of a stream of chat completions, watched, and freed of what is none of the client's.

What providers send beside chunks is dropped here: foreign events, events that are not JSON, blocks
with only ``id`` or ``retry``, whatever stands behind ``[DONE]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from llmrouter.core.errors import AttemptError
from llmrouter.dialects.documents import read_reply, write_document
from llmrouter.dialects.openai.errors import excerpt
from llmrouter.dialects.openai.watch import Watch
from llmrouter.dialects.sse import EventSplitter, ServerSentEvent, encode_event

TERMINATOR = encode_event(b"[DONE]")

_BOM = b"\xef\xbb\xbf"


class Chunk(NamedTuple):
    """An event that the client may see; ``document`` is None for comments and blank lines."""

    raw: bytes
    document: dict[str, Any] | None = None

    @property
    def is_usage_only(self) -> bool:
        """The chunk that ``stream_options.include_usage`` asks for."""
        return (
            self.document is not None
            and bool(self.document.get("usage"))
            and not self.document.get("choices")
        )


class ChunkStream:
    """Cuts a stream into chunks and shows each to the watch.

    `feed` and `finish` yield chunks and raise `AttemptError` at the place where the stream turns
    out bad.
    """

    def __init__(self, watch: Watch, event_bytes: int) -> None:
        self._watch = watch
        self._splitter = EventSplitter(event_bytes)
        self._terminator: bytes | None = None
        self._has_chunk = False
        self._junk: bytes | None = None

    @property
    def is_between_chunks(self) -> bool:
        """Whether the next byte begins one: whole chunks may pass then without being fed."""
        return self._terminator is None and self._splitter.is_between_events

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks that ``data`` completes."""
        try:
            events = self._splitter.feed(data)
        except AttemptError as error:
            raise self._watch.fault(error.kind, error.message) from None
        return self._read_all(events)

    def finish(self) -> Iterator[Chunk]:
        """The last chunk, when its empty line is missing."""
        try:
            events = self._splitter.finish()
        except AttemptError as error:
            raise self._watch.fault(error.kind, error.message) from None
        # Another event may be put behind it, so it gets its empty line.
        return self._read_all([e._replace(raw=e.raw.rstrip(b"\r\n") + b"\n\n") for e in events])

    def terminator(self) -> bytes:
        """What ends the client's stream.  Raises `AttemptError` when this one is not complete."""
        observed = self._watch.observed
        if self._terminator is not None:
            if not observed.first_token and observed.finish_reason is None:
                raise self._watch.fault("empty", "the stream held no answer")
            return self._terminator
        if observed.finish_reason is not None:
            self._watch.note("no_done")
            return TERMINATOR
        if self._has_chunk:
            raise self._watch.fault("truncated", "the stream ended before the answer did")
        if self._junk is not None:
            raise self._watch.fault("bad_body", f"the stream held no chunk: {excerpt(self._junk)}")
        raise self._watch.fault("empty", "the stream ended before its first chunk")

    def _read_all(self, events: Iterable[ServerSentEvent]) -> Iterator[Chunk]:
        for event in events:
            chunk = self._read(event)
            if chunk is not None:
                yield chunk

    def _read(self, event: ServerSentEvent) -> Chunk | None:
        if event.raw.startswith(_BOM):
            # Some client libraries take it for a part of the first field's name.
            event = event._replace(raw=event.raw.removeprefix(_BOM))
        if self._terminator is not None:
            if event.data is not None:
                self._watch.note("trailing")
            return None
        if event.data is None:
            return self._read_without_data(event)
        if event.data.strip() == b"[DONE]":
            self._terminator = event.raw
            self._watch.observed.done = True
            return None
        try:
            document = read_reply(event.data)
        except orjson.JSONDecodeError:
            document = None
        if event.name == "error":
            raise self._watch.read_error_event(document, event.data)
        if document is None:
            self._watch.skip()
            self._junk = self._junk or event.raw
            return None
        if not isinstance(document, dict):
            self._drop(event, "foreign_event")
            return None
        self._watch.require_no_error(document)
        if not isinstance(document.get("choices"), list) and not document.get("usage"):
            self._drop(event, "foreign_event")
            return None
        return self._read_chunk(event, document)

    def _read_chunk(self, event: ServerSentEvent, document: dict[str, Any]) -> Chunk:
        self._has_chunk = True
        raw = event.raw
        is_changed = self._watch.read_choices(document, "delta")
        if "usage" in document:
            is_changed |= self._watch.read_usage(document)
        if event.name not in (None, "message"):
            # A chunk under a name of the provider's own: clients would pass it over.
            self._watch.note("event_name")
            is_changed = True
        if is_changed:
            raw = encode_event(write_document(document))
        return Chunk(raw, document)

    def _read_without_data(self, event: ServerSentEvent) -> Chunk | None:
        if event.is_comment_only:
            # Before the first token the client has no stream yet that could be kept alive.
            return Chunk(event.raw) if self._watch.observed.first_token else None
        if not event.raw.strip(b"\r\n"):
            return Chunk(event.raw)
        # `id` or `retry` alone: some client libraries fail on it.
        self._junk = self._junk or event.raw
        return None

    def _drop(self, event: ServerSentEvent, word: str) -> None:
        self._watch.note(word)
        self._junk = self._junk or event.raw
