"""Deltas, written as an Ollama reply: lines of JSON, of which the last one says ``done``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
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
    File,
    Image,
    Inline,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from llmrouter.core.usage import Usage
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import compact, read_object
from llmrouter.dialects.interpreter import ReplyContext
from llmrouter.dialects.ollama.address import Operation
from llmrouter.dialects.ollama.usage import write_usage

NDJSON = "application/x-ndjson"

_LENGTHS = frozenset({"length", "context_full"})


def write_time(created_s: int) -> str:
    """Seconds since 1970 as Ollama shows them."""
    return datetime.fromtimestamp(created_s, UTC).isoformat().replace("+00:00", "Z")


class ReplyEncoder:
    """Writes the lines of one stream, or one whole reply, to ``/api/chat`` or
    ``/api/generate``."""

    content_type = NDJSON

    def __init__(self, context: ReplyContext, operation: Operation = "chat") -> None:
        self.dropped: list[str] = []
        self._context = context
        self._is_chat = operation == "chat"
        self._started = Started()
        self._call: ToolCallStarted | None = None
        self._calls = 0
        self._arguments: list[str] = []
        self._finished = Finished("stop")
        self._usage = UsageReported(Usage())

    def write(self, delta: Delta) -> bytes:
        match delta:
            case Started():
                self._started = delta
                return b""
            case TextDelta(text) | RefusalDelta(text):
                return self._line(text) if text else b""
            case ReasoningDelta(text):
                return self._line(thinking=text) if text else b""
            case SignatureDelta():
                return self._drop("signature")
            case CitationDelta():
                return self._drop("citation")
            case PartEnded():
                return b""
            case PartProduced(part):
                image = self._image(part)
                return self._line(images=[image]) if image else b""
            case ToolCallStarted():
                self._call, self._arguments = delta, []
                return b""
            case ArgumentsDelta(text=text):
                self._arguments.append(text)
                return b""
            case ToolCallEnded():
                return self._line(tool_calls=[self._write_open_call()])
            case Finished():
                self._finished = delta
                return b""
            case UsageReported():
                self._usage = delta
                return b""
            case _:
                assert_never(delta)

    def finish(self) -> tuple[bytes, bytes]:
        return b"", write_document(self._ending("")) + b"\n"

    def whole(self, reply: Reply) -> Mapping[str, Any]:
        self._started, self._finished = reply.started, reply.finished
        self._usage = reply.usage or self._usage
        texts: list[str] = []
        thoughts: list[str] = []
        members: dict[str, list[Any]] = {"images": [], "tool_calls": []}
        for part in reply.parts:
            match part:
                case Text(text) | Refusal(text):
                    texts.append(text)
                    if isinstance(part, Text) and part.citations:
                        self._drop("citation")
                case Reasoning(text):
                    thoughts.append(text)
                    if part.signature or part.encrypted:
                        self._drop("signature")
                case ToolCall():
                    members["tool_calls"].append(self._write_call(part))
                case Image() | Audio() | File() | ToolResult():
                    image = self._image(part)
                    members["images"] += [image] if image else []
                case _:
                    assert_never(part)
        said = {name: value for name, value in members.items() if value}
        thought = "".join(thoughts)
        return self._ending("".join(texts), **compact(thinking=thought or None), **said)

    def _line(self, text: str = "", **members: Any) -> bytes:
        return write_document({**self._said(text, members), "done": False}) + b"\n"

    def _ending(self, text: str, **members: Any) -> dict[str, Any]:
        is_length = self._finished.reason in _LENGTHS
        return {
            **self._said(text, members),
            "done": True,
            "done_reason": "length" if is_length else "stop",
            **write_usage(self._usage.usage),
        }

    def _said(self, text: str, members: Mapping[str, Any]) -> dict[str, Any]:
        head = {
            "model": self._started.model or self._context.model,
            "created_at": write_time(self._started.created_s or self._context.created_s),
        }
        if self._is_chat:
            return {**head, "message": {"role": "assistant", "content": text, **members}}
        return {**head, "response": text, **members}

    def _write_open_call(self) -> dict[str, Any]:
        call = self._call or ToolCallStarted(0, "", "")
        self._call = None
        arguments = "".join(self._arguments)
        return self._write_call(ToolCall(call.id, call.name, arguments, signature=call.signature))

    def _write_call(self, call: ToolCall) -> dict[str, Any]:
        if call.signature is not None:
            self._drop("signature")
        index, self._calls = self._calls, self._calls + 1
        arguments = _read_arguments(call.arguments)
        function = {"index": index, "name": call.name, "arguments": arguments}
        return compact(id=call.id or None, function=function)

    def _image(self, part: Part) -> str | None:
        """A picture's base64; Ollama's messages hold nothing else that a model could make."""
        match part:
            case Image(Inline(_, data)):
                return data
            case _:
                self._drop(
                    "signature" if isinstance(part, Reasoning) else type(part).__name__.lower()
                )
                return None

    def _drop(self, word: str) -> bytes:
        if word not in self.dropped:
            self.dropped.append(word)
        return b""


def _read_arguments(text: str) -> dict[str, Any]:
    """The arguments as an object; a model's broken JSON travels inside one, so that it is seen."""
    if not text.strip():
        return {}
    try:
        return read_object(text.encode())
    except ValueError:
        return {"arguments": text}
