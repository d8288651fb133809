"""Parts, written as content blocks of the Messages API."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, assert_never

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
from llmrouter.dialects.fields import compact, read_object

_PDF = "application/pdf"
_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")


def write_cache_hint(hint: CacheHint | None) -> dict[str, Any] | None:
    return None if hint is None else compact(type="ephemeral", ttl=hint.ttl)


def write_text(text: Text) -> dict[str, Any]:
    return compact(type="text", text=text.text, cache_control=write_cache_hint(text.cache))


def write_blocks(parts: Iterable[Part], origin: str, losses: Losses) -> list[dict[str, Any]]:
    """The blocks of a message; ``origin`` is the endpoint, which takes back its own thoughts."""
    blocks = (write_block(part, origin, losses) for part in parts)
    return [block for block in blocks if block is not None]


def write_block(part: Part, origin: str, losses: Losses) -> dict[str, Any] | None:
    """One block; None where there is nothing to say, or, as a loss, no way to say it."""
    match part:
        case Text():
            # The API refuses empty texts.
            return _write_text_part(part, losses) if part.text else None
        case Refusal():
            return {"type": "text", "text": part.text} if part.text else None
        case Image():
            return _write_image(part, losses)
        case File():
            return _write_document(part, losses)
        case Audio():
            losses.drop(part.at, "the Messages API takes no audio")
            return None
        case Reasoning():
            return _write_reasoning(part, origin, losses)
        case ToolCall():
            return _write_tool_use(part, losses)
        case ToolResult():
            return _write_tool_result(part, origin, losses)
        case _:
            assert_never(part)


def _write_text_part(part: Text, losses: Losses) -> dict[str, Any]:
    if part.citations:
        losses.drop(f"{part.at}.annotations", "citations are not sent back to a model")
    return write_text(part)


def _write_image(part: Image, losses: Losses) -> dict[str, Any] | None:
    source = _media_source(part.source, part.at, losses)
    if source is None:
        return None
    if part.detail not in (None, "auto"):
        losses.drop(f"{part.at}.image_url.detail", "the Messages API looks as closely as it can")
    return compact(type="image", source=source, cache_control=write_cache_hint(part.cache))


def _write_document(part: File, losses: Losses) -> dict[str, Any] | None:
    match part.source:
        case PlainText(text):
            source: dict[str, Any] | None = {
                "type": "text",
                "media_type": "text/plain",
                "data": text,
            }
        case Inline(media_type) if media_type != _PDF:
            losses.drop(part.at, f"the Messages API takes no documents of type {media_type}")
            return None
        case Inline() | Remote() | Uploaded():
            source = _media_source(part.source, part.at, losses)
        case _:
            assert_never(part.source)
    if source is None:
        return None
    return compact(
        type="document",
        source=source,
        title=part.name,
        context=part.context,
        citations={"enabled": True} if part.cite else None,
        cache_control=write_cache_hint(part.cache),
    )


def _media_source(source: MediaSource, at: str, losses: Losses) -> dict[str, Any] | None:
    match source:
        case Inline(media_type, data):
            return {"type": "base64", "media_type": media_type, "data": data}
        case Remote(url):
            return {"type": "url", "url": url}
        case Uploaded():
            losses.drop(at, "the file lies at another vendor")
            return None
        case _:
            assert_never(source)


def _write_reasoning(part: Reasoning, origin: str, losses: Losses) -> dict[str, Any] | None:
    if part.origin == origin and part.encrypted is not None:
        return {"type": "redacted_thinking", "data": part.encrypted}
    if part.origin == origin and part.signature is not None:
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    losses.drop(part.at, "the Messages API takes back no reasoning but what it signed itself")
    return None


def _write_tool_use(part: ToolCall, losses: Losses) -> dict[str, Any]:
    if part.signature is not None:
        losses.drop(f"{part.at}.signature", "another vendor signed this call")
    try:
        arguments = read_object(part.arguments.encode()) if part.arguments.strip() else {}
    except ValueError:
        losses.drop(f"{part.at}.arguments", "they are no JSON object; sent as text inside one")
        arguments = {"arguments": part.arguments}
    return compact(
        type="tool_use",
        id=_fitting_id(part.id),
        name=part.name,
        input=arguments,
        cache_control=write_cache_hint(part.cache),
    )


def _write_tool_result(part: ToolResult, origin: str, losses: Losses) -> dict[str, Any]:
    match part.parts:
        case ():
            content: str | list[dict[str, Any]] | None = None
        case (Text(text, cache=None),):
            content = text
        case parts:
            content = write_blocks(parts, origin, losses)
    return compact(
        type="tool_result",
        tool_use_id=_fitting_id(part.call_id),
        content=content,
        is_error=True if part.is_error else None,
        cache_control=write_cache_hint(part.cache),
    )


def _fitting_id(tool_id: str) -> str:
    """Anthropic's ids are letters, digits, ``_`` and ``-``; other vendors' may hold more."""
    return _BAD_ID.sub("_", tool_id)
