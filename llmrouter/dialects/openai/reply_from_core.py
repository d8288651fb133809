"""Deltas, written as a chat completion, streamed or whole.

The role comes first, then the content, the finish reason, the usage where it was asked for, and
``[DONE]``, the terminator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, assert_never

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
    File,
    Image,
    Inline,
    Reasoning,
    Refusal,
    Remote,
    Text,
    ToolCall,
    ToolResult,
)
from llmrouter.core.chat.sealing import seal
from llmrouter.core.usage import NUSD_PER_USD, Usage, sum_of_known
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import ReplyContext
from llmrouter.dialects.openai.annotations import Spans
from llmrouter.dialects.sse import encode_event

CallKind = Literal["function", "custom"]

DONE = encode_event(b"[DONE]")

_FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "paused": "stop",
    "length": "length",
    "context_full": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "content_filter": "content_filter",
}


class ReplyEncoder:
    """Writes the chunks of one stream, or one whole completion."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, context: ReplyContext) -> None:
        self.dropped: list[str] = []
        self._context = context
        self._started: Started | None = None
        self._thought: list[str] = []
        self._spans = Spans()
        self._call = -1
        self._call_kind: CallKind = "function"
        self._list_lengths: dict[str, int] = {}
        self._finished = Finished("stop")
        self._usage: UsageReported | None = None

    def write(self, delta: Delta) -> bytes:
        match delta:
            case Started():
                return self._start(delta)
            case TextDelta(text):
                self._spans.extend(text)
                return self._chunk({"content": text}) if text else b""
            case RefusalDelta(text):
                return self._chunk({"refusal": text}) if text else b""
            case ReasoningDelta(text):
                self._thought.append(text)
                return self._chunk({"reasoning_content": text}) if text else b""
            case SignatureDelta(signature, origin):
                text, self._thought = "".join(self._thought), []
                signed = _reasoning_text(text, seal(origin, signature))
                return self._entries({"reasoning_details": [signed]})
            case CitationDelta(citation):
                self._spans.cite(citation, self.dropped)
                return b""
            case PartEnded():
                self._thought.clear()
                return self._end_span()
            case PartProduced(part):
                return self._entries(self._produced(part))
            case ToolCallStarted():
                self._call += 1
                self._call_kind = delta.kind
                call = {"id": delta.id, **_call_body(delta.kind, "", name=delta.name)}
                return self._call_chunk({**call, "type": delta.kind})
            case ArgumentsDelta(text=text):
                return self._call_chunk(_call_body(self._call_kind, text)) if text else b""
            case ToolCallEnded():
                return b""
            case Finished():
                self._finished = delta
                return b""
            case UsageReported():
                self._usage = delta
                return b""
            case _:
                assert_never(delta)

    def finish(self) -> tuple[bytes, bytes]:
        content = self._end_span()
        if self._finished.explanation:
            content += self._chunk({"refusal": self._finished.explanation})
        content += self._chunk({}, _FINISH_REASONS[self._finished.reason])
        if self._usage is not None and self._context.include_usage:
            content += self._event(choices=[], usage=_write_usage(self._usage))
        return content, DONE

    def whole(self, reply: Reply) -> Mapping[str, Any]:
        self._started = reply.started
        choice = {
            "index": 0,
            "message": self._message(reply),
            "logprobs": None,
            "finish_reason": _FINISH_REASONS[reply.finished.reason],
        }
        usage = reply.usage or UsageReported(Usage())
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": _write_usage(usage),
        }

    def _start(self, started: Started) -> bytes:
        if self._started is not None:
            return b""
        self._started = started
        return self._chunk({"role": "assistant", "content": ""})

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        before = b"" if self._started is not None else self._start(Started())
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return before + self._event(choices=[choice])

    def _entries(self, lists: Mapping[str, list[dict[str, Any]]]) -> bytes:
        """A chunk of list entries, each with its index: OpenAI's library fails without."""
        delta: dict[str, Any] = {}
        for name, entries in lists.items():
            first = self._list_lengths.get(name, 0)
            delta[name] = [{"index": first + i, **entry} for i, entry in enumerate(entries)]
            self._list_lengths[name] = first + len(entries)
        return self._chunk(delta) if any(lists.values()) else b""

    def _call_chunk(self, members: dict[str, Any]) -> bytes:
        return self._chunk({"tool_calls": [{"index": self._call, **members}]})

    def _event(self, **members: Any) -> bytes:
        return encode_event(write_document({**self._head("chat.completion.chunk"), **members}))

    def _head(self, kind: str) -> dict[str, Any]:
        started = self._started or Started()
        return {
            "id": started.id or f"chatcmpl-{self._context.fallback_id}",
            "object": kind,
            "created": started.created_s or self._context.created_s,
            "model": started.model or self._context.model,
        }

    def _end_span(self) -> bytes:
        return self._entries({"annotations": self._spans.end()})

    def _produced(self, part: Image | Audio | File | Reasoning) -> dict[str, list[dict[str, Any]]]:
        """What a part that came at once adds to a message; images as OpenRouter has them."""
        match part:
            case Image(Inline(media_type, data)):
                return _image(f"data:{media_type};base64,{data}")
            case Image(Remote(url)):
                return _image(url)
            case Reasoning(encrypted=str(data)):
                sealed = seal(part.origin or self._context.origin, data)
                return {"reasoning_details": [{"type": "reasoning.encrypted", "data": sealed}]}
            case _:
                self.dropped.append(type(part).__name__.lower())
                return {}

    def _message(self, reply: Reply) -> dict[str, Any]:
        members: dict[str, Any] = {"reasoning_details": [], "images": [], "tool_calls": []}
        texts: list[str] = []
        thoughts: list[str] = []
        refusals: list[str] = []
        annotations: list[dict[str, Any]] = []
        for part in reply.parts:
            match part:
                case Text(text, citations=citations):
                    texts.append(text)
                    self._spans.extend(text)
                    for citation in citations:
                        self._spans.cite(citation, self.dropped)
                    annotations += self._spans.end()
                case Refusal(text):
                    refusals.append(text)
                case Reasoning(text, signature, encrypted=None, origin=origin):
                    thoughts.append(text)
                    if signature is not None:
                        sealed = seal(origin or self._context.origin, signature)
                        members["reasoning_details"].append(_reasoning_text(text, sealed))
                case Reasoning() | Image() | Audio() | File():
                    for name, value in self._produced(part).items():
                        members[name] += value
                case ToolCall():
                    body = _call_body(part.kind, part.arguments, name=part.name)
                    members["tool_calls"].append({"id": part.id, "type": part.kind, **body})
                case ToolResult():
                    self.dropped.append("tool_result")
                case _:
                    assert_never(part)
        if reply.finished.explanation:
            refusals.append(reply.finished.explanation)
        members["reasoning_content"] = "".join(thoughts)
        members["annotations"] = annotations
        return {
            "role": "assistant",
            "content": "".join(texts) if texts or not members["tool_calls"] else None,
            "refusal": "".join(refusals) or None,
            **{name: value for name, value in members.items() if value},
        }


