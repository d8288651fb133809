"""A provider's reply on its way to the client: bytes untouched, or converted where it must be.

Providers answer with JSON where a stream was asked, and the reverse; so the first byte decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from llmrouter.core.errors import AttemptError
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.openai.assembly import Assembly, split_into_chunks
from llmrouter.dialects.openai.chunks import TERMINATOR, Chunk, ChunkStream
from llmrouter.dialects.openai.completion import CompletionBody
from llmrouter.dialects.openai.errors import EXCERPT_BYTES, excerpt
from llmrouter.dialects.openai.refrain import refrain_of
from llmrouter.dialects.openai.watch import Watch
from llmrouter.dialects.refrain import Skimmer
from llmrouter.dialects.sse import encode_event
from llmrouter.dialects.wire import CostOf

_BLANK = b" \t\r\n\xef\xbb\xbf"  # the last three are a byte order mark
_JSON_STARTS = b'{["-0123456789ntf'


class Reply:
    """Reads a 2xx reply to a request that asked for a stream, or for none.

    When a chunk of bytes holds tokens and behind them an error, `feed` gives the tokens, and its
    next call raises the error; ``feed(b"")`` will do.
    """

    def __init__(
        self,
        *,
        stream: bool,
        include_usage: bool,
        content_type: str,
        event_bytes: int,
        body_bytes: int,
        cost_of: CostOf | None,
    ) -> None:
        self.content_type = "text/event-stream; charset=utf-8" if stream else "application/json"
        self._watch = Watch("stream" if stream else "body", cost_of)
        self.observed = self._watch.observed
        self._stream = stream
        self._include_usage = include_usage
        self._announced = content_type
        self._event_bytes = event_bytes
        self._body_bytes = body_bytes
        self._blank = bytearray()
        self._shape: _Shape | None = None
        self._faults: list[AttemptError] = []
        """At most the one that waits.  Whoever raises it lets go of it: its traceback holds all
        who were on the way, and us."""

    def feed(self, data: bytes) -> bytes:
        """The bytes that the client may have now."""
        if self._faults:
            raise self._faults.pop()
        shape = self._shape
        if shape is None:
            start = data.lstrip(_BLANK)[:1]
            if not start:
                self._blank += data
                return b""
            data = bytes(self._blank) + data
            shape = self._shape = self._recognise(start)
        given: list[bytes] = []
        try:
            parts = shape.feed(data)
            if type(parts) is tuple:
                return b"".join(parts)
            # One by one: what stands before a fault is kept.
            for part in parts:
                given.append(part)  # noqa: PERF402
        except AttemptError as fault:
            if not (given and self.observed.first_token):
                raise
            self._faults.append(fault)
        return b"".join(given)

    def finish(self) -> tuple[bytes, bytes]:
        """The last content, and what ends the reply."""
        if self._faults:
            raise self._faults.pop()
        if self._shape is None:
            raise self._watch.fault("empty", "the reply has no body")
        return self._shape.finish()

    def _recognise(self, start: bytes) -> _Shape:
        """What it is, by its first byte that is not blank."""
        if start == b"<":
            return _WebPage(self._watch)
        if start in _JSON_STARTS or not (self._is_of_events or start in b":de"):
            body = CompletionBody(self._watch, self._body_bytes)
            if self._stream:
                return _CompletionToStream(self._watch, body, self._include_usage)
            return body
        chunks = ChunkStream(self._watch, self._event_bytes)
        if self._stream:
            return _PassedStream(self._watch, chunks, self._event_bytes, self._include_usage)
        return _StreamToCompletion(self._watch, chunks, self._body_bytes)

    @property
    def _is_of_events(self) -> bool:
        """Whether events were asked for or announced."""
        return self._stream or "text/event-stream" in self._announced.lower()


class _Shape(Protocol):
    """One way from what came to what was asked for."""

    def feed(self, data: bytes) -> Iterable[bytes]: ...

    def finish(self) -> tuple[bytes, bytes]: ...


class _PassedStream(Skimmer):
    """Events as they came."""

    feed = Skimmer.skim

    def __init__(
        self, watch: Watch, chunks: ChunkStream, event_bytes: int, include_usage: bool
    ) -> None:
        super().__init__(watch.observed, event_bytes)
        self._chunks = chunks
        self._include_usage = include_usage

    def finish(self) -> tuple[bytes, bytes]:
        content = b"".join(self._visible(self._chunks.finish()))
        return content, self._chunks.terminator()

    def read(self, data: bytes) -> Iterable[bytes]:
        return self._visible(self._learning(self._chunks.feed(data)))

    @property
    def is_between(self) -> bool:
        return self._chunks.is_between_chunks

    def _learning(self, chunks: Iterable[Chunk]) -> Iterable[Chunk]:
        """The chunks, each of which may be like those that follow."""
        for chunk in chunks:
            document = chunk.document
            if document is not None and self.is_learning and self.text(chunk.raw) is None:
                self.learn(refrain_of(chunk.raw, document))
            yield chunk

    def _visible(self, chunks: Iterable[Chunk]) -> Iterable[bytes]:
        return (c.raw for c in chunks if self._include_usage or not c.is_usage_only)


class _StreamToCompletion:
    """A stream that nobody asked for, as one completion."""

    def __init__(self, watch: Watch, chunks: ChunkStream, body_bytes: int) -> None:
        self._watch = watch
        self._chunks = chunks
        self._left_bytes = body_bytes
        self._assembly = Assembly()

    def feed(self, data: bytes) -> Iterable[bytes]:
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise self._watch.fault("too_large", "the streamed reply is longer than a body may be")
        self._collect(self._chunks.feed(data))
        return ()

    def finish(self) -> tuple[bytes, bytes]:
        self._collect(self._chunks.finish())
        self._chunks.terminator()
        self._watch.note("converted")
        return b"", write_document(self._assembly.completion())

    def _collect(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            if chunk.document is not None:
                self._assembly.add(chunk.document)


class _CompletionToStream:
    """A completion where a stream was asked for, as chunks."""

    def __init__(self, watch: Watch, body: CompletionBody, include_usage: bool) -> None:
        self._watch = watch
        self._body = body
        self._include_usage = include_usage

    def feed(self, data: bytes) -> Iterable[bytes]:
        return self._body.feed(data)

    def finish(self) -> tuple[bytes, bytes]:
        completion, _ = self._body.read()
        self._watch.note("converted")
        chunks = split_into_chunks(completion, include_usage=self._include_usage)
        return b"".join([encode_event(write_document(chunk)) for chunk in chunks]), TERMINATOR


class _WebPage:
    """HTML, which answers nothing."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._start = b""

    def feed(self, data: bytes) -> Iterable[bytes]:
        self._start += data
        if len(self._start) >= EXCERPT_BYTES:
            raise self._fault()
        return ()

    def finish(self) -> tuple[bytes, bytes]:
        raise self._fault()

    def _fault(self) -> AttemptError:
        return self._watch.fault("bad_body", f"a web page instead of JSON: {excerpt(self._start)}")
