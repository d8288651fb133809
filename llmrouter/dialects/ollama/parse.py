"""A client's Ollama request, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.errors import BodyTooLarge, InvalidRequest
from llmrouter.core.requests import ChatRequest, Role, Turn
from llmrouter.core.routing import Need
from llmrouter.dialects.documents import read_document
from llmrouter.dialects.ollama.address import Operation
from llmrouter.dialects.ollama.validate import wrong_fields
from llmrouter.dialects.sessions import session_in

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def parse(
    body: bytes,
    operation: Operation | None = None,
    *,
    max_depth: int = 200,
    max_messages: int = 10_000,
) -> ChatRequest:
    """The request in ``body``; it wants a stream unless it says otherwise.

    Where the operation is not known, a request without messages is one to ``/api/generate``.
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
    if operation is None:
        operation = "generate" if messages is None and "prompt" in document else "chat"
    errors = wrong_fields(document, operation)
    if errors:
        raise InvalidRequest(errors)
    limit = (document.get("options") or {}).get("num_predict")
    return ChatRequest(
        dialect="ollama",
        body=body,
        document=document,
        model=document.get("model") or None,
        stream=document.get("stream") is not False,
        include_usage=True,
        turns=tuple(_turns(document, operation)),
        tools=tuple((t.get("function") or t)["name"] for t in document.get("tools") or ()),
        needs=frozenset(_needs(document, operation)),
        max_output_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        conversation_hint=session_in(document),
        form="generate" if operation == "generate" else None,
    )


def _turns(document: Mapping[str, Any], operation: Operation) -> Iterator[Turn]:
    if operation == "generate":
        if document.get("system"):
            yield Turn("system", document["system"])
        yield Turn("user", document.get("prompt") or "", has_media=bool(document.get("images")))
        return
    for message in document["messages"]:
        yield Turn(
            role=_ROLES[message["role"].lower()],
            text=message.get("content") or "",
            has_media=bool(message.get("images")),
            calls_tools=bool(message.get("tool_calls")),
        )


def _needs(document: Mapping[str, Any], operation: Operation) -> Iterator[Need]:
    if document.get("tools"):
        yield "tools"
    if isinstance(document.get("format"), dict):
        yield "json_schema"
    holders = document["messages"] if operation == "chat" else (document,)
    if any(holder.get("images") for holder in holders):
        yield "vision"
