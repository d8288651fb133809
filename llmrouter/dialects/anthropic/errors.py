"""Errors of the Messages API, ours and those of providers.

Shapes: https://platform.claude.com/docs/en/api/errors, read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import compact, read_object
from llmrouter.dialects.sse import encode_event

_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_KNOWN_TYPES = frozenset({*_TYPES.values(), "invalid_request_error", "api_error"})

# The API has one type for most of what is wrong with a request; the wording tells them apart.
_MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"prompt is too long|exceeds? (the )?context"), "context_length_exceeded"),
    (re.compile(r"credit balance is too low|API usage limits|spend limit"), "insufficient_quota"),
)
_MAX_MESSAGE_CHARACTERS = 2_000


def error_body(error: RouterError, request_id: str | None = None) -> bytes:
    """Our error as a whole body."""
    members = {
        "type": _type_of(error),
        "message": error.message,
        **compact(code=error.code, param=error.param),
        **error.details(),
    }
    return write_document({"type": "error", "error": members, **compact(request_id=request_id)})


def error_event(error: RouterError, request_id: str | None = None) -> bytes:
    """Our error inside a stream; no ``message_stop`` follows."""
    return encode_event(error_body(error, request_id), "error")


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
    """A reply with a status other than 2xx as the facts of a failed attempt."""
    if 300 <= status < 400:
        host = urlsplit(headers.get("location", "")).hostname or "the same host"
        message = f"redirected to {host[:200]}; redirects are not followed"
        return AttemptError("redirect", "headers", message, status=status, headers=headers)
    fields = _error_fields(body)
    message = fields.get("message") or _excerpt(status, body)
    return AttemptError(
        "status",
        "headers",
        message[:_MAX_MESSAGE_CHARACTERS],
        status=status,
        headers=headers,
        error_type=fields.get("type"),
        code=_meaning(message) or fields.get("code"),
        param=fields.get("param"),
    )


def read_error_object(document: Mapping[str, Any]) -> AttemptError:
    """An error inside a 200, in a stream or as its body."""
    fields = _texts(document)
    message = fields.get("message") or "the provider reported an error"
    return AttemptError(
        "error_body",
        "stream",
        message[:_MAX_MESSAGE_CHARACTERS],
        error_type=fields.get("type"),
        code=_meaning(message) or fields.get("code"),
    )


def _type_of(error: RouterError) -> str:
    if error.type in _KNOWN_TYPES and error.type != "invalid_request_error":
        return error.type
    default = "invalid_request_error" if 400 <= error.status < 500 else "api_error"
    return _TYPES.get(error.status, default)


def _error_fields(body: bytes) -> dict[str, str]:
    try:
        return _texts(read_object(body))
    except ValueError:
        return {}


def _texts(document: Mapping[str, Any]) -> dict[str, str]:
    """The texts of the error object, or of the document where there is none."""
    error = document.get("error", document)
    if isinstance(error, str):
        return {"message": error}
    if not isinstance(error, dict):
        return {}
    return {name: value for name, value in error.items() if isinstance(value, str)}


def _meaning(message: str) -> str | None:
    return next((code for pattern, code in _MEANINGS if pattern.search(message)), None)


def _excerpt(status: int, body: bytes) -> str:
    text = " ".join(body[:512].decode(errors="replace").split())
    return f"HTTP {status}: {text}" if text else f"HTTP {status} without a body"
