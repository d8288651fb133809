"""The core's messages, written as those of ``/api/chat``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    CacheHint,
    File,
    Image,
    Inline,
    Part,
    PlainText,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from llmrouter.core.chat.prompt import ChatPrompt, Message
from llmrouter.dialects.fields import compact, read_object

_BETWEEN_TEXTS = "\n\n"
"""A message is one text."""


class MessageWriter:
    """Writes the messages of one request; ``origin`` is the endpoint, which takes back its own
    thoughts."""

    def __init__(self, origin: str, losses: Losses) -> None:
        self._origin = origin
        self._losses = losses
        self._names: dict[str, str] = {}

    def write_all(self, prompt: ChatPrompt) -> list[dict[str, Any]]:
        """All messages, instructions first."""
        messages: list[dict[str, Any]] = []
        if any(text.text for text in prompt.system):
            messages.append({"role": "system", **self._write_content(prompt.system)})
        for message in prompt.messages:
            messages += self._write(message)
        return messages

    def _write(self, message: Message) -> Iterator[dict[str, Any]]:
        if message.name is not None:
            self._losses.drop(f"{message.at}.name", "Ollama knows no names of speakers")
        match message.role:
            case "system" | "user":
                written = self._write_content(message.parts)
                if written["content"] or "images" in written:
                    yield {"role": message.role, **written}
            case "assistant":
                yield from self._write_answer(message.parts)
            case "tool":
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        yield self._write_result(part)
            case _:
                assert_never(message.role)

    def _write_answer(self, parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
        thoughts: list[str] = []
        calls: list[dict[str, Any]] = []
        others: list[Part] = []
        for part in parts:
            match part:
                case Reasoning():
                    thoughts += self._write_thought(part)
                case ToolCall():
                    calls.append(self._write_call(part))
                case _:
                    others.append(part)
        content = self._write_content(others)
        members = compact(thinking="".join(thoughts) or None, tool_calls=calls or None)
        if members or content["content"] or "images" in content:
            yield {"role": "assistant", **content, **members}

    def _write_thought(self, part: Reasoning) -> Iterator[str]:
        """Thoughts are text here, so they can go back; what is sealed can only go home."""
        if part.origin == self._origin and part.text:
            yield part.text
        else:
            self._losses.drop(part.at, "another vendor's model thought it")

    def _write_call(self, part: ToolCall) -> dict[str, Any]:
        self._drop_hint(part.cache, part.at)
        if part.signature is not None:
            self._losses.drop(f"{part.at}.signature", "another vendor signed this call")
        self._names[part.id] = part.name
        try:
            arguments = read_object(part.arguments.encode()) if part.arguments.strip() else {}
        except ValueError:
            self._losses.drop(
                f"{part.at}.arguments", "they are no JSON object; sent as text in one"
            )
            arguments = {"arguments": part.arguments}
        function = {"name": part.name, "arguments": arguments}
        return compact(id=part.id or None, function=function)

    def _write_result(self, part: ToolResult) -> dict[str, Any]:
        self._drop_hint(part.cache, part.at)
        if part.is_error:
            self._losses.drop(f"{part.at}.is_error", "a tool's message is its text alone")
        name = part.name or self._names.get(part.call_id)
        content = self._write_content(part.parts)
        return compact(role="tool", **content, tool_name=name, tool_call_id=part.call_id or None)

    def _write_content(self, parts: Iterable[Part]) -> dict[str, Any]:
        texts: list[str] = []
        images: list[str] = []
        for part in parts:
            match part:
                case Text() | Refusal():
                    texts += self._write_text(part)
                case File(PlainText()):
                    texts += self._write_document(part)
                case Image(Inline(_, data)):
                    self._drop_hint(part.cache, part.at)
                    images.append(data)
                case Image() | File() | Audio():
                    self._losses.drop(part.at, "Ollama takes text, and pictures in the request")
                case Reasoning() | ToolCall() | ToolResult():
                    self._losses.drop(part.at, "it has no place in a message of this role")
                case _:
                    assert_never(part)
        return compact(content=_BETWEEN_TEXTS.join(texts), images=images or None)

    def _write_text(self, part: Text | Refusal) -> Iterator[str]:
        if isinstance(part, Text):
            self._drop_hint(part.cache, part.at)
            if part.citations:
                self._losses.drop(f"{part.at}.annotations", "citations are not sent back")
        if part.text:
            yield part.text

    def _write_document(self, part: File) -> Iterator[str]:
        self._drop_hint(part.cache, part.at)
        said = {"title": part.name, "context": part.context, "citations": part.cite or None}
        for name, value in said.items():
            if value is not None:
                self._losses.drop(f"{part.at}.{name}", "sent as plain text, which has none")
        if isinstance(part.source, PlainText):
            yield part.source.text

    def _drop_hint(self, hint: CacheHint | None, at: str) -> None:
        if hint is not None:
            self._losses.drop(f"{at}.cache_control", "Ollama caches by itself")
