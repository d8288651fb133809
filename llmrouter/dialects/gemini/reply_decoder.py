"""A Gemini reply, streamed or whole, read as deltas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    CitationDelta,
    Delta,
    Finished,
    PartEnded,
    PartProduced,
    ReasoningDelta,
    SignatureDelta,
    Started,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageReported,
)
from llmrouter.core.chat.parts import Citation, Inline
from llmrouter.core.errors import AttemptError
from llmrouter.core.records import replace
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame
from llmrouter.dialects.gemini.errors import read_error_object
from llmrouter.dialects.gemini.finish_reasons import BROKEN_CALLS, read_finish_reason
from llmrouter.dialects.gemini.parts_to_core import read_address, read_media
from llmrouter.dialects.gemini.usage import read_tier, read_usage

_UNTOLD = ("logprobsResult", "urlContextMetadata")
"""What of a candidate no delta can say."""


class ReplyDecoder:
    """Reads the chunks of one stream, or one whole reply; of several candidates the first.

    Nothing ends a stream but the last chunk, so `is_over` stays false.  With
    ``refuses_broken_calls`` an answer that is nothing but a function call gone wrong is a fault.
    """

    def __init__(self, origin: str, fallback_id: str, *, refuses_broken_calls: bool = True) -> None:
        self.is_over = False
        self.dropped: list[str] = []
        self._origin = origin
        self._fallback_id = fallback_id
        self._refuses_broken_calls = refuses_broken_calls
        self._has_started = False
        self._has_spoken = False
        self._texts: list[str] = []
        self._calls = 0
        self._searches: int | None = None

    def read_event(self, name: str | None, data: bytes) -> Iterable[Delta]:
        return self._read(read_object(data))

    def read_whole(self, document: Mapping[str, Any]) -> Iterable[Delta]:
        is_reply = "candidates" in document or "promptFeedback" in document
        if not (is_reply or "error" in document):
            raise AttemptError("bad_body", "body", "the provider's reply has no candidates")
        return self._read(document)

    def refrain_of(self, frame: Frame) -> None:
        return None  # Each event counts the tokens so far.

    def _read(self, document: Mapping[str, Any]) -> Iterator[Delta]:
        if "error" in document:
            raise read_error_object(document)
        if not self._has_started:
            self._has_started = True
            yield Started(_text(document, "responseId"), _text(document, "modelVersion"))
        for candidate in _objects(document, "candidates"):
            if candidate.get("index", 0) == 0:
                yield from self._read_candidate(candidate)
            else:
                self._drop("candidate")
        yield from _read_feedback(document)
        usage = document.get("usageMetadata")
        if isinstance(usage, dict) and usage:
            counted = replace(read_usage(usage), web_searches=self._searches)
            yield UsageReported(counted, usage, service_tier=read_tier(usage))

    def _read_candidate(self, candidate: Mapping[str, Any]) -> Iterator[Delta]:
        content = candidate.get("content")
        if isinstance(content, dict):
            for part in _objects(content, "parts"):
                yield from self._read_part(part)
        yield from self._read_citations(candidate)
        for name in _UNTOLD:
            if candidate.get(name):
                self._drop(name)
        word = _text(candidate, "finishReason")
        if word is not None and word != "FINISH_REASON_UNSPECIFIED":
            yield self._read_finish(word, _text(candidate, "finishMessage"))

    def _read_finish(self, word: str, message: str | None) -> Finished:
        if self._refuses_broken_calls and word in BROKEN_CALLS and not self._has_spoken:
            said = f"the model's answer was cut off: {word}"
            raise AttemptError("error_body", "body", message or said, error_type=word)
        reason = read_finish_reason(word)
        if reason is None:
            self._drop(f"finish_reason={word[:40]}")
        return Finished(reason or "stop", explanation=message, closes=True)

    def _read_part(self, part: Mapping[str, Any]) -> Iterator[Delta]:
        text = _text(part, "text")
        self._has_spoken = self._has_spoken or bool(text)
        if part.get("thought") is True:
            yield from (ReasoningDelta(text),) if text else ()
            yield from self._read_signature(part)
            return
        if "functionCall" in part:
            # Apart from what the model may have thought aloud before it.
            yield from self._read_signature(part, is_apart=True)
        match part:
            case {"functionCall": dict(call)}:
                yield from self._read_call(call)
                return
            case {"inlineData": {"mimeType": str(media_type), "data": str(data)}}:
                self._has_spoken = True
                yield PartProduced(read_media(media_type, Inline(media_type, data)))
            case {"fileData": {"fileUri": str(uri)} as file}:
                self._has_spoken = True
                yield PartProduced(read_media(str(file.get("mimeType", "")), read_address(uri)))
            case {"text": str()}:
                if text:
                    self._texts.append(text)
                    yield TextDelta(text)
            case _:
                self._drop(next(iter(part), "part"))
        yield from self._read_signature(part, is_apart=True)

    def _read_signature(
        self, part: Mapping[str, Any], *, is_apart: bool = False
    ) -> Iterator[Delta]:
        signature = _text(part, "thoughtSignature")
        if signature is None:
            return
        if is_apart:
            yield PartEnded()
        yield SignatureDelta(signature, self._origin)

    def _read_call(self, call: Mapping[str, Any]) -> Iterator[Delta]:
        """A call, which comes in one piece; one without an id gets one."""
        number, self._calls = self._calls, self._calls + 1
        self._has_spoken = True
        call_id = _text(call, "id") or f"call_{self._fallback_id}_{number}"
        arguments = call.get("args")
        yield ToolCallStarted(number, call_id, _text(call, "name") or "")
        written = write_document(arguments if isinstance(arguments, dict) else {})
        yield ArgumentsDelta(number, written.decode())
        yield ToolCallEnded(number)

    def _read_citations(self, candidate: Mapping[str, Any]) -> Iterator[Delta]:
        cited = candidate.get("citationMetadata")
        for source in _objects(cited, "citationSources") or _objects(cited, "citations"):
            yield CitationDelta(self._cite(source, _text(source, "uri"), _text(source, "title")))
        grounding = candidate.get("groundingMetadata")
        queries = grounding.get("webSearchQueries") if isinstance(grounding, dict) else None
        if isinstance(queries, list) and queries:
            self._searches = len(queries)
        pages = _objects(grounding, "groundingChunks")
        for support in _objects(grounding, "groundingSupports"):
            segment = support.get("segment")
            for index in support.get("groundingChunkIndices") or ():
                page = pages[index].get("web") if index in range(len(pages)) else None
                if isinstance(page, dict):
                    span = segment if isinstance(segment, dict) else {}
                    citation = self._cite(span, _text(page, "uri"), _text(page, "title"))
                    yield CitationDelta(citation)

    def _cite(self, span: Mapping[str, Any], url: str | None, title: str | None) -> Citation:
        """A citation; Google counts bytes, everybody else characters."""
        end = span.get("endIndex")
        if not isinstance(end, int):
            return Citation(url, title)
        start = span.get("startIndex")
        begin = self._characters(start) if isinstance(start, int) else 0
        return Citation(url, title, start=begin, end=self._characters(end))

    def _characters(self, length_bytes: int) -> int:
        text = "".join(self._texts).encode()
        return len(text[: max(0, length_bytes)].decode(errors="ignore"))

    def _drop(self, word: str) -> None:
        if word not in self.dropped:
            self.dropped.append(word)


def _read_feedback(document: Mapping[str, Any]) -> Iterator[Delta]:
    """A prompt that was blocked has no candidates."""
    match document.get("promptFeedback"):
        case {"blockReason": str(reason), **rest}:
            said = rest.get("blockReasonMessage")
            explanation = said if isinstance(said, str) else f"the prompt was blocked: {reason}"
            yield Finished("content_filter", explanation=explanation, closes=True)
        case _:
            return


def _objects(holder: object, name: str) -> list[dict[str, Any]]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None
