"""A reply of the Messages API, read as deltas."""

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
from llmrouter.core.chat.parts import Reasoning
from llmrouter.core.errors import AttemptError
from llmrouter.dialects.anthropic.blocks_to_core import read_citation, read_citations
from llmrouter.dialects.anthropic.errors import read_error_object
from llmrouter.dialects.anthropic.refrain import refrain_of
from llmrouter.dialects.anthropic.stop_reasons import read_stop_reason
from llmrouter.dialects.anthropic.usage import (
    merge_usage,
    read_cost_nusd,
    read_tier,
    read_usage,
)
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame
from llmrouter.dialects.refrain import Refrain


class ReplyDecoder:
    """Reads the events of one stream, or one whole message."""

    def __init__(self, origin: str) -> None:
        self.is_over = False
        self.dropped: list[str] = []
        self._origin = origin
        self._usage: dict[str, Any] = {}
        self._kinds: dict[int, str] = {}
        self._has_arguments: set[int] = set()
        self._first_inputs: dict[int, dict[str, Any]] = {}

    def read_event(self, name: str | None, data: bytes) -> Iterable[Delta]:
        event = read_object(data)
        match event:
            case {"type": "message_start", "message": dict(message)}:
                return self._read_start(message)
            case {"type": "content_block_start", "index": int(index), "content_block": dict(block)}:
                return self._start_block(index, block)
            case {"type": "content_block_delta", "index": int(index), "delta": dict(delta)}:
                return self._read_delta(index, delta)
            case {"type": "content_block_stop", "index": int(index)}:
                return self._stop_block(index)
            case {"type": "message_delta"}:
                return self._read_ending(event)
            case {"type": "message_stop"}:
                self.is_over = True
                return ()
            case {"type": "error"}:
                raise read_error_object(event)
            case _:
                # `ping`, and whatever comes with later versions.
                return ()

    def read_whole(self, document: Mapping[str, Any]) -> Iterable[Delta]:
        if document.get("type") == "error" or "error" in document:
            raise read_error_object(document)
        content = document.get("content")
        if not isinstance(content, list):
            raise AttemptError("bad_body", "body", "the provider's reply has no content")
        return self._read_message(document, content)

    def refrain_of(self, frame: Frame) -> Refrain | None:
        return refrain_of(frame.raw, frame.data)

    def _read_message(self, document: Mapping[str, Any], content: list[Any]) -> Iterator[Delta]:
        yield from self._read_start(document)
        for index, block in enumerate(content):
            if isinstance(block, dict):
                yield from self._start_block(index, block)
                yield from self._stop_block(index)
        yield from _read_finish(document)

    def _read_start(self, message: Mapping[str, Any]) -> Iterator[Delta]:
        yield Started(id=_text(message, "id"), model=_text(message, "model"))
        yield from self._read_usage(message)

    def _read_usage(self, holder: Mapping[str, Any]) -> Iterator[Delta]:
        usage = holder.get("usage")
        if isinstance(usage, dict):
            self._usage = merge_usage(self._usage, usage)
            yield UsageReported(
                read_usage(self._usage),
                self._usage,
                cost_nusd=read_cost_nusd(self._usage),
                service_tier=read_tier(self._usage),
            )

    def _read_ending(self, event: Mapping[str, Any]) -> Iterator[Delta]:
        delta = event.get("delta")
        if isinstance(delta, dict):
            yield from _read_finish(delta)
        yield from self._read_usage(event)

    def _start_block(self, index: int, block: Mapping[str, Any]) -> Iterator[Delta]:
        """A block's beginning; whatever it holds already, which is all of it in a whole reply."""
        kind = str(block.get("type"))
        self._kinds[index] = kind
        match kind:
            case "text":
                yield from _text_deltas(block)
            case "thinking":
                if thought := _text(block, "thinking"):
                    yield ReasoningDelta(thought)
                if signature := _text(block, "signature"):
                    yield SignatureDelta(signature, self._origin)
            case "redacted_thinking":
                data = _text(block, "data") or ""
                yield PartProduced(Reasoning(encrypted=data, origin=self._origin))
            case "tool_use":
                first_input = block.get("input")
                if isinstance(first_input, dict):
                    self._first_inputs[index] = first_input
                yield ToolCallStarted(index, _text(block, "id") or "", _text(block, "name") or "")
            case _:
                self.dropped.append(kind)

    def _read_delta(self, index: int, delta: Mapping[str, Any]) -> Iterator[Delta]:
        match self._kinds.get(index), delta:
            case "text", {"type": "text_delta", "text": str(text)}:
                yield TextDelta(text)
            case "text", {"type": "citations_delta", "citation": dict(citation)}:
                yield CitationDelta(read_citation(citation))
            case "thinking", {"type": "thinking_delta", "thinking": str(text)}:
                yield ReasoningDelta(text)
            case "thinking", {"type": "signature_delta", "signature": str(signature)}:
                yield SignatureDelta(signature, self._origin)
            case "tool_use", {"type": "input_json_delta", "partial_json": str(text)}:
                self._has_arguments.add(index)
                yield ArgumentsDelta(index, text)
            case _:
                return

    def _stop_block(self, index: int) -> Iterator[Delta]:
        match self._kinds.get(index):
            case "text" | "thinking":
                yield PartEnded()
            case "tool_use":
                if index not in self._has_arguments:
                    arguments = self._first_inputs.get(index, {})
                    yield ArgumentsDelta(index, write_document(arguments).decode())
                yield ToolCallEnded(index)
            case _:
                return


def _read_finish(holder: Mapping[str, Any]) -> Iterator[Delta]:
    word = _text(holder, "stop_reason")
    if word is None:
        return
    details = holder.get("stop_details")
    explanation = _text(details, "explanation") if isinstance(details, dict) else None
    yield Finished(read_stop_reason(word), _text(holder, "stop_sequence"), explanation)


def _text_deltas(block: Mapping[str, Any]) -> Iterator[Delta]:
    if text := _text(block, "text"):
        yield TextDelta(text)
    for citation in read_citations(block.get("citations")):
        yield CitationDelta(citation)


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) else None
