"""The contents of a Gemini request, read as the core's messages."""

from __future__ import annotations

import mimetypes
from collections import deque
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    File,
    Image,
    Inline,
    MediaSource,
    Part,
    Reasoning,
    Remote,
    Text,
    ToolCall,
    ToolResult,
    Uploaded,
)
from llmrouter.core.chat.prompt import Message, Role
from llmrouter.core.chat.sealing import unseal
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import Fields

OWN_ORIGIN = "gemini:"
"""Whose reasoning it is that a client got straight from a Gemini provider."""

NO_SIGNATURE = "skip_thought_signature_validator"
"""Stands where a signature is missing that Gemini asks for ("Thought signatures", FAQ)."""

ENCRYPTED = "encrypted:"
"""Before encrypted reasoning in the slot of signatures, to tell the two apart."""

_RESULTS = frozenset({"output", "result", "error"})
"""Google's names for what a function gave back, and the one that its library uses."""

_FILES_HOST = "generativelanguage.googleapis.com"


def read_media(media_type: str, source: MediaSource, at: str = "") -> Image | Audio | File:
    """The part that bytes of this type are."""
    kind = media_type.partition("/")[0]
    if kind == "image":
        return Image(source, at=at)
    return Audio(source, at=at) if kind == "audio" else File(source, at=at)


def read_address(uri: str) -> MediaSource:
    """A page that everybody can fetch, or a file that lies at Google."""
    address = urlsplit(uri)
    if address.scheme in ("http", "https") and address.hostname != _FILES_HOST:
        return Remote(uri)
    return Uploaded(uri)


def read_messages(fields: Fields, losses: Losses) -> tuple[Message, ...]:
    """All messages of ``contents``."""
    reader = _ContentReader(losses)
    for content in fields.children("contents"):
        reader.read(content)
    return tuple(reader.messages)


def read_instructions(fields: Fields) -> tuple[Text, ...]:
    """The texts of ``systemInstruction``: a content, or, as some libraries send it, a text."""
    instruction = fields.any("systemInstruction")
    if isinstance(instruction, str):
        return (Text(instruction, at=fields.place("systemInstruction")),) if instruction else ()
    content = fields.child("systemInstruction")
    if content is None:
        return ()
    texts = []
    for part in content.children("parts"):
        if text := part.text("text"):
            texts.append(Text(text, at=part.at))
        part.drop_rest()
    content.ignore("role")
    content.drop_rest()
    return tuple(texts)


class _ContentReader:
    """Reads contents in order, for a function response is joined to its call by what came before.

    Calls without an id get one.
    """

    def __init__(self, losses: Losses) -> None:
        self.messages: list[Message] = []
        self._losses = losses
        self._open_calls: dict[str, deque[str]] = {}
        self._calls = 0

    def read(self, content: Fields) -> None:
        role = content.text("role")
        parts = list(self._read_parts(content))
        content.drop_rest()
        match role:
            case "model":
                self._add("assistant", parts, content.at)
            case "system":
                self._add("system", parts, content.at)
            case _:
                results = [part for part in parts if isinstance(part, ToolResult)]
                others = [part for part in parts if not isinstance(part, ToolResult)]
                self._add("tool", results, content.at)
                self._add("user", others, content.at)

    def _add(self, role: Role, parts: Iterable[Part], at: str) -> None:
        """Adds a message.  What a model said in several chunks, clients send as several contents,
        and responses to parallel calls may each be a content: those are one message."""
        new = tuple(parts)
        if not new:
            return
        last = self.messages[-1] if self.messages else None
        if last is not None and last.role == role and role in ("assistant", "tool"):
            at, new = last.at, (*last.parts, *new)
            self.messages.pop()
        if role == "assistant":
            new = tuple(_joined(new))
        self.messages.append(Message(role, new, at=at))

    def _read_parts(self, content: Fields) -> Iterator[Part]:
        for part in content.children("parts"):
            read = list(self._read_part(part))
            if read or part.any("text") == "":
                yield from read
                part.drop_rest()
            else:
                part.drop_all("there is no word for it outside its dialect")

    def _read_part(self, part: Fields) -> Iterator[Part]:
        signature = _read_signature(part)
        if part.flag("thought") is True:
            yield _signed_thought(part, signature)
            return
        if signature is not None and not part.any("text"):
            yield signature
        if call := part.child("functionCall"):
            yield self._read_call(call)
        elif response := part.child("functionResponse"):
            yield self._read_response(response)
        elif part.any("inlineData") is not None:
            yield from _read_inline(part)
        elif part.any("fileData") is not None:
            yield from _read_file(part)
        elif text := part.text("text"):
            yield Text(text, at=part.at)
            if signature is not None:
                yield signature

    def _read_call(self, call: Fields) -> ToolCall:
        name = call.text("name") or ""
        call_id = call.text("id") or self._new_id()
        self._open_calls.setdefault(name, deque()).append(call_id)
        arguments = call.mapping("args") or {}
        call.drop_rest()
        return ToolCall(call_id, name, write_document(arguments).decode(), at=call.at)

    def _read_response(self, response: Fields) -> ToolResult:
        name = response.text("name") or ""
        waiting = self._open_calls.get(name) or deque()
        call_id = response.text("id")
        if call_id is None:
            call_id = waiting.popleft() if waiting else self._new_id()
        elif call_id in waiting:
            waiting.remove(call_id)
        parts, is_error = _read_result(response)
        media = [m for part in response.children("parts") for m in _read_result_media(part)]
        response.drop_rest()
        return ToolResult(
            call_id, (*parts, *media), is_error=is_error, name=name or None, at=response.at
        )

    def _new_id(self) -> str:
        self._calls += 1
        return f"call_{self._calls}"


