"""A provider's reply to a client of the same dialect: bytes untouched, and watched.

For dialects whose streams are the same documents as their whole replies, cut small, so that one
turns into the other without loss.  Anthropic's and OpenAI's are not, and have their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    Delta,
    Finished,
    PartProduced,
    ReasoningDelta,
    RefusalDelta,
    SignatureDelta,
    TextDelta,
    ToolCallStarted,
)
from llmrouter.core.errors import AttemptError
from llmrouter.dialects.documents import read_json, write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame, Framer, Framing
from llmrouter.dialects.interpreter import ReplyDecoder
from llmrouter.dialects.observer import ReplyObserver

_SPOKEN = (
    ArgumentsDelta
    | PartProduced
    | ReasoningDelta
    | RefusalDelta
    | SignatureDelta
    | TextDelta
    | ToolCallStarted
)


class Passage(Protocol):
    """What a dialect contributes to passing one reply on."""

    framing: Framing
    content_type: str
    """Of a stream."""

    @property
    def decoder(self) -> ReplyDecoder:
        """Reads what accounting needs; the same one for the whole reply."""

    def chunk(self, frame: Frame) -> bytes:
        """A document of the stream, as the client takes it."""

    def end(self) -> bytes:
        """What closes the stream behind its last document."""

    def merge(self, chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The whole reply that the documents of a stream make."""


class PassedReply:
    """A `llmrouter.dialects.wire.ReplyReader`.

    The last document of a stream, which tells why it ended, is the terminator.
    """

    def __init__(
        self, passage: Passage, *, stream: bool, event_bytes: int, body_bytes: int
    ) -> None:
        self.content_type = passage.content_type if stream else "application/json"
        self._passage = passage
        self._stream = stream
        # Of a reply in one piece nothing is a line.
        framing: Framing = passage.framing if stream else "sse"
        self._framer = Framer(framing, event_bytes=event_bytes, body_bytes=body_bytes)
        self._observer = ReplyObserver()
        self._held: list[bytes] = []
        self._documents: list[Mapping[str, Any]] = []
        self._body: bytes | None = None
        self.observed = self._observer.observed

    def feed(self, data: bytes) -> bytes:
        self._observer.require_no_fault()
        return self._observer.collect(self._pass_all(self._framer.feed(data)))

    def finish(self) -> tuple[bytes, bytes]:
        self._observer.require_no_fault()
        content = self._observer.collect(self._pass_all(self._framer.finish()))
        self._observer.require_no_fault()
        self._observer.require_complete(is_over=self._passage.decoder.is_over)
        if self.observed.finish_reason == "stop" and self._observer.calls_tools:
            self.observed.finish_reason = "tool_calls"
        if self._stream:
            return content, b"".join(self._held) + self._passage.end()
        if self._body is not None:
            return b"", self._body
        return b"", write_document(self._passage.merge(self._documents))

    def _pass_all(self, frames: list[Frame]) -> Iterator[bytes]:
        for frame in frames:
            if frame.is_comment:
                continue  # clients of these dialects fail at them
            if not frame.is_whole:
                yield self._pass(frame)
                continue
            parts = self._parts_of(frame)
            if self._stream or len(parts) > 1:
                self._observer.note("converted")
            for part in parts:
                yield self._pass(part)
            self._body = frame.raw if len(parts) == 1 else None

    def _pass(self, frame: Frame) -> bytes:
        """The client's bytes for one document."""
        if self._passage.decoder.is_over:
            self._observer.note("trailing")
            return b""
        self._observer.is_whole = frame.is_whole
        deltas = self._watch(frame)
        if deltas is None:
            return b""
        if not self._stream:
            self._documents.append(read_object(frame.data))
            return b""
        return self._release_or_hold(deltas, self._passage.chunk(frame))

    def _release_or_hold(self, deltas: Sequence[Delta], written: bytes) -> bytes:
        """Keeps what ends the stream, and what follows it without a further word."""
        content = b""
        if any(isinstance(delta, _SPOKEN) for delta in deltas):
            content = b"".join(self._held)
            self._held.clear()
        if self._held or any(isinstance(delta, Finished) for delta in deltas):
            self._held.append(written)
            return content
        return content + written

    def _watch(self, frame: Frame) -> list[Delta] | None:
        """What accounting needs of a document; None when it can't be read."""
        decoder = self._passage.decoder
        try:
            if frame.is_whole:
                deltas = list(decoder.read_whole(read_object(frame.data)))
            else:
                deltas = list(decoder.read_event(frame.name, frame.data))
        except AttemptError as error:
            error.phase = self._observer.phase
            raise
        except ValueError as error:
            if frame.is_whole:
                raise self._observer.fault("bad_body", "the reply is no JSON object") from error
            self._observer.skip()
            return None
        for delta in deltas:
            self._observer.see(delta)
        return deltas

    def _parts_of(self, frame: Frame) -> list[Frame]:
        """The documents of a reply in one piece: one, or a list of them, or one a line."""
        try:
            document = read_json(frame.data)
        except ValueError:
            lines = [line for line in frame.data.split(b"\n") if line.strip()]
            return [Frame(line + b"\n", line) for line in lines] if len(lines) > 1 else [frame]
        if not isinstance(document, list):
            return [frame]
        written = (write_document(part) for part in document)
        return [Frame(part, part, is_whole=len(document) == 1) for part in written]
