"""A client's request to the Messages API, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.errors import BodyTooLarge, InvalidRequest
from llmrouter.core.requests import ChatRequest, Role, Turn
from llmrouter.core.routing import Need
from llmrouter.dialects.anthropic.validate import wrong_fields
from llmrouter.dialects.documents import read_document
from llmrouter.dialects.sessions import session_in

_MEDIA = frozenset({"image", "document"})


def parse(
    body: bytes,
    *,
    max_depth: int = 200,
    max_messages: int = 10_000,
    needs_max_tokens: bool = True,
) -> ChatRequest:
    """The request in ``body``; one to count its tokens needs no ``max_tokens``.

    Raises `MalformedRequest`, `BodyTooLarge` (too many messages), or `InvalidRequest` with every
    wrong field.
    """
    document = read_document(body, max_depth=max_depth)
    messages = document.get("messages")
    if isinstance(messages, list) and len(messages) > max_messages:
        raise BodyTooLarge(
            f"{len(messages)} messages; at most {max_messages} are taken",
            code="too_many_messages",
            param="messages",
        )
    errors = wrong_fields(document, needs_max_tokens=needs_max_tokens)
    if errors:
        raise InvalidRequest(errors)
    return ChatRequest(
        dialect="anthropic",
        body=body,
        document=document,
        model=document.get("model") or None,
        stream=document.get("stream") is True,
        include_usage=True,
        turns=tuple(_turns(document)),
        tools=tuple(tool.get("name") or tool["type"] for tool in document.get("tools") or ()),
        needs=frozenset(_needs(document)),
        max_output_tokens=document.get("max_tokens") or None,
        conversation_hint=session_in(document),
    )


def _turns(document: Mapping[str, Any]) -> Iterator[Turn]:
    """The turns; tool results come as the user's here, and as the tool's everywhere else."""
    if document.get("system"):
        yield _turn("system", _blocks(document["system"]))
    for message in document["messages"]:
        blocks = _blocks(message["content"])
        if message["role"] != "user":
            yield _turn(message["role"], blocks)
            continue
        results = [block for block in blocks if block["type"] == "tool_result"]
        if results:
            yield _turn("tool", [inner for result in results for inner in _inner(result)])
        others = [block for block in blocks if block["type"] != "tool_result"]
        if others or not results:
            yield _turn("user", others)


def _turn(role: Role, blocks: list[dict[str, Any]]) -> Turn:
    return Turn(
        role=role,
        text="\n".join([block["text"] for block in blocks if block["type"] == "text"]),
        has_media=any(block["type"] in _MEDIA for block in blocks),
        calls_tools=any(block["type"] == "tool_use" for block in blocks),
    )


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _inner(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The blocks inside a tool's result."""
    content = result.get("content")
    return _blocks(content) if isinstance(content, str | list) else []


def _needs(document: Mapping[str, Any]) -> Iterator[Need]:
    if document.get("tools"):
        yield "tools"
    config = document.get("output_config") or {}
    if config.get("format") or document.get("output_format"):
        yield "json_schema"
    for message in document["messages"]:
        for block in _blocks(message["content"]):
            kinds = {inner["type"] for inner in _inner(block)} | {block["type"]}
            if "image" in kinds:
                yield "vision"
