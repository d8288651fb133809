"""An Ollama reply, streamed or whole, read as deltas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    Delta,
    Finished,
    FinishReason,
    PartProduced,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageReported,
)
from llmrouter.core.chat.parts import Image
from llmrouter.core.errors import AttemptError
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame
from llmrouter.dialects.ollama.errors import read_error_object
from llmrouter.dialects.ollama.images import read_picture
from llmrouter.dialects.ollama.usage import read_metrics, read_usage

_FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}


class ReplyDecoder:
    """Reads the lines of one stream, or one whole reply; ``done`` ends both."""

    def __init__(self, origin: str, fallback_id: str) -> None:
        self.is_over = False
        self.dropped: list[str] = []
        self._fallback_id = fallback_id
        self._has_started = False
        self._calls = 0

    def read_event(self, name: str | None, data: bytes) -> Iterable[Delta]:
        return self._read(read_object(data))

    def read_whole(self, document: Mapping[str, Any]) -> Iterable[Delta]:
        if not {"error", "message", "response"} & document.keys():
            raise AttemptError("bad_body", "body", "the provider's reply has no message")
        return self._read(document)

    def refrain_of(self, frame: Frame) -> None:
        return None  # Each line has a time of its own.

    def _read(self, document: Mapping[str, Any]) -> Iterator[Delta]:
        if "error" in document:
            raise read_error_object(document)
        if not self._has_started:
            self._has_started = True
            yield Started(model=_text(document, "model"))
        message = document.get("message")
        # What /api/generate says stands in the line itself.
        yield from self._read_message(message if isinstance(message, dict) else document)
        if document.get("logprobs") and "logprobs" not in self.dropped:
            self.dropped.append("logprobs")
        if document.get("done") is True:
            yield from self._read_ending(document)

    def _read_message(self, message: Mapping[str, Any]) -> Iterator[Delta]:
        if thought := _text(message, "thinking"):
            yield ReasoningDelta(thought)
        if text := _text(message, "content") or _text(message, "response"):
            yield TextDelta(text)
        for data in _list(message, "images"):
            if isinstance(data, str):
                yield PartProduced(Image(read_picture(data)))
        for call in _list(message, "tool_calls"):
            if isinstance(call, dict) and isinstance(call.get("function"), dict):
                yield from self._read_call(call, call["function"])

    def _read_call(self, call: Mapping[str, Any], function: Mapping[str, Any]) -> Iterator[Delta]:
        """A call, which comes in one piece; one without an id gets one."""
        number, self._calls = self._calls, self._calls + 1
        call_id = _text(call, "id") or f"call_{self._fallback_id}_{number}"
        yield ToolCallStarted(number, call_id, _text(function, "name") or "")
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = write_document(arguments if isinstance(arguments, dict) else {}).decode()
        yield ArgumentsDelta(number, arguments)
        yield ToolCallEnded(number)

    def _read_ending(self, document: Mapping[str, Any]) -> Iterator[Delta]:
        self.is_over = True
        yield Finished(_FINISH_REASONS.get(_text(document, "done_reason") or "", "stop"))
        metrics = read_metrics(document)
        if metrics:
            yield UsageReported(read_usage(metrics), metrics)


def _list(message: Mapping[str, Any], name: str) -> list[Any]:
    value = message.get(name)
    return value if isinstance(value, list) else []


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None
