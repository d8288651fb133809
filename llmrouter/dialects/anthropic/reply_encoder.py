"""Deltas, written as a reply of the Messages API.

Each block is opened before its first delta and closed before the next one opens; ``message_stop``
is the terminator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, assert_never

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
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from llmrouter.core.chat.sealing import seal
from llmrouter.core.usage import Usage
from llmrouter.dialects.anthropic.stop_reasons import write_stop_reason
from llmrouter.dialects.anthropic.usage import write_usage
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import compact, read_object
from llmrouter.dialects.interpreter import ReplyContext
from llmrouter.dialects.sse import encode_event

MESSAGE_STOP = encode_event(b'{"type":"message_stop"}', "message_stop")

_OpenKind = Literal["text", "thinking", "tool_use", "whole"]
"""``whole`` blocks get no deltas."""


class ReplyEncoder:
    """Writes the events of one stream, or one whole message."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, context: ReplyContext) -> None:
        self.dropped: list[str] = []
        self._context = context
        self._index = -1
        self._open: _OpenKind | None = None
        self._has_started = False
        self._is_signed = False
        self._finished = Finished("stop")
        self._usage = UsageReported(Usage())

    def write(self, delta: Delta) -> bytes:
        match delta:
            case Started():
                return self._start(delta)
            case TextDelta(text) | RefusalDelta(text):
                return self._extend("text", {"type": "text_delta", "text": text}) if text else b""
            case CitationDelta(citation):
                return self._extend(
                    "text", {"type": "citations_delta", "citation": _write_citation(citation)}
                )
            case ReasoningDelta(text):
                if not text:
                    return b""
                return self._extend("thinking", {"type": "thinking_delta", "thinking": text})
            case SignatureDelta(signature, origin):
                sealed = self._seal(origin, signature)
                content = self._extend("thinking", {"type": "signature_delta", "signature": sealed})
                self._is_signed = True
                return content
            case PartEnded():
                return self._close()
            case PartProduced(part):
                block = self._write_part(part)
                return b"" if block is None else self._begin("whole", block) + self._close()
            case ToolCallStarted():
                tool_use = {"type": "tool_use", "id": delta.id, "name": delta.name, "input": {}}
                return self._begin("tool_use", tool_use)
            case ArgumentsDelta():
                partial = {"type": "input_json_delta", "partial_json": delta.text}
                return self._delta(partial) if delta.text else b""
            case ToolCallEnded():
                return self._close()
            case Finished():
                self._finished = delta
                return b""
            case UsageReported():
                self._usage = delta
                return b""
            case _:
                assert_never(delta)

    def finish(self) -> tuple[bytes, bytes]:
        content = b"" if self._has_started else self._start(Started())
        content += self._close()
        content += _event(
            "message_delta",
            delta=_write_finish(self._finished),
            usage=write_usage(self._usage.usage, self._usage.cost_nusd),
        )
        return content, MESSAGE_STOP

    def whole(self, reply: Reply) -> Mapping[str, Any]:
        blocks = (self._write_part(part) for part in reply.parts)
        usage = reply.usage or self._usage
        return {
            **self._message(reply.started),
            "content": [block for block in blocks if block is not None],
            **_write_finish(reply.finished),
            "usage": write_usage(usage.usage, usage.cost_nusd),
        }

    def _write_part(self, part: Part) -> dict[str, Any] | None:
        """A block of a reply; None for what no reply of the Messages API holds."""
        match part:
            case Text(text, citations=citations):
                written = [_write_citation(citation) for citation in citations]
                return compact(type="text", text=text, citations=written or None)
            case Refusal(text):
                return {"type": "text", "text": text}
            case Reasoning(text, signature, encrypted, origin):
                home = origin or self._context.origin
                if encrypted is not None:
                    return {"type": "redacted_thinking", "data": self._seal(home, encrypted)}
                sealed = self._seal(home, signature or "")
                return {"type": "thinking", "thinking": text, "signature": sealed}
            case ToolCall():
                arguments = _arguments(part.arguments)
                return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
            case Image() | Audio() | File() | ToolResult():
                self.dropped.append(type(part).__name__.lower())
                return None
            case _:
                assert_never(part)

    def _seal(self, origin: str, value: str) -> str:
        return seal(origin, value) if self._context.seals else value

    def _start(self, started: Started) -> bytes:
        self._has_started = True
        # The counts are not known yet; `message_delta` has them, and clients let it overrule.
        message = {
            **self._message(started),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(Usage(), None),
        }
        return _event("message_start", message=message)

    def _message(self, started: Started) -> dict[str, Any]:
        message_id = started.id or self._context.fallback_id
        return {
            "id": message_id if message_id.startswith("msg_") else f"msg_{message_id}",
            "type": "message",
            "role": "assistant",
            "model": started.model or self._context.model,
        }

    def _extend(self, kind: Literal["text", "thinking"], delta: dict[str, Any]) -> bytes:
        if self._open == kind:
            return self._delta(delta)
        empty = (
            {"type": "text", "text": ""}
            if kind == "text"
            else {"type": "thinking", "thinking": "", "signature": ""}
        )
        return self._begin(kind, empty) + self._delta(delta)

    def _begin(self, kind: _OpenKind, block: dict[str, Any]) -> bytes:
        before = b"" if self._has_started else self._start(Started())
        before += self._close()
        self._index += 1
        self._open = kind
        self._is_signed = False
        return before + _event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        content = b""
        if self._open == "thinking" and not self._is_signed:
            # Unsigned thoughts go back to the endpoint that had them, and to no other.
            signature = self._seal(self._context.origin, "")
            content = self._delta({"type": "signature_delta", "signature": signature})
        self._open = None
        return content + _event("content_block_stop", index=self._index)


def _event(name: str, **members: Any) -> bytes:
    return encode_event(write_document({"type": name, **members}), name)


def _write_finish(finished: Finished) -> dict[str, Any]:
    document: dict[str, Any] = {
        "stop_reason": write_stop_reason(finished.reason),
        "stop_sequence": finished.stop_sequence,
    }
    if finished.explanation is not None:
        document["stop_details"] = {"type": "refusal", "explanation": finished.explanation}
    return document


def _arguments(text: str) -> dict[str, Any]:
    """The input as an object; a model's broken JSON travels inside one, so that it is seen."""
    if not text.strip():
        return {}
    try:
        return read_object(text.encode())
    except ValueError:
        return {"arguments": text}


def _write_citation(citation: Citation) -> dict[str, Any]:
    if citation.url is not None:
        return {
            "type": "web_search_result_location",
            "url": citation.url,
            "title": citation.title,
            "cited_text": citation.cited_text or "",
            "encrypted_index": "",
        }
    return {
        "type": "char_location",
        "document_index": citation.document_index or 0,
        "document_title": citation.title,
        "cited_text": citation.cited_text or "",
        "start_char_index": 0,
        "end_char_index": len(citation.cited_text or ""),
    }
