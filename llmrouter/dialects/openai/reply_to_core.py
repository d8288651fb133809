"""A chat completion, streamed or whole, read as deltas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    CitationDelta,
    Delta,
    Finished,
    FinishReason,
    PartProduced,
    ReasoningDelta,
    RefusalDelta,
    SignatureDelta,
    Started,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageReported,
)
from llmrouter.core.chat.parts import Citation, Image, Reasoning
from llmrouter.core.errors import AttemptError, Phase
from llmrouter.core.usage import Usage
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame
from llmrouter.dialects.openai.errors import ProviderError, read_error_document
from llmrouter.dialects.openai.parts_to_core import REASONING_TEXTS, media_source
from llmrouter.dialects.openai.refrain import refrain_of
from llmrouter.dialects.openai.usage import read_usage
from llmrouter.dialects.openai.watch import known_finish_reason
from llmrouter.dialects.refrain import Refrain
from llmrouter.dialects.service_tiers import read_service_tier

_DONE = b"[DONE]"

_LEGACY_CALL = -1
"""The place of a ``function_call``, which has no index."""

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class ReplyDecoder:
    """Reads the chunks of one stream, or one whole completion; of several choices the first."""

    def __init__(self, origin: str) -> None:
        self.is_over = False
        self.dropped: list[str] = []
        self._origin = origin
        self._has_started = False
        self._has_refused = False
        self._calls: list[str] = []
        self._call_at: dict[int, int] = {}

    def read_event(self, name: str | None, data: bytes) -> Iterable[Delta]:
        if data.strip() == _DONE:
            self.is_over = True
            return ()
        document = read_object(data)
        if name == "error" or document.get("error"):
            raise _fault(document, "stream")
        return self._read(document, "delta")

    def read_whole(self, document: Mapping[str, Any]) -> Iterable[Delta]:
        if document.get("error") or document.get("object") == "error":
            raise _fault(document, "body")
        match document.get("choices"):
            case [dict(), *_]:
                return self._read(document, "message")
            case _:
                raise AttemptError("bad_body", "body", "the provider's reply has no choices")

    def refrain_of(self, frame: Frame) -> Refrain | None:
        return refrain_of(frame.raw, read_object(frame.data))

    def _read(self, document: Mapping[str, Any], member: str) -> Iterator[Delta]:
        if not self._has_started:
            self._has_started = True
            yield Started(
                id=_text(document, "id"),
                model=_text(document, "model"),
                created_s=_integer(document, "created"),
                service_tier=read_service_tier(document.get("service_tier")),
            )
        choices = document.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and not choice.get("index"):
                yield from self._read_choice(choice, member)
        usage = document.get("usage")
        if isinstance(usage, dict) and usage:
            reported = read_usage(usage)
            tier = read_service_tier(document.get("service_tier"))
            yield UsageReported(reported.usage or Usage(), usage, reported.cost_nusd, tier)

    def _read_choice(self, choice: Mapping[str, Any], member: str) -> Iterator[Delta]:
        spoken = choice.get(member)
        if isinstance(spoken, dict):
            yield from self._read_message(spoken)
        reason = choice.get("finish_reason")
        if reason == "error":
            raise _fault(choice, "stream" if member == "delta" else "body")
        if reason:
            for call in range(len(self._calls)):
                yield ToolCallEnded(call)
            yield Finished(self._finish_reason(reason))

    def _finish_reason(self, word: object) -> FinishReason:
        reason = _FINISH_REASONS[known_finish_reason(word)]
        return "refusal" if reason == "stop" and self._has_refused else reason

    def _read_message(self, message: Mapping[str, Any]) -> Iterator[Delta]:
        yield from self._read_reasoning(message)
        yield from self._read_content(message.get("content"))
        if refusal := _text(message, "refusal"):
            self._has_refused = True
            yield RefusalDelta(refusal)
        for annotation in _list(message, "annotations"):
            yield from _read_annotation(annotation)
        for image in _list(message, "images"):
            yield from _read_image(image)
        if message.get("audio"):
            self.dropped.append("audio")
        for position, call in enumerate(_list(message, "tool_calls")):
            if isinstance(call, dict):
                index = _integer(call, "index")
                yield from self._read_call(call, position if index is None else index)
        if isinstance(message.get("function_call"), dict):
            yield from self._read_call({"function": message["function_call"]}, _LEGACY_CALL)

    def _read_reasoning(self, message: Mapping[str, Any]) -> Iterator[Delta]:
        spoken = next((t for name in REASONING_TEXTS if (t := _text(message, name))), None)
        if spoken is not None:
            yield ReasoningDelta(spoken)
        for detail in _list(message, "reasoning_details"):
            match detail:
                case {"type": "reasoning.encrypted", "data": str(data)} if data:
                    yield PartProduced(Reasoning(encrypted=data, origin=self._origin))
                case {"type": "reasoning.text" | "reasoning.summary"}:
                    text = _text(detail, "text") or _text(detail, "summary")
                    if text and spoken is None:
                        yield ReasoningDelta(text)
                    if signature := _text(detail, "signature"):
                        yield SignatureDelta(signature, self._origin)
                case _:
                    continue

    def _read_content(self, content: object) -> Iterator[Delta]:
        if isinstance(content, str):
            if content:
                yield TextDelta(content)
            return
        for part in content if isinstance(content, list) else ():
            match part:
                case {"type": "thinking", "thinking": [*thoughts]}:  # Mistral
                    for thought in thoughts:
                        if isinstance(thought, dict) and (text := _text(thought, "text")):
                            yield ReasoningDelta(text)
                case {"text": str(text)} if text:
                    yield TextDelta(text)
                case _:
                    continue

    def _read_call(self, entry: Mapping[str, Any], position: int) -> Iterator[Delta]:
        """One piece of a tool call.

        Some providers give every parallel call the same index, so a new id begins a new call.
        """
        function = entry.get("function") or entry.get("custom") or {}
        if not isinstance(function, dict):
            return
        call_id, name = _text(entry, "id"), _text(function, "name")
        call = self._call_at.get(position)
        if call is None or (name and call_id and call_id != self._calls[call]):
            call = self._call_at[position] = len(self._calls)
            self._calls.append(call_id or f"call_{call}")
            yield ToolCallStarted(call, self._calls[call], name or "")
        arguments = function.get("arguments", function.get("input"))
        if isinstance(arguments, dict):
            arguments = write_document(arguments).decode()
        if isinstance(arguments, str) and arguments:
            yield ArgumentsDelta(call, arguments)


def _fault(document: Mapping[str, Any], phase: Phase) -> AttemptError:
    said = read_error_document(document) or ProviderError("the provider reported an error")
    return AttemptError(
        "error_body", phase, said.message, error_type=said.type, code=said.code, param=said.param
    )


def _read_annotation(annotation: object) -> Iterator[Delta]:
    match annotation:
        case {"type": "url_citation", "url_citation": dict(cited)}:
            yield CitationDelta(
                Citation(
                    url=_text(cited, "url"),
                    title=_text(cited, "title"),
                    cited_text=_text(cited, "content"),
                    start=_integer(cited, "start_index"),
                    end=_integer(cited, "end_index"),
                )
            )
        case _:
            return


def _read_image(image: object) -> Iterator[Delta]:
    match image:
        case {"image_url": {"url": str(url)}}:
            yield PartProduced(Image(media_source(url)))
        case _:
            return


def _list(message: Mapping[str, Any], name: str) -> list[Any]:
    value = message.get(name)
    return value if isinstance(value, list) else []


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def _integer(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
