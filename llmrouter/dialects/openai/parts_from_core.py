"""The core's messages, written as those of a chat completion request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, assert_never

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    File,
    Image,
    Inline,
    MediaSource,
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
from llmrouter.core.records import Record
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import WriteTarget

_AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/x-wav": "wav"}


class MessageWriter(Record):
    """Writes messages for one provider."""

    target: WriteTarget
    losses: Losses

    def write_all(self, prompt: ChatPrompt) -> list[dict[str, Any]]:
        """All messages, instructions first."""
        messages: list[dict[str, Any]] = []
        if prompt.system:
            messages.append({"role": "system", "content": self._content(prompt.system)})
        for message in prompt.messages:
            messages += self._write(message)
        return messages

    def _write(self, message: Message) -> Iterator[dict[str, Any]]:
        match message.role:
            case "tool":
                yield from self._tool_results(message)
            case "assistant":
                yield from self._assistant(message)
            case "system" if "leading_system_only" in self.target.quirks:
                self.losses.drop(f"{message.at}.role", "sent as the user's, as it stands inside")
                yield from self._turn("user", message, message.parts)
            case "system" | "user":
                yield from self._turn(message.role, message, message.parts)
            case _:
                assert_never(message.role)

    def _turn(self, role: str, message: Message, parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
        content = self._content(parts)
        if content:
            yield compact(role=role, content=content, name=message.name)

    def _assistant(self, message: Message) -> Iterator[dict[str, Any]]:
        spoken = [part for part in message.parts if isinstance(part, Text | Image | Audio | File)]
        refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
        calls = [self._tool_call(p) for p in message.parts if isinstance(p, ToolCall)]
        members = compact(
            refusal="".join(refusals) or None, tool_calls=calls or None, name=message.name
        )
        members |= self._reasoning(message.parts)
        content = self._content(spoken) or None
        if content is not None or members:
            yield {"role": "assistant", "content": content, **members}

    def _reasoning(self, parts: Iterable[Part]) -> dict[str, Any]:
        """The thoughts that came from this provider, under the names it gave them."""
        texts: list[str] = []
        details: list[dict[str, Any]] = []
        for part in parts:
            if not isinstance(part, Reasoning):
                continue
            if part.origin != self.target.origin:
                self.losses.drop(part.at, "another vendor's model thought it")
            elif part.encrypted is not None:
                details.append({"type": "reasoning.encrypted", "data": part.encrypted})
            elif part.signature is not None:
                signed = {"text": part.text, "signature": part.signature}
                details.append({"type": "reasoning.text", **signed})
            else:
                texts.append(part.text)
        return compact(reasoning_content="".join(texts) or None, reasoning_details=details or None)

    def _tool_call(self, part: ToolCall) -> dict[str, Any]:
        if part.signature is not None:
            self.losses.drop(f"{part.at}.signature", "another vendor signed this call")
        if part.cache is not None:
            self.losses.drop(f"{part.at}.cache_control", "a tool call takes no cache hint")
        function = {"name": part.name, "arguments": part.arguments}
        return {"id": part.id, "type": "function", "function": function}

    def _tool_results(self, message: Message) -> Iterator[dict[str, Any]]:
        """One message per result; pictures follow as the user's, for tools' results are text."""
        media: list[Part] = []
        for part in message.parts:
            if not isinstance(part, ToolResult):
                continue
            if part.is_error:
                self.losses.drop(f"{part.at}.is_error", "a tool's message is its text alone")
            texts = [p for p in part.parts if isinstance(p, Text)]
            others = [p for p in part.parts if not isinstance(p, Text)]
            if others:
                self.losses.assume(part.at, "its pictures follow in a message of the user's")
                media += [Text(f"From the result of tool call {part.call_id}:"), *others]
            yield {
                "role": "tool",
                "tool_call_id": part.call_id,
                "content": self._content(_with_hint(texts, part)),
            }
        if media:
            yield {"role": "user", "content": self._content(media)}

    def _content(self, parts: Sequence[Part]) -> str | list[dict[str, Any]]:
        """A text where one will do, for some providers take nothing else."""
        written = [p for p in (self._part(part) for part in parts) if p is not None]
        texts = [part["text"] for part in written if part["type"] == "text"]
        has_only_texts = len(texts) == len(written)
        if has_only_texts and len(written) <= 1 and not any("cache_control" in p for p in written):
            return "".join(texts)
        if has_only_texts and "text_as_string" in self.target.quirks:
            return "\n\n".join(texts)
        return written

    def _part(self, part: Part) -> dict[str, Any] | None:
        match part:
            case Text(text):
                if not text:
                    return None
                return self._hinted({"type": "text", "text": text}, part)
            case Refusal(text):
                return {"type": "text", "text": text}
            case Image():
                return self._hinted(self._image(part), part)
            case Audio():
                return self._hinted(self._audio(part), part)
            case File():
                return self._hinted(self._file(part), part)
            case Reasoning() | ToolCall() | ToolResult():
                self.losses.drop(part.at, "it has no place in a message of this role")
                return None
            case _:
                assert_never(part)

    def _hinted(
        self, written: dict[str, Any] | None, part: Text | Image | Audio | File
    ) -> dict[str, Any] | None:
        """The part with its cache hint, where this provider takes such."""
        if written is None or part.cache is None:
            return written
        if "cache_control" in self.target.quirks:
            hint = compact(type="ephemeral", ttl=part.cache.ttl)
            return {**written, "cache_control": hint}
        self.losses.drop(f"{part.at}.cache_control", "this provider takes no cache hints")
        return written

    def _image(self, part: Image) -> dict[str, Any] | None:
        url = self._url(part.source, part.at)
        if url is None:
            return None
        return {"type": "image_url", "image_url": compact(url=url, detail=part.detail)}

    def _audio(self, part: Audio) -> dict[str, Any] | None:
        match part.source:
            case Inline(media_type, data):
                kind = _AUDIO_FORMATS.get(media_type, media_type.partition("/")[2])
                return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}
            case _:
                self.losses.drop(part.at, "chat completions take audio only inside the request")
                return None

    def _file(self, part: File) -> dict[str, Any] | None:
        if part.context is not None:
            self.losses.drop(f"{part.at}.context", "a file has no words beside it")
        if part.cite:
            self.losses.drop(f"{part.at}.citations", "no citations can be asked for")
        match part.source:
            case PlainText(text):
                if part.name is not None:
                    self.losses.drop(f"{part.at}.title", "sent as plain text, which has no title")
                return {"type": "text", "text": text}
            case Inline(media_type) as source:
                # OpenAI refuses a file without a name.
                name = part.name or f"document.{media_type.rpartition('/')[2]}"
                data = self._url(source, part.at)
                return {"type": "file", "file": {"filename": name, "file_data": data}}
            case Remote() | Uploaded():
                self.losses.drop(part.at, "chat completions take files only inside the request")
                return None
            case _:
                assert_never(part.source)

    def _url(self, source: MediaSource, at: str) -> str | None:
        match source:
            case Inline(media_type, data):
                return f"data:{media_type};base64,{data}"
            case Remote(url):
                return url
            case Uploaded():
                self.losses.drop(at, "the file lies at another vendor")
                return None
            case _:
                assert_never(source)


def _with_hint(texts: list[Text], result: ToolResult) -> list[Text]:
    """The texts of a result; its own cache hint stands at the last one."""
    if result.cache is None or not texts:
        return texts
    *before, last = texts
    return [*before, Text(last.text, last.cache or result.cache, at=result.at)]
