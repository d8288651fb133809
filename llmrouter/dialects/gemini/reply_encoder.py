"""Deltas, written as a Gemini reply, streamed or whole.

Each delta is a chunk; the last one, with the finish reason and the usage, is the terminator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    CitationDelta,
    Delta,
    Finished,
    PartEnded,
    PartProduced,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    SignatureDelta,
    Started,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageReported,
)
from llmrouter.core.chat.parts import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    MediaSource,
    Part,
    PlainText,
    Reasoning,
    Refusal,
    Remote,
    Text,
    ToolCall,
    ToolResult,
    Uploaded,
)
from llmrouter.core.chat.sealing import seal
from llmrouter.core.usage import Usage
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import compact, read_object
from llmrouter.dialects.gemini.address import StreamForm
from llmrouter.dialects.gemini.finish_reasons import write_finish_reason
from llmrouter.dialects.gemini.parts_to_core import ENCRYPTED
from llmrouter.dialects.gemini.usage import write_usage
from llmrouter.dialects.interpreter import ReplyContext
from llmrouter.dialects.sse import encode_event

EVENTS = "text/event-stream; charset=utf-8"
JSON = "application/json; charset=utf-8"

# Google's Python library cuts lines at these, inside of strings, too.
_LINE_ENDS = tuple(
    (mark.encode(), f"\\u{ord(mark):04x}".encode()) for mark in ("\u0085", "\u2028", "\u2029")
)


class Chunks:
    """Puts documents into a stream of the form that the client asked for."""

    def __init__(self, form: StreamForm) -> None:
        self.content_type = JSON if form == "array" else EVENTS
        self._is_array = form == "array"
        self._is_first = True

    def write(self, document: bytes) -> bytes:
        """One chunk."""
        if not self._is_array:
            return encode_event(document)
        before, self._is_first = b"[" if self._is_first else b",\n", False
        return before + document

    def end(self) -> bytes:
        """What closes the stream."""
        return b"]\n" if self._is_array else b""


class ReplyEncoder:
    """Writes the chunks of one stream, or one whole reply."""

    def __init__(self, context: ReplyContext, form: StreamForm = "sse") -> None:
        self.dropped: list[str] = []
        self._context = context
        self._chunks = Chunks(form)
        self.content_type = self._chunks.content_type
        self._started = Started()
        self._has_unsigned_thought = False
        self._call: ToolCallStarted | None = None
        self._arguments: list[str] = []
        self._text: list[str] = []
        self._citations: list[Citation] = []
        self._finished = Finished("stop")
        self._usage = UsageReported(Usage())

    def write(self, delta: Delta) -> bytes:
        match delta:
            case Started():
                self._started = delta
                return b""
            case TextDelta(text) | RefusalDelta(text):
                self._text.append(text)
                return self._say({"text": text}) if text else b""
            case CitationDelta(citation):
                self._citations.append(citation)
                return b""
            case ReasoningDelta(text):
                return self._think(text) if text else b""
            case SignatureDelta(signature, origin):
                self._has_unsigned_thought = False
                return self._chunk(_thought("", self._seal(origin, signature)))
            case PartEnded():
                return self._close_thought()
            case PartProduced(part):
                written = self._write_part(part)
                return self._say(written) if written else b""
            case ToolCallStarted():
                self._call, self._arguments = delta, []
                return b""
            case ArgumentsDelta(text=text):
                self._arguments.append(text)
                return b""
            case ToolCallEnded():
                return self._say(self._write_call())
            case Finished():
                self._finished = delta
                return b""
            case UsageReported():
                self._usage = delta
                return b""
            case _:
                assert_never(delta)

    def finish(self) -> tuple[bytes, bytes]:
        content = self._close_thought()
        last = self._document([{"text": ""}], self._write_ending())
        return content, self._chunks.write(_escaped(last)) + self._chunks.end()

    def whole(self, reply: Reply) -> Mapping[str, Any]:
        self._started, self._finished = reply.started, reply.finished
        self._usage = reply.usage or self._usage
        parts = []
        for part in reply.parts:
            if isinstance(part, Text):
                self._text.append(part.text)
                self._citations += part.citations
            written = self._write_part(part)
            if written is not None:
                parts.append(written)
        return self._document(parts or [{"text": ""}], self._write_ending())

    def _say(self, part: dict[str, Any]) -> bytes:
        return self._close_thought() + self._chunk(part)

    def _think(self, text: str) -> bytes:
        self._has_unsigned_thought = True
        return self._chunk(_thought(text))

    def _close_thought(self) -> bytes:
        """Says whose thought it was, so that it goes back to that endpoint and to no other."""
        if not (self._has_unsigned_thought and self._context.seals):
            return b""
        self._has_unsigned_thought = False
        return self._chunk(_thought("", seal(self._context.origin, "")))

    def _chunk(self, part: dict[str, Any]) -> bytes:
        return self._chunks.write(_escaped(self._document([part], {})))

    def _document(self, parts: list[dict[str, Any]], ending: dict[str, Any]) -> dict[str, Any]:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **ending}
        return compact(
            candidates=[candidate],
            usageMetadata=(write_usage(self._usage.usage) or None) if ending else None,
            modelVersion=self._started.model or self._context.model,
            responseId=self._started.id or self._context.fallback_id,
        )

    def _write_ending(self) -> dict[str, Any]:
        sources = [self._write_citation(citation) for citation in self._citations]
        written = [source for source in sources if source is not None]
        return compact(
            finishReason=write_finish_reason(self._finished.reason),
            finishMessage=self._finished.explanation,
            citationMetadata={"citationSources": written} if written else None,
        )

    def _write_part(self, part: Part) -> dict[str, Any] | None:
        match part:
            case Text(text) | Refusal(text):
                return {"text": text}
            case Reasoning(text, signature, encrypted, origin):
                value = signature or "" if encrypted is None else ENCRYPTED + encrypted
                sealed = self._seal(origin or self._context.origin, value)
                return _thought(text, sealed)
            case ToolCall():
                return self._write_tool_call(part)
            case Image(source) | Audio(source):
                return self._write_source(source)
            case File(PlainText(text)):
                return {"text": text}
            case File(Inline() | Remote() | Uploaded() as source):
                return self._write_source(source)
            case ToolResult() | File():
                self.dropped.append(type(part).__name__.lower())
                return None
            case _:
                assert_never(part)

    def _write_call(self) -> dict[str, Any]:
        call = self._call or ToolCallStarted(0, "", "")
        self._call = None
        return self._write_tool_call(
            ToolCall(
                call.id,
                call.name,
                "".join(self._arguments),
                signature=call.signature,
                origin=call.origin,
            )
        )

    def _write_tool_call(self, call: ToolCall) -> dict[str, Any]:
        """A call, signed by whoever made it; clients of Gemini expect and return a signature."""
        arguments = _read_arguments(call.arguments)
        written = compact(id=call.id or None, name=call.name, args=arguments)
        sealed = self._seal(call.origin or self._context.origin, call.signature or "")
        return compact(functionCall=written, thoughtSignature=sealed)

    def _write_source(self, source: MediaSource) -> dict[str, Any] | None:
        match source:
            case Inline(media_type, data):
                return {"inlineData": {"mimeType": media_type, "data": data}}
            case Remote(uri) | Uploaded(uri):
                return {"fileData": {"fileUri": uri}}
            case _:
                assert_never(source)

    def _write_citation(self, citation: Citation) -> dict[str, Any] | None:
        if citation.url is None:
            self.dropped.append("citation")
            return None
        return compact(
            uri=citation.url,
            title=citation.title,
            startIndex=self._bytes_before(citation.start),
            endIndex=self._bytes_before(citation.end),
        )

    def _bytes_before(self, characters: int | None) -> int | None:
        """A place in the answer as Google counts it."""
        if characters is None:
            return None
        return len("".join(self._text)[:characters].encode())

    def _seal(self, origin: str, signature: str) -> str | None:
        if self._context.seals:
            return seal(origin, signature)
        return signature or None


def _thought(text: str, signature: str | None = None) -> dict[str, Any]:
    return compact(text=text, thought=True, thoughtSignature=signature)


def _escaped(document: Mapping[str, Any]) -> bytes:
    written = write_document(document)
    for mark, escape in _LINE_ENDS:
        written = written.replace(mark, escape)
    return written


def _read_arguments(text: str) -> dict[str, Any]:
    """The arguments as an object; a model's broken JSON travels inside one, so that it is seen."""
    if not text.strip():
        return {}
    try:
        return read_object(text.encode())
    except ValueError:
        return {"arguments": text}