def _read_signature(part: Fields) -> Reasoning | None:
    """The reasoning that a part's signature stands for."""
    said = part.text("thoughtSignature")
    if not said or said == NO_SIGNATURE:
        return None
    origin, value = unseal(said) or (OWN_ORIGIN, said)
    if not value:
        return None  # our own mark at a call that nobody signed
    at = part.place("thoughtSignature")
    if value.startswith(ENCRYPTED):
        return Reasoning(encrypted=value.removeprefix(ENCRYPTED), origin=origin, at=at)
    return Reasoning(signature=value, origin=origin, at=at)


def _signed_thought(part: Fields, signature: Reasoning | None) -> Reasoning:
    text = part.text("text") or ""
    if signature is None:
        sealed = unseal(part.text("thoughtSignature") or "")
        return Reasoning(text, origin=sealed[0] if sealed else OWN_ORIGIN, at=part.at)
    return Reasoning(text, signature.signature, signature.encrypted, signature.origin, at=part.at)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, with those that a stream had cut put together again."""
    held: Text | Reasoning | None = None
    for part in parts:
        match held, part:
            case Text(first), Text(second):
                held = Text(first + second, at=held.at)
            case Reasoning(signature=None, encrypted=None), Reasoning() if _continues(held, part):
                text, origin = held.text + part.text, part.origin
                held = Reasoning(text, part.signature, origin=origin, at=held.at)
            case _:
                if held is not None:
                    yield held
                held = part if isinstance(part, Text | Reasoning) else None
                if held is None:
                    yield part
    if held is not None:
        yield held


def _continues(held: Reasoning, part: Reasoning) -> bool:
    """Whether a thought goes on; the signature that another vendor's ends with comes last."""
    if part.encrypted is not None:
        return False
    if part.text:
        return part.signature is None and part.origin == held.origin
    return part.origin != OWN_ORIGIN


def _read_result(response: Fields) -> tuple[tuple[Text, ...], bool]:
    """What a function gave back, and whether it failed; objects of its own making stay JSON."""
    at = response.place("response")
    document = response.mapping("response")
    if document is None:
        return (), False
    texts = [text for text in document.values() if isinstance(text, str)]
    is_plain = len(document) == len(texts) == 1 and document.keys() <= _RESULTS
    text = texts[0] if is_plain else write_document(document).decode()
    return (Text(text, at=at),), document.keys() == {"error"}


def _read_result_media(part: Fields) -> Iterator[Image | Audio | File]:
    media = [*_read_inline(part), *_read_file(part)]
    if media:
        yield from media
        part.drop_rest()
    else:
        part.drop_all("a function response holds files and pictures")


def _read_inline(part: Fields) -> Iterator[Image | Audio | File]:
    blob = part.child("inlineData")
    data = None if blob is None else blob.text("data")
    if blob is None or data is None:
        return
    media_type = blob.text("mimeType") or "application/octet-stream"
    blob.drop_rest()
    yield read_media(media_type, Inline(media_type, _standard_base64(data)), part.at)


def _read_file(part: Fields) -> Iterator[Image | Audio | File]:
    file = part.child("fileData")
    uri = None if file is None else file.text("fileUri")
    if file is None or uri is None:
        return
    media_type = file.text("mimeType") or mimetypes.guess_type(urlsplit(uri).path)[0] or ""
    file.drop_rest()
    yield read_media(media_type, read_address(uri), part.at)


def _standard_base64(data: str) -> str:
    """Google takes both alphabets; all others take the standard one."""
    return data.replace("-", "+").replace("_", "/")
