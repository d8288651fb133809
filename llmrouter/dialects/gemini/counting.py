"""``:countTokens``: the request to count, and the reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.errors import FieldError, InvalidRequest
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.documents import read_document, write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.gemini.address import GeminiAddress, method_path
from llmrouter.dialects.gemini.native import encode
from llmrouter.dialects.gemini.parse import parse
from llmrouter.dialects.gemini.spelling import camel_case
from llmrouter.dialects.wire import OutgoingRequest


def parse_count(
    body: bytes,
    address: GeminiAddress | None,
    *,
    max_depth: int = 200,
    max_messages: int = 10_000,
) -> ChatRequest:
    """A request to count tokens: ``contents``, or a whole request in ``generateContentRequest``.

    Raises as `parse` does.
    """
    document = camel_case(read_document(body, max_depth=max_depth))
    wrapped = document.get("generateContentRequest")
    if wrapped is None:
        return parse(body, address, max_depth=max_depth, max_messages=max_messages)
    if not isinstance(wrapped, dict):
        raise InvalidRequest([FieldError("generateContentRequest", "must be an object")])
    inner = write_document(wrapped)
    return parse(inner, address, max_depth=max_depth, max_messages=max_messages)


def encode_count(request: ChatRequest, model: str) -> OutgoingRequest:
    """The request that asks a Gemini provider to count."""
    asked = encode(request, model, "countTokens")
    if request.document.keys() <= {"contents", "model"}:
        return asked
    # Beside its contents, a request is counted only as a whole.
    whole: Mapping[str, Any] = {**read_object(asked.body), "model": f"models/{model}"}
    return OutgoingRequest(
        path=method_path(model, "countTokens"),
        headers=asked.headers,
        body=write_document({"generateContentRequest": whole}),
        losses=asked.losses,
        notes=asked.notes,
    )


def read_count(body: bytes) -> int | None:
    """The provider's count; None when its reply holds none."""
    try:
        count = read_object(body).get("totalTokens")
    except ValueError:
        return None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def count_body(input_tokens: int) -> bytes:
    """The reply to a client that asked to count."""
    details = [{"modality": "TEXT", "tokenCount": input_tokens}]
    return write_document({"totalTokens": input_tokens, "promptTokensDetails": details})
