"""A client's request to the Responses API, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.errors import BodyTooLarge, InvalidRequest
from llmrouter.core.requests import ChatRequest, Role, Turn
from llmrouter.core.routing import Need
from llmrouter.dialects.documents import read_document
from llmrouter.dialects.responses.client_tools import by_call, by_output
from llmrouter.dialects.responses.tools_to_core import joined_name, namespace_children
from llmrouter.dialects.responses.validate import wrong_fields
from llmrouter.dialects.sessions import session_in

_ROLES: Mapping[object, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}

_MEDIA_NEEDS: Mapping[str, Need | None] = {
    "input_image": "vision",
    "input_audio": "audio",
    "input_file": None,  # some providers read documents for every model, so it asks for nothing
}

_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def parse(body: bytes, *, max_depth: int = 200, max_messages: int = 10_000) -> ChatRequest:
    """The request in ``body``.

    Raises `MalformedRequest`, `BodyTooLarge` (too many items), or `InvalidRequest` with every
    wrong field.
    """
    document = read_document(body, max_depth=max_depth)
    items = document.get("input")
    if isinstance(items, list) and len(items) > max_messages:
        raise BodyTooLarge(
            f"{len(items)} items; at most {max_messages} are taken",
            code="too_many_messages",
            param="input",
        )
    errors = wrong_fields(document)
    if errors:
        raise InvalidRequest(errors)
    return read(body, document)


def read(body: bytes, document: Mapping[str, Any]) -> ChatRequest:
    """The request that a valid document is."""
    return ChatRequest(
        dialect="responses",
        body=body,
        document=document,
        model=document.get("model") or None,
        stream=document.get("stream") is True,
        # A response has its usage, asked for or not.
        include_usage=True,
        turns=tuple(_turns(document)),
        tools=tuple(_tool_names(document.get("tools") or ())),
        needs=_needs(document),
        max_output_tokens=document.get("max_output_tokens") or None,
        conversation_hint=session_in(document),
        previous_response_id=document.get("previous_response_id") or None,
    )


def _turns(document: Mapping[str, Any]) -> Iterator[Turn]:
    instructions = document.get("instructions")
    if isinstance(instructions, str) and instructions:
        yield Turn("system", instructions)
    items = document.get("input")
    if isinstance(items, str):
        yield Turn("user", items)
        return
    for item in items or ():
        turn = _turn(item)
        if turn is not None:
            yield turn


def _turn(item: Mapping[str, Any]) -> Turn | None:
    kind = item.get("type", "message")
    if kind == "message":
        text, has_media = _read_content(item.get("content"))
        return Turn(_ROLES.get(item.get("role"), "user"), text, has_media=has_media)
    if kind in _CALLS or by_call(kind) is not None:
        return Turn("assistant", "", calls_tools=True)
    if kind in _OUTPUTS or by_output(kind) is not None:
        text, has_media = _read_content(item.get("output"))
        return Turn("tool", text, has_media=has_media)
    return None


def _read_content(content: object) -> tuple[str, bool]:
    """The text, and whether there is a picture, a sound or a file beside it."""
    if isinstance(content, str):
        return content, False
    parts = [p for p in content if isinstance(p, dict)] if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return "\n".join(texts), any(str(part.get("type")) in _MEDIA_NEEDS for part in parts)


def _tool_names(tools: Any) -> Iterator[str]:
    """What each tool is called; a provider's own tools go by their type."""
    for tool in tools:
        name = tool.get("name")
        if tool["type"] == "namespace":
            for child in namespace_children(tool):
                yield joined_name(name, child)
        else:
            yield name if isinstance(name, str) and name else tool["type"]


def _needs(document: Mapping[str, Any]) -> frozenset[Need]:
    needs: set[Need] = set()
    if document.get("tools"):
        needs.add("tools")
    match document.get("text"):
        case {"format": {"type": "json_schema"}}:
            needs.add("json_schema")
        case _:
            pass
    items = document.get("input")
    for item in items if isinstance(items, list) else ():
        for content in (item.get("content"), item.get("output")):
            if isinstance(content, list):
                kinds = [str(part.get("type")) for part in content if isinstance(part, dict)]
                needs |= {need for kind in kinds if (need := _MEDIA_NEEDS.get(kind))}
    return frozenset(needs)
