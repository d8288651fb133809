"""A reply of the Responses API, streamed or whole, read as deltas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    CitationDelta,
    Delta,
    Finished,
    FinishReason,
    PartEnded,
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
from llmrouter.core.chat.parts import Reasoning
from llmrouter.core.errors import AttemptError
from llmrouter.core.records import replace
from llmrouter.core.usage import Usage
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame
from llmrouter.dialects.responses.content_to_core import read_citation
from llmrouter.dialects.responses.errors import is_failure, read_failure
from llmrouter.dialects.responses.items_to_core import read_generated_image
from llmrouter.dialects.responses.tools_to_core import joined_name
from llmrouter.dialects.responses.usage import read_usage
from llmrouter.dialects.service_tiers import read_service_tier

DONE = b"[DONE]"
_Place = int | str | None
"""By what the events of one item are known: its place, or its id."""

_CALLS = ("function_call", "custom_tool_call")

_INCOMPLETE: Mapping[object, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "max_messages": "stop",
    "steered": "stop",
}


class ReplyDecoder:
    """Reads the events of one stream, or one whole response.

    Some providers leave deltas out; what an item holds once it is done is then read from there.
    """

    def __init__(self, origin: str) -> None:
        self.is_over = False
        self.dropped: list[str] = []
        self._origin = origin
        self._has_started = False
        self._has_refused = False
        self._has_items = False
        self._calls: dict[_Place, int] = {}
        self._told: dict[_Place, str] = {}
        """Of an item, the kind of the first delta."""
        self._searches = 0

    def read_event(self, name: str | None, data: bytes) -> Iterable[Delta]:
        if data.strip() == DONE:
            # Some providers have it from chat completions; here it ends nothing.
            return ()
        return self.read_document(name, read_object(data))

    def read_document(self, name: str | None, event: Mapping[str, Any]) -> Iterable[Delta]:
        """The same, once the event's data have been parsed."""
        kind = event.get("type") or name
        match kind:
            case "error" | "response.failed" | "response.cancelled":
                raise read_failure(event, "stream")
            case "response.completed" | "response.incomplete":
                self.is_over = True
                return self._read_ending(_mapping(event, "response"))
            case "response.created" | "response.in_progress":
                return self._start(_mapping(event, "response"))
            case str():
                return self._read_item_event(kind, event)
            case _:
                if event.get("error"):
                    raise read_failure(event, "stream")
                return ()

    def read_whole(self, document: Mapping[str, Any]) -> Iterable[Delta]:
        if is_failure(document):
            raise read_failure(document, "body")
        if not isinstance(document.get("output"), list):
            raise AttemptError("bad_body", "body", "the provider's reply has no output")
        return self._read_ending(document)

    def refrain_of(self, frame: Frame) -> None:
        return None  # Each event has a number of its own.

    def _start(self, response: Mapping[str, Any]) -> Iterator[Delta]:
        if self._has_started:
            return
        self._has_started = True
        created = response.get("created_at")
        yield Started(
            id=_text(response, "id"),
            model=_text(response, "model"),
            created_s=int(created) if isinstance(created, int | float) else None,
            service_tier=read_service_tier(response.get("service_tier")),
        )

    def _read_item_event(self, kind: str, event: Mapping[str, Any]) -> Iterator[Delta]:
        key = _place(event)
        delta = _text(event, "delta")
        match kind.removeprefix("response."):
            case "output_item.added":
                yield from self._begin_item(key, _mapping(event, "item"))
            case "output_item.done":
                yield from self._end_item(key, _mapping(event, "item"))
            case "output_text.delta" if delta:
                self._told[key] = kind
                yield TextDelta(delta)
            case "refusal.delta" if delta:
                self._told[key], self._has_refused = kind, True
                yield RefusalDelta(delta)
            case "output_text.annotation.added":
                yield from _citations([event.get("annotation")])
            case "output_text.done" | "refusal.done":
                yield PartEnded()
            case "reasoning_summary_text.delta" | "reasoning_text.delta" if delta:
                # A model whose raw thoughts are shown may sum them up besides.
                if self._told.setdefault(key, kind) == kind:
                    yield ReasoningDelta(delta)
            case "reasoning_summary_part.added" if key in self._told:
                yield ReasoningDelta("\n\n")
            case "function_call_arguments.delta" | "custom_tool_call_input.delta" if delta:
                if key in self._calls:
                    self._told[key] = kind
                    yield ArgumentsDelta(self._calls[key], delta)
            case _:
                # Events that repeat, and whatever comes with later versions.
                return

    def _begin_item(self, key: _Place, item: Mapping[str, Any]) -> Iterator[Delta]:
        self._has_items = True
        kind = item.get("type")
        if kind in _CALLS and key not in self._calls:
            call = self._calls[key] = len(self._calls)
            name = joined_name(_text(item, "namespace"), _text(item, "name") or "")
            call_id = _text(item, "call_id") or _text(item, "id") or f"call_{call}"
            if kind == "custom_tool_call":
                yield ToolCallStarted(call, call_id, name, "custom")
            else:
                yield ToolCallStarted(call, call_id, name)

    def _end_item(self, key: _Place, item: Mapping[str, Any]) -> Iterator[Delta]:
        """The rest of an item, which is all of it where nothing was told before."""
        is_told = key in self._told
        match item.get("type"):
            case "message":
                if not is_told:
                    yield from self._read_message(item)
            case "reasoning":
                yield from self._end_reasoning(item, is_told=is_told)
            case "function_call" | "custom_tool_call" as kind:
                yield from self._begin_item(key, item)
                whole = _text(item, "arguments" if kind == "function_call" else "input")
                if whole and not is_told:
                    yield ArgumentsDelta(self._calls[key], whole)
                yield ToolCallEnded(self._calls[key])
            case "image_generation_call" if (image := read_generated_image(item)) is not None:
                yield PartProduced(image)
            case kind:
                if kind == "web_search_call":
                    self._count_search(item)
                self.dropped.append(str(kind))

    def _count_search(self, item: Mapping[str, Any]) -> None:
        """Searches are billed one by one; opening a page that was found is not
        (https://platform.openai.com/docs/pricing, built-in tools)."""
        if _mapping(item, "action").get("type", "search") == "search":
            self._searches += 1

    def _read_message(self, item: Mapping[str, Any]) -> Iterator[Delta]:
        for part in _list(item, "content"):
            match part:
                case {"type": "output_text", "text": str(text)}:
                    if text:
                        yield TextDelta(text)
                    yield from _citations(_list(part, "annotations"))
                    yield PartEnded()
                case {"type": "refusal", "refusal": str(text)}:
                    self._has_refused = True
                    yield RefusalDelta(text)
                    yield PartEnded()
                case _:
                    continue

    def _end_reasoning(self, item: Mapping[str, Any], *, is_told: bool) -> Iterator[Delta]:
        if not is_told:
            texts = _texts(item, "content") or _texts(item, "summary")
            if texts:
                is_told = True
                yield ReasoningDelta("\n\n".join(texts))
        encrypted = _text(item, "encrypted_content")
        if encrypted is None:
            yield PartEnded()
        elif is_told:
            # It completes the thoughts that were shown, as a signature does elsewhere.
            yield SignatureDelta(encrypted, self._origin)
        else:
            item_id = _text(item, "id")
            yield PartProduced(Reasoning(encrypted=encrypted, origin=self._origin, id=item_id))

    def _read_ending(self, response: Mapping[str, Any]) -> Iterator[Delta]:
        yield from self._start(response)
        if not self._has_items:
            for index, item in enumerate(_list(response, "output")):
                if isinstance(item, dict):
                    yield from self._end_item(index, item)
        usage = response.get("usage")
        if isinstance(usage, dict) and usage:
            reported = read_usage(usage)
            counted = replace(reported.usage or Usage(), web_searches=self._searches or None)
            tier = read_service_tier(response.get("service_tier"))
            yield UsageReported(counted, usage, reported.cost_nusd, tier)
        yield Finished(self._finish_reason(response))

    def _finish_reason(self, response: Mapping[str, Any]) -> FinishReason:
        if response.get("status") == "incomplete":
            reason = _text(_mapping(response, "incomplete_details"), "reason")
            return _INCOMPLETE.get(reason, "length")
        if self._calls:
            return "tool_calls"
        return "refusal" if self._has_refused else "stop"


def _place(event: Mapping[str, Any]) -> _Place:
    index = event.get("output_index")
    return index if isinstance(index, int) else _text(event, "item_id")


def _citations(annotations: list[Any]) -> Iterator[Delta]:
    for annotation in annotations:
        citation = read_citation(annotation) if isinstance(annotation, dict) else None
        if citation is not None:
            yield CitationDelta(citation)


def _texts(item: Mapping[str, Any], name: str) -> list[str]:
    parts = (part for part in _list(item, name) if isinstance(part, dict))
    return [text for part in parts if (text := _text(part, "text"))]


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None
