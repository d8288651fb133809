"""A client's Gemini request, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.errors import BodyTooLarge, InvalidRequest
from llmrouter.core.requests import ChatRequest, Role, Turn
from llmrouter.core.routing import Need
from llmrouter.dialects.documents import read_document, write_document
from llmrouter.dialects.gemini.address import GeminiAddress
from llmrouter.dialects.gemini.spelling import camel_case
from llmrouter.dialects.gemini.validate import wrong_fields
from llmrouter.dialects.sessions import session_in

_MEDIA = ("inlineData", "fileData")
_NEEDS: Mapping[str, Need] = {"image": "vision", "video": "vision", "audio": "audio"}


def parse(
    body: bytes,
    address: GeminiAddress | None,
    *,
    max_depth: int = 200,
    max_messages: int = 10_000,
) -> ChatRequest:
    """The request in ``body``, whose model and stream stand in its address.

    Raises `MalformedRequest`, `BodyTooLarge` (too many contents), or `InvalidRequest` with every
    wrong field.
    """
    sent = read_document(body, max_depth=max_depth)
    document = camel_case(sent)
    contents = document.get("contents")
    if isinstance(contents, list) and len(contents) > max_messages:
        raise BodyTooLarge(
            f"{len(contents)} contents; at most {max_messages} are taken",
            code="too_many_messages",
            param="contents",
        )
    errors = wrong_fields(document)
    if errors:
        raise InvalidRequest(errors)
    config = document.get("generationConfig") or {}
    limit = config.get("maxOutputTokens")
    is_stream = address is not None and address.operation == "streamGenerateContent"
    return ChatRequest(
        dialect="gemini",
        body=body,
        document=sent,
        model=_model(document, address),
        stream=is_stream,
        include_usage=True,
        turns=tuple(_turns(document)),
        tools=tuple(_tools(document)),
        needs=frozenset(_needs(document, config)),
        max_output_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        conversation_hint=session_in(document.get("labels") or {}),
        form=address.form if address is not None and is_stream else None,
    )


def _model(document: Mapping[str, Any], address: GeminiAddress | None) -> str | None:
    if address is not None:
        return address.model
    named = document.get("model")
    return named.removeprefix("models/") or None if isinstance(named, str) else None


def _turns(document: Mapping[str, Any]) -> Iterator[Turn]:
    """The turns; function responses come as the user's here, and as the tool's everywhere else."""
    match document.get("systemInstruction"):
        case str(text) if text:
            yield Turn("system", text)
        case {"parts": [*parts]}:
            yield _turn("system", parts)
        case _:
            pass
    for content in document["contents"]:
        parts = content.get("parts") or []
        if content.get("role") == "model":
            yield _turn("assistant", parts)
            continue
        results = [part for part in parts if part.get("functionResponse")]
        if results:
            yield Turn("tool", "\n".join(_result_text(part) for part in results))
        others = [part for part in parts if not part.get("functionResponse")]
        if others or not results:
            yield _turn("system" if content.get("role") == "system" else "user", others)


def _turn(role: Role, parts: list[dict[str, Any]]) -> Turn:
    texts = [part["text"] for part in parts if part.get("text") and part.get("thought") is not True]
    return Turn(
        role=role,
        text="\n".join(texts),
        has_media=any(part.get(name) for part in parts for name in _MEDIA),
        calls_tools=any(part.get("functionCall") for part in parts),
    )


def _result_text(part: Mapping[str, Any]) -> str:
    response = part["functionResponse"].get("response")
    return write_document(response).decode() if isinstance(response, dict) else ""


def _tools(document: Mapping[str, Any]) -> Iterator[str]:
    """Functions by their name, Google's own tools by their kind."""
    for tool in document.get("tools") or ():
        for name, value in tool.items():
            if name == "functionDeclarations":
                yield from (function["name"] for function in value or ())
            else:
                yield name


def _needs(document: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Need]:
    if any(True for _ in _tools(document)):
        yield "tools"
    if config.get("responseSchema") or config.get("responseJsonSchema"):
        yield "json_schema"
    for content in document["contents"]:
        for part in content.get("parts") or ():
            nested = (part.get("functionResponse") or {}).get("parts")
            for holder in (part, *(nested if isinstance(nested, list) else ())):
                yield from _media_needs(holder)


def _media_needs(part: Any) -> Iterator[Need]:
    for name in _MEDIA:
        media = part.get(name) if isinstance(part, dict) else None
        if isinstance(media, dict):
            kind = str(media.get("mimeType", "")).partition("/")[0]
            if kind in _NEEDS:
                yield _NEEDS[kind]
