"""A client's chat completion request, read once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.errors import BodyTooLarge, InvalidRequest
from llmrouter.core.requests import ChatRequest, Role, Turn
from llmrouter.core.routing import Need
from llmrouter.dialects.documents import read_document
from llmrouter.dialects.openai.validate import tool_name, wrong_fields
from llmrouter.dialects.sessions import session_in

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",  # the name that tools had before 2023-11
}

_MEDIA_NEEDS: Mapping[str, Need | None] = {
    "image_url": "vision",
    "input_image": "vision",
    "image": "vision",
    "video_url": "vision",
    "input_audio": "audio",
    "audio_url": "audio",
    "file": None,  # some providers read documents for every model, so it asks for nothing
    "input_file": None,
}

_NEEDING = frozenset({"tools", "functions", "response_format", "modalities"})
"""Fields that can call for a capability, beside what the messages hold."""

_CALLS = frozenset({"tool_calls", "function_call"})
_NONE: frozenset[Need] = frozenset()


def parse(body: bytes, *, max_depth: int = 200, max_messages: int = 10_000) -> ChatRequest:
    """The request in ``body``.

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
    plain_turns = _plain_turns(messages)
    errors = wrong_fields(document, plain=plain_turns is not None)
    if errors:
        raise InvalidRequest(errors)
    stream = bool(document.get("stream"))
    options = document.get("stream_options") or {}
    tools = document.get("tools")
    limit = document.get("max_completion_tokens") or document.get("max_tokens")
    return ChatRequest(
        dialect="openai",
        body=body,
        document=document,
        model=document.get("model") or None,
        stream=stream,
        include_usage=stream and options.get("include_usage") is True,
        turns=plain_turns or tuple([_turn(message) for message in document["messages"]]),
        tools=tuple([name for tool in tools if (name := tool_name(tool))]) if tools else (),
        needs=_NONE if plain_turns and _NEEDING.isdisjoint(document) else _needs(document),
        max_output_tokens=int(limit) if limit else None,
        conversation_hint=session_in(document),
    )


def _plain_turns(messages: object) -> tuple[Turn, ...] | None:
    """Messages of known roles, each with a text and no call of a tool; None for all others.

    Most conversations are no more, and nothing is wrong with those.
    """
    if not isinstance(messages, list) or not messages:
        return None
    turns: list[Turn] = []
    try:
        for message in messages:
            text = message["content"]
            if type(text) is not str or not (len(message) == 2 or _CALLS.isdisjoint(message)):
                return None
            turns.append(Turn(_ROLES[message["role"]], text))
    except (KeyError, TypeError):  # no object, one without these members, or a list for a role
        return None
    return tuple(turns)


def _turn(message: Mapping[str, Any]) -> Turn:
    content = message.get("content")
    has_media = False
    if isinstance(content, list):
        has_media = any(part["type"] in _MEDIA_NEEDS for part in content)
        content = "\n".join([part["text"] for part in content if isinstance(part.get("text"), str)])
    return Turn(
        role=_ROLES[message["role"]],
        text=content or "",
        has_media=has_media,
        calls_tools=bool(message.get("tool_calls") or message.get("function_call")),
    )


def _needs(document: Mapping[str, Any]) -> frozenset[Need]:
    needs: set[Need] = set()
    if document.get("tools") or document.get("functions"):
        needs.add("tools")
    response_format = document.get("response_format")
    if response_format and response_format.get("type") == "json_schema":
        needs.add("json_schema")
    if "audio" in (document.get("modalities") or ()):
        needs.add("audio")
    for message in document["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            needs |= {need for part in content if (need := _MEDIA_NEEDS.get(part["type"]))}
    return frozenset(needs)
