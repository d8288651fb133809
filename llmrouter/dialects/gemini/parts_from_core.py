"""The core's messages, written as the contents of a Gemini request."""

from __future__ import annotations

import base64
import mimetypes
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, assert_never
from urllib.parse import urlsplit

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    CacheHint,
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
from llmrouter.core.records import replace
from llmrouter.dialects.fields import compact, read_object
from llmrouter.dialects.gemini.model_facts import ModelFacts
from llmrouter.dialects.gemini.parts_to_core import NO_SIGNATURE


class ContentWriter:
    """Writes the messages of one request; ``origin`` is the endpoint, which takes back its own
    thoughts."""

    def __init__(self, origin: str, facts: ModelFacts, losses: Losses) -> None:
        self._origin = origin
        self._facts = facts
        self._losses = losses
        self._names: dict[str, str] = {}

    def write_all(self, prompt: ChatPrompt) -> list[dict[str, Any]]:
        """The contents; the results of parallel calls share one, as the API wants them."""
        return [content for message in _joined(prompt.messages) for content in self._write(message)]

    def write_texts(self, texts: Iterable[Text]) -> list[dict[str, Any]]:
        """The parts of instructions."""
        return [written for text in texts for written in self._write_text(text)]

    def _write(self, message: Message) -> Iterator[dict[str, Any]]:
        if message.name is not None:
            self._losses.drop(f"{message.at}.name", "Gemini knows no names of speakers")
        match message.role:
            case "assistant":
                yield from _content("model", self._write_answer(message.parts))
            case "tool":
                yield from self._write_results(message.parts)
            case "system":
                self._losses.drop(
                    f"{message.at}.role", "sent as the user's: instructions stand at the top"
                )
                yield from _content("user", self._write_parts(message.parts))
            case "user":
                yield from _content("user", self._write_parts(message.parts))
            case _:
                assert_never(message.role)

    def _write_parts(self, parts: Iterable[Part]) -> list[dict[str, Any]]:
        return [written for part in parts for written in self._write_part(part)]

    def _write_part(self, part: Part) -> Iterator[dict[str, Any]]:
        match part:
            case Text():
                yield from self._write_text(part)
            case Refusal(text):
                if text:
                    yield {"text": text}
            case Image() | Audio() | File():
                yield from self._write_media(part)
            case Reasoning():
                yield from self._write_thought(part)
            case ToolCall():
                yield self._write_call(part)
            case ToolResult():
                self._losses.drop(part.at, "it has no place in a message of this role")
            case _:
                assert_never(part)

    def _write_answer(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """What the model said.

        A signature without a text belongs to the first call that has none.  Clients of other
        dialects keep it elsewhere in the message than where it was, so its place says nothing.
        """
        signatures = deque(bare for part in parts if (bare := self._bare_signature(part)))
        written: list[dict[str, Any]] = []
        for part in parts:
            if self._bare_signature(part):
                continue
            for one in self._write_part(part):
                if "functionCall" in one and "thoughtSignature" not in one and signatures:
                    one["thoughtSignature"] = signatures.popleft()
                written.append(one)
        written += [{"text": "", "thoughtSignature": left} for left in signatures]
        self._mark_unsigned(written)
        return written

    def _bare_signature(self, part: Part) -> str | None:
        """The signature that is all there is to a part, if the endpoint made it itself."""
        if isinstance(part, Reasoning) and part.origin == self._origin and not part.text:
            return part.signature
        return None

    def _mark_unsigned(self, written: list[dict[str, Any]]) -> None:
        """Says at the first of the calls that another model made them, where signatures are asked
        for: without that word the request would be refused."""
        calls = [part for part in written if "functionCall" in part]
        if self._facts.signs_calls and calls and "thoughtSignature" not in calls[0]:
            calls[0]["thoughtSignature"] = NO_SIGNATURE

    def _write_text(self, part: Text) -> Iterator[dict[str, Any]]:
        self._drop_hint(part.cache, part.at)
        if part.citations:
            self._losses.drop(f"{part.at}.annotations", "citations are not sent back to a model")
        if part.text:
            yield {"text": part.text}

    def _write_thought(self, part: Reasoning) -> Iterator[dict[str, Any]]:
        if part.origin != self._origin or part.encrypted is not None:
            self._losses.drop(part.at, "Gemini takes back no reasoning but its own")
        elif part.text:
            yield compact(text=part.text, thought=True, thoughtSignature=part.signature)

    def _write_call(self, part: ToolCall) -> dict[str, Any]:
        self._drop_hint(part.cache, part.at)
        self._names[part.id] = part.name
        try:
            arguments = read_object(part.arguments.encode()) if part.arguments.strip() else {}
        except ValueError:
            self._losses.drop(
                f"{part.at}.arguments", "they are no JSON object; sent as text in one"
            )
            arguments = {"arguments": part.arguments}
        call = compact(id=part.id or None, name=part.name, args=arguments)
        if part.signature is None:
            return {"functionCall": call}
        if part.origin == self._origin:
            return {"functionCall": call, "thoughtSignature": part.signature}
        self._losses.drop(f"{part.at}.signature", "another vendor signed this call")
        return {"functionCall": call}

    def _write_results(self, parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
        """The results, and behind them, for models that want it so, the pictures in them."""
        written: list[dict[str, Any]] = []
        apart: list[dict[str, Any]] = []
        for part in parts:
            if not isinstance(part, ToolResult):
                continue
            self._drop_hint(part.cache, part.at)
            media = self._write_parts(p for p in part.parts if not isinstance(p, Text))
            response = self._write_result(part)
            if media and self._facts.nests_media:
                response["parts"] = media
            elif media:
                self._losses.assume(part.at, "its pictures follow behind it")
                apart += media
            written.append({"functionResponse": response})
        yield from _content("user", written)
        yield from _content("user", apart)

    def _write_result(self, part: ToolResult) -> dict[str, Any]:
        texts = [p for p in part.parts if isinstance(p, Text)]
        for text in texts:
            self._drop_hint(text.cache, text.at)
        name = part.name or self._names.get(part.call_id) or part.call_id
        outcome = {"error" if part.is_error else "output": "\n".join(t.text for t in texts)}
        return compact(id=part.call_id or None, name=name, response=outcome)

    def _write_media(self, part: Image | Audio | File) -> Iterator[dict[str, Any]]:
        self._drop_hint(part.cache, part.at)
        if isinstance(part, Image) and part.detail not in (None, "auto"):
            self._losses.drop(f"{part.at}.image_url.detail", "Gemini has no word for it")
        if isinstance(part, File):
            self._drop_around_file(part)
            if isinstance(part.source, PlainText):
                data = base64.b64encode(part.source.text.encode()).decode()
                yield {"inlineData": {"mimeType": "text/plain", "data": data}}
                return
            yield from self._write_source(part.source, part.at)
            return
        yield from self._write_source(part.source, part.at)

    def _write_source(self, source: MediaSource, at: str) -> Iterator[dict[str, Any]]:
        match source:
            case Inline(media_type, data):
                yield {"inlineData": {"mimeType": media_type, "data": data}}
            case Remote(url):
                guessed = mimetypes.guess_type(urlsplit(url).path)[0]
                yield {"fileData": compact(mimeType=guessed, fileUri=url)}
            case Uploaded():
                self._losses.drop(at, "the file lies at another vendor")
            case _:
                assert_never(source)

    def _drop_around_file(self, part: File) -> None:
        said = {"title": part.name, "context": part.context, "citations": part.cite or None}
        for name, value in said.items():
            if value is not None:
                self._losses.drop(f"{part.at}.{name}", "Gemini takes a file's bytes alone")

    def _drop_hint(self, hint: CacheHint | None, at: str) -> None:
        if hint is not None:
            self._losses.drop(f"{at}.cache_control", "Gemini caches by itself")


def _joined(messages: Iterable[Message]) -> list[Message]:
    """The messages, with neighbouring ones of tools put together."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role == "tool":
            joined[-1] = replace(joined[-1], parts=(*joined[-1].parts, *message.parts))
        else:
            joined.append(message)
    return joined


def _content(role: str, parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if parts:
        yield {"role": role, "parts": parts}
