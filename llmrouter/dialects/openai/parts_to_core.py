"""The messages of a chat completion request, read as the core's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    CacheHint,
    File,
    Image,
    Inline,
    MediaSource,
    Part,
    Reasoning,
    Refusal,
    Remote,
    Text,
    ToolCall,
    ToolResult,
    Uploaded,
)
from llmrouter.core.chat.prompt import Message
from llmrouter.core.chat.sealing import unseal
from llmrouter.dialects.fields import Fields

OWN_ORIGIN = "openai:"
"""Whose reasoning it is that a client got straight from a compatible provider."""

REASONING_TEXTS = ("reasoning_content", "reasoning", "reasoning_text")
"""Where compatible providers put what a model thought; the first one with a text counts."""

_AUDIO_TYPES = {"mp3": "audio/mpeg"}


def read_messages(fields: Fields, losses: Losses) -> tuple[Message, ...]:
    """All messages; the results of parallel calls, each its own message here, become one."""
    messages: list[Message] = []
    for message in fields.children("messages"):
        read = _read_message(message, losses)
        message.drop_rest()
        if read is None:
            continue
        last = messages[-1] if messages else None
        if last is not None and last.role == read.role == "tool":
            messages[-1] = Message("tool", (*last.parts, *read.parts), at=last.at)
        else:
            messages.append(read)
    return tuple(messages)


def media_source(url: str) -> MediaSource:
    """Bytes inside a ``data:`` address, or the address."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:")):
        return Remote(url)
    media_type, *options = head.removeprefix("data:").split(";")
    return Inline(media_type or "text/plain", data) if "base64" in options else Remote(url)


def read_reasoning_details(details: Iterable[object]) -> Iterator[Reasoning]:
    """OpenRouter's ``reasoning_details``, which carry signatures and encrypted reasoning."""
    for detail in details:
        match detail:
            case {"type": "reasoning.encrypted", "data": str(data)}:
                origin, value = unseal(data) or (OWN_ORIGIN, data)
                yield Reasoning(encrypted=value, origin=origin)
            case {"type": "reasoning.text", "text": str(text), "signature": str(signature)}:
                origin, value = unseal(signature) or (OWN_ORIGIN, signature)
                yield Reasoning(text, signature=value or None, origin=origin)
            case {"type": "reasoning.text", "text": str(text)}:
                yield Reasoning(text, origin=OWN_ORIGIN)
            case {"type": "reasoning.summary", "summary": str(text)}:
                yield Reasoning(text, origin=OWN_ORIGIN)
            case _:
                continue


def _read_message(message: Fields, losses: Losses) -> Message | None:
    name = message.text("name")
    match message.text("role"):
        case "system" | "developer":
            parts = (p for p in _read_content(message, losses) if isinstance(p, Text))
            return _message("system", parts, name, message.at)
        case "tool" | "function":
            return Message("tool", (_read_tool_result(message, name, losses),), at=message.at)
        case "assistant":
            return _message("assistant", _read_assistant(message, losses), name, message.at)
        case _:
            return _message("user", _read_content(message, losses), name, message.at)


def _message(role: str, parts: Iterable[Part], name: str | None, at: str) -> Message | None:
    whole = tuple(parts)
    if not whole:
        return None
    match role:
        case "system" | "user" | "assistant":
            return Message(role, whole, name=name, at=at)
        case _:
            return None


def _read_assistant(message: Fields, losses: Losses) -> Iterator[Part]:
    yield from _read_reasoning(message)
    yield from _read_content(message, losses)
    refusal = message.text("refusal")
    if refusal:
        yield Refusal(refusal, at=message.place("refusal"))
    for call in message.children("tool_calls"):
        yield _read_tool_call(call)
    message.drop("audio", "the audio lies at another vendor")
    message.ignore("annotations")


