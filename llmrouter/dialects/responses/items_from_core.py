"""The core's messages, written as the input items of a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, assert_never

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    File,
    Image,
    Inline,
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
from llmrouter.core.chat.prompt import ChatPrompt, Message
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import WriteTarget

_AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/x-wav": "wav"}


class ItemWriter:
    """Writes messages for one provider."""

    def __init__(self, prompt: ChatPrompt, target: WriteTarget, losses: Losses) -> None:
        self._origin = target.origin
        self._losses = losses
        self._custom_calls = frozenset(
            part.id
            for message in prompt.messages
            for part in message.parts
            if isinstance(part, ToolCall) and part.kind == "custom"
        )

    def write_all(self, messages: Iterable[Message]) -> list[dict[str, Any]]:
        """The items, in order."""
        return [item for message in messages for item in self._write(message)]

    def write_instructions(self, texts: Sequence[Text]) -> dict[str, Any]:
        """Instructions in several pieces, as the message that leads the input."""
        return _message("system", [self._text(text, "input_text") for text in texts])

    def _write(self, message: Message) -> Iterator[dict[str, Any]]:
        if message.name is not None:
            self._losses.drop(f"{message.at}.name", "the Responses API knows no names of speakers")
        match message.role:
            case "assistant":
                yield from self._assistant(message.parts)
            case "tool":
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        yield self._output(part)
            case "system" | "user":
                content = self._content(message.parts)
                if content:
                    yield _message(message.role, content)
            case _:
                assert_never(message.role)

    def _assistant(self, parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
        """What was said, between the thoughts and calls that have items of their own."""
        said: list[dict[str, Any]] = []
        for part in parts:
            match part:
                case Text():
                    if part.text:
                        said.append(self._text(part, "output_text"))
                    continue
                case Refusal():
                    said.append({"type": "refusal", "refusal": part.text})
                    continue
                case ToolCall():
                    item: dict[str, Any] | None = self._call(part)
                case Reasoning():
                    item = self._reasoning(part)
                case Image() | Audio() | File() | ToolResult():
                    self._losses.drop(part.at, "an assistant's message holds text alone")
                    item = None
                case _:
                    assert_never(part)
            if item is not None:
                if said:
                    yield _message("assistant", said)
                    said = []
                yield item
        if said:
            yield _message("assistant", said)

    def _call(self, part: ToolCall) -> dict[str, Any]:
        if part.signature is not None:
            self._losses.drop(f"{part.at}.signature", "another vendor signed this call")
        if part.cache is not None:
            self._losses.drop(f"{part.at}.cache_control", "a tool call takes no cache hint")
        if part.kind == "custom":
            members = {"call_id": part.id, "name": part.name, "input": part.arguments}
            return {"type": "custom_tool_call", **members}
        members = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
        return {"type": "function_call", **members}

    def _reasoning(self, part: Reasoning) -> dict[str, Any] | None:
        encrypted = part.encrypted if part.encrypted is not None else part.signature
        if part.origin != self._origin or encrypted is None:
            self._losses.drop(part.at, "the provider takes back only what it encrypted itself")
            return None
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        return compact(type="reasoning", id=part.id, summary=summary, encrypted_content=encrypted)

    def _output(self, part: ToolResult) -> dict[str, Any]:
        if part.is_error:
            self._losses.drop(f"{part.at}.is_error", "a tool's output has no such mark")
        if part.cache is not None:
            self._losses.drop(f"{part.at}.cache_control", "a tool's output takes no cache hint")
        is_custom = part.kind == "custom" or part.call_id in self._custom_calls
        kind = "custom_tool_call_output" if is_custom else "function_call_output"
        content = self._content(part.parts)
        output: Any = content
        if all(piece["type"] == "input_text" for piece in content) and len(content) < 2:
            output = "".join(piece["text"] for piece in content)
        return {"type": kind, "call_id": part.call_id, "output": output}

    def _content(self, parts: Iterable[Part]) -> list[dict[str, Any]]:
        written = (self._part(part) for part in parts)
        return [piece for piece in written if piece is not None]

    def _part(self, part: Part) -> dict[str, Any] | None:
        match part:
            case Text():
                return self._text(part, "input_text") if part.text else None
            case Refusal(text):
                return {"type": "input_text", "text": text}
            case Image():
                return self._image(part)
            case File():
                return self._file(part)
            case Audio():
                return self._audio(part)
            case Reasoning() | ToolCall() | ToolResult():
                self._losses.drop(part.at, "it has no place in a message of this role")
                return None
            case _:
                assert_never(part)

    def _text(self, part: Text, kind: str) -> dict[str, Any]:
        self._note_cache(part)
        if part.citations:
            self._losses.drop(f"{part.at}.annotations", "citations are not sent back to a model")
        return {"type": kind, "text": part.text}

    def _image(self, part: Image) -> dict[str, Any] | None:
        self._note_cache(part)
        # The API's types ask for a detail; `auto` is its default.
        detail = part.detail or "auto"
        match part.source:
            case Inline(media_type, data):
                url = f"data:{media_type};base64,{data}"
            case Remote(url=address):
                url = address
            case Uploaded():
                self._losses.drop(part.at, "the file lies at another vendor")
                return None
            case _:
                assert_never(part.source)
        return {"type": "input_image", "image_url": url, "detail": detail}

    def _file(self, part: File) -> dict[str, Any] | None:
        self._note_cache(part)
        if part.context is not None:
            self._losses.drop(f"{part.at}.context", "a file has no words beside it")
        if part.cite:
            self._losses.drop(f"{part.at}.citations", "no citations can be asked for")
        match part.source:
            case PlainText(text):
                if part.name is not None:
                    self._losses.drop(f"{part.at}.title", "sent as plain text, which has no title")
                return {"type": "input_text", "text": text}
            case Inline(media_type, data):
                # OpenAI refuses a file without a name.
                name = part.name or f"document.{media_type.rpartition('/')[2]}"
                url = f"data:{media_type};base64,{data}"
                return {"type": "input_file", "filename": name, "file_data": url}
            case Remote(url):
                if part.name is not None:
                    self._losses.drop(f"{part.at}.title", "a file at an address has no name")
                return {"type": "input_file", "file_url": url}
            case Uploaded():
                self._losses.drop(part.at, "the file lies at another vendor")
                return None
            case _:
                assert_never(part.source)

    def _audio(self, part: Audio) -> dict[str, Any] | None:
        self._note_cache(part)
        match part.source:
            case Inline(media_type, data):
                kind = _AUDIO_FORMATS.get(media_type, media_type.partition("/")[2])
                return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}
            case _:
                self._losses.drop(part.at, "the Responses API takes audio only inside the request")
                return None

    def _note_cache(self, part: Text | Image | File | Audio) -> None:
        if part.cache is not None:
            self._losses.drop(f"{part.at}.cache_control", "OpenAI chooses by itself where to cut")


def _message(role: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}
