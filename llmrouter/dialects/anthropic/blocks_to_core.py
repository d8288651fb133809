"""Content blocks of the Messages API, read as parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    CacheHint,
    Citation,
    File,
    FileSource,
    Image,
    Inline,
    Part,
    PlainText,
    Reasoning,
    Remote,
    Text,
    ToolCall,
    ToolResult,
    Uploaded,
)
from llmrouter.core.chat.sealing import unseal
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import Fields

T = TypeVar("T")

OWN_ORIGIN = "anthropic:"
"""Whose reasoning it is that a client got straight from an Anthropic provider."""


def read_content(message: Fields, name: str, losses: Losses) -> tuple[Part, ...]:
    """The parts of a ``content`` or ``system``, which is a text or a list of blocks."""
    content = message.any(name)
    if isinstance(content, str):
        return (Text(content, at=message.place(name)),) if content else ()
    parts = (read_block(block, losses) for block in message.children(name))
    return tuple(part for part in parts if part is not None)


def read_block(block: Fields, losses: Losses) -> Part | None:
    """One block; None, and a loss, when nobody else could understand it."""
    part = _read_known(block, losses)
    if part is None:
        kind = block.any("type")
        block.drop_all(f"only the Messages API knows blocks of type {kind!r}")
    else:
        block.drop_rest()
    return part


def read_cache_hint(fields: Fields, name: str = "cache_control") -> CacheHint | None:
    hint = fields.child(name)
    return None if hint is None else CacheHint(hint.text("ttl"))


def read_citations(citations: object) -> tuple[Citation, ...]:
    """The citations of a text, of a reply or of the history."""
    if not isinstance(citations, list):
        return ()
    return tuple(read_citation(c) for c in citations if isinstance(c, dict))


def read_citation(document: Mapping[str, Any]) -> Citation:
    return Citation(
        url=_first(document, str, "url", "source"),
        title=_first(document, str, "title", "document_title"),
        cited_text=_first(document, str, "cited_text"),
        document_index=_first(document, int, "document_index", "search_result_index"),
    )


def _first(document: Mapping[str, Any], kind: type[T], *names: str) -> T | None:
    """The first of these fields that is of this kind."""
    return next((v for name in names if isinstance(v := document.get(name), kind)), None)


def _read_known(block: Fields, losses: Losses) -> Part | None:
    match block.any("type"):
        case "text":
            return _read_text(block)
        case "image":
            return _read_image(block)
        case "document":
            return _read_document(block)
        case "search_result":
            return _read_search_result(block)
        case "thinking":
            return _read_thinking(block)
        case "redacted_thinking":
            return _read_redacted(block)
        case "tool_use":
            return _read_tool_use(block)
        case "tool_result":
            return _read_tool_result(block, losses)
        case _:
            return None


def _read_text(block: Fields) -> Text:
    return Text(
        block.text("text") or "",
        cache=read_cache_hint(block),
        citations=read_citations(block.any("citations")),
        at=block.at,
    )


def _read_image(block: Fields) -> Image | None:
    match block.any("source"):
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            return Image(Inline(media_type, data), cache=read_cache_hint(block), at=block.at)
        case {"type": "url", "url": str(url)}:
            return Image(Remote(url), cache=read_cache_hint(block), at=block.at)
        case {"type": "file", "file_id": str(file_id)}:
            return Image(Uploaded(file_id), cache=read_cache_hint(block), at=block.at)
        case _:
            return None


def _read_document(block: Fields) -> File | None:
    source = _read_document_source(block.any("source"))
    if source is None:
        return None
    citations = block.mapping("citations") or {}
    return File(
        source,
        name=block.text("title"),
        context=block.text("context"),
        cite=citations.get("enabled") is True,
        cache=read_cache_hint(block),
        at=block.at,
    )


def _read_document_source(source: Any) -> FileSource | None:
    match source:
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            return Inline(media_type, data)
        case {"type": "text", "data": str(text)} | {"type": "content", "content": str(text)}:
            return PlainText(text)
        case {"type": "content", "content": [*blocks]}:
            return PlainText(_joined(blocks))
        case {"type": "url", "url": str(url)}:
            return Remote(url)
        case {"type": "file", "file_id": str(file_id)}:
            return Uploaded(file_id)
        case _:
            return None


def _read_search_result(block: Fields) -> File:
    """A search result is a document of text; where it was found is said beside it."""
    citations = block.mapping("citations") or {}
    return File(
        PlainText(_joined(block.any("content"))),
        name=block.text("title"),
        context=block.text("source"),
        cite=citations.get("enabled") is True,
        cache=read_cache_hint(block),
        at=block.at,
    )


def _read_thinking(block: Fields) -> Reasoning:
    text = block.text("thinking") or ""
    signature = block.text("signature")
    sealed = unseal(signature) if signature else None
    if sealed is not None:
        origin, value = sealed
        return Reasoning(text, signature=value or None, origin=origin, at=block.at)
    return Reasoning(text, signature=signature, origin=OWN_ORIGIN, at=block.at)


def _read_redacted(block: Fields) -> Reasoning:
    data = block.text("data") or ""
    origin, value = unseal(data) or (OWN_ORIGIN, data)
    return Reasoning(encrypted=value, origin=origin, at=block.at)


def _read_tool_use(block: Fields) -> ToolCall:
    block.ignore("caller")
    return ToolCall(
        id=block.text("id") or "",
        name=block.text("name") or "",
        arguments=write_document(block.mapping("input") or {}).decode(),
        cache=read_cache_hint(block),
        at=block.at,
    )


def _read_tool_result(block: Fields, losses: Losses) -> ToolResult:
    parts = read_content(block, "content", losses)
    kept = tuple(part for part in parts if isinstance(part, Text | Image | File))
    for part in parts:
        if part not in kept:
            losses.drop(part.at, "a tool result holds text, images and documents")
    return ToolResult(
        call_id=block.text("tool_use_id") or "",
        parts=kept,
        is_error=block.flag("is_error") is True,
        cache=read_cache_hint(block),
        at=block.at,
    )


def _joined(blocks: object) -> str:
    """The texts of blocks inside a document; pictures in it stay behind."""
    if not isinstance(blocks, list):
        return ""
    texts = [b["text"] for b in blocks if isinstance(b, dict) and isinstance(b.get("text"), str)]
    return "\n\n".join(texts)