def _call_body(kind: CallKind, arguments: str, **members: str) -> dict[str, Any]:
    """The part of a tool call that is named for its kind."""
    return {kind: {**members, ("arguments" if kind == "function" else "input"): arguments}}


def _image(url: str) -> dict[str, list[dict[str, Any]]]:
    return {"images": [{"type": "image_url", "image_url": {"url": url}}]}


def _reasoning_text(text: str, signature: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "signature": signature}


def _write_usage(report: UsageReported) -> dict[str, Any]:
    """OpenAI's counts, in which details are parts of the totals."""
    usage = report.usage
    prompt, completion = usage.input_tokens or 0, usage.output_tokens or 0
    document: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    prompt_details = compact(
        cached_tokens=usage.cache_read_tokens,
        cache_write_tokens=sum_of_known((usage.cache_write_tokens, usage.cache_write_1h_tokens)),
        audio_tokens=usage.input_audio_tokens,
        image_tokens=usage.input_image_tokens,
    )
    if prompt_details:
        document["prompt_tokens_details"] = prompt_details
    completion_details = compact(
        reasoning_tokens=usage.reasoning_tokens,
        audio_tokens=usage.output_audio_tokens,
        image_tokens=usage.output_image_tokens,
    )
    if completion_details:
        document["completion_tokens_details"] = completion_details
    if report.cost_nusd is not None:
        document["cost"] = report.cost_nusd / NUSD_PER_USD
    return document