def _read_reasoning(message: Fields) -> Iterator[Reasoning]:
    details = message.any("reasoning_details")
    texts = [(name, message.any(name)) for name in REASONING_TEXTS]
    if isinstance(details, list) and details:
        for reasoning in read_reasoning_details(details):
            yield _placed(reasoning, message.place("reasoning_details"))
        return
    for name, text in texts:
        if isinstance(text, str) and text:
            yield Reasoning(text, origin=OWN_ORIGIN, at=message.place(name))
            return


def _placed(part: Reasoning, at: str) -> Reasoning:
    return Reasoning(part.text, part.signature, part.encrypted, part.origin, part.id, at=at)


def _read_tool_call(call: Fields) -> ToolCall:
    call.ignore("type", "index")
    custom = call.child("custom")
    function = call.child("function")
    holder = custom or function or call
    arguments = holder.any("input" if custom else "arguments")
    read = ToolCall(
        id=call.text("id") or "",
        name=holder.text("name") or "",
        arguments=arguments if isinstance(arguments, str) else "",
        kind="custom" if custom else "function",
        at=call.at,
    )
    for fields in (call, custom, function):
        if fields is not None:
            fields.drop_rest()
    return read


def _read_tool_result(message: Fields, name: str | None, losses: Losses) -> ToolResult:
    parts = _read_content(message, losses)
    return ToolResult(
        call_id=message.text("tool_call_id") or name or "",
        parts=tuple(p for p in parts if isinstance(p, Text | Image | Audio | File)),
        name=name,
        cache=read_cache_hint(message),
        at=message.at,
    )


def _read_content(message: Fields, losses: Losses) -> Iterator[Part]:
    content = message.any("content")
    if isinstance(content, str):
        if content:
            hint = read_cache_hint(message)
            yield Text(content, cache=hint, at=message.place("content"))
        return
    for part in message.children("content"):
        read = _read_part(part)
        if read is None:
            part.drop_all(f"there is no word for a {part.any('type')!r} outside its dialect")
        else:
            part.drop_rest()
            yield read


def read_cache_hint(fields: Fields) -> CacheHint | None:
    """Anthropic's hint, as OpenRouter and others take it, or OpenAI's."""
    hint = fields.child("cache_control") or fields.child("prompt_cache_breakpoint")
    return None if hint is None else CacheHint(hint.text("ttl"))


def _read_part(part: Fields) -> Part | None:
    match part.any("type"):
        case "text" | "input_text" | "output_text":
            return Text(part.text("text") or "", cache=read_cache_hint(part), at=part.at)
        case "refusal":
            return Refusal(part.text("refusal") or "", at=part.at)
        case "image_url" | "input_image":
            return _read_image(part)
        case "input_audio":
            return _read_audio(part)
        case "file" | "input_file":
            return _read_file(part)
        case _:
            return None


def _read_image(part: Fields) -> Image | None:
    image = part.any("image_url")
    if isinstance(image, str):
        image = {"url": image}
    match image:
        case {"url": str(url)}:
            detail = image.get("detail") or part.any("detail")
            source = media_source(url)
            hint = read_cache_hint(part)
            return Image(source, detail if isinstance(detail, str) else None, hint, at=part.at)
        case _:
            return None


def _read_audio(part: Fields) -> Audio | None:
    match part.any("input_audio"):
        case {"data": str(data), "format": str(kind)}:
            media_type = _AUDIO_TYPES.get(kind, f"audio/{kind}")
            return Audio(Inline(media_type, data), cache=read_cache_hint(part), at=part.at)
        case _:
            return None


def _read_file(part: Fields) -> File | None:
    holder = part.child("file") or part
    name = holder.text("filename")
    data, file_id = holder.text("file_data"), holder.text("file_id")
    if data is not None:
        source = media_source(data if data.startswith(("data:", "http")) else _as_pdf(data))
    elif file_id is not None:
        source = Uploaded(file_id)
    else:
        return None
    holder.drop_rest()
    return File(source, name=name, cache=read_cache_hint(part), at=part.at)


def _as_pdf(data: str) -> str:
    """Bare base64 is a PDF: the only document that OpenAI took when it took no address."""
    return f"data:application/pdf;base64,{data}"
