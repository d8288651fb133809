"""Errors of Google's APIs, ours and those of providers.

Shapes: https://cloud.google.com/apis/design/errors (AIP-193), and excerpts of
https://ai.google.dev/gemini-api/docs/troubleshooting, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.errors import (
    AllModelsFailed,
    AttemptError,
    InvalidRequest,
    RouterError,
)
from llmrouter.dialects.documents import read_json, write_document
from llmrouter.dialects.gemini.address import StreamForm
from llmrouter.dialects.openai import errors as common_shapes
from llmrouter.dialects.sse import encode_event

_STATUSES: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TYPE_URL = "type.googleapis.com/google.rpc."
_DOMAIN = "llmrouter"


def error_body(error: RouterError) -> bytes:
    """Our error as a whole body."""
    members = {
        "code": error.status,
        "message": error.message,
        "status": _status_of(error),
        "details": _details(error),
    }
    return write_document({"error": members})


def error_event(error: RouterError, form: StreamForm) -> bytes:
    """Our error inside a stream; Google's libraries look for it in each chunk."""
    if form == "array":
        return b",\n" + error_body(error) + b"]\n"
    return encode_event(error_body(error))


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
    """A reply with a status other than 2xx as the facts of a failed attempt.

    Google names what is behind a general status in the error's details, and there too says how
    long to wait.
    """
    error = common_shapes.read_error(status, headers, body)
    details = _details_in(body)
    reason = next((d["reason"] for d in details if isinstance(d.get("reason"), str)), None)
    delay = next((d["retryDelay"] for d in details if isinstance(d.get("retryDelay"), str)), None)
    if reason is not None:
        error.code = reason
    if delay is not None and "retry-after" not in headers:
        error.headers = {**headers, "retry-after": delay.removesuffix("s").partition(".")[0]}
    return error


def read_error_object(document: Mapping[str, Any]) -> AttemptError:
    """An error inside a 200, in a stream or as its body."""
    said = common_shapes.read_error_document(document)
    said = said or common_shapes.ProviderError("the provider reported an error")
    return AttemptError("error_body", "stream", said.message, error_type=said.type, code=said.code)


def _status_of(error: RouterError) -> str:
    default = "INVALID_ARGUMENT" if 400 <= error.status < 500 else "INTERNAL"
    return _STATUSES.get(error.status, default)


def _details(error: RouterError) -> list[dict[str, Any]]:
    info: dict[str, Any] = {"reason": error.code.upper(), "domain": _DOMAIN}
    if isinstance(error, AllModelsFailed):
        info["metadata"] = {
            f"attempt_{n}": " ".join(str(said) for said in (a.target, a.error_class, a.status))
            for n, a in enumerate(error.attempts, start=1)
        }
    details = [{"@type": f"{_TYPE_URL}ErrorInfo", **info}]
    if isinstance(error, InvalidRequest):
        violations = [{"field": e.field, "description": e.message} for e in error.errors]
        details.append({"@type": f"{_TYPE_URL}BadRequest", "fieldViolations": violations})
    if error.retry_after_s is not None:
        delay = f"{error.headers['retry-after']}s"
        details.append({"@type": f"{_TYPE_URL}RetryInfo", "retryDelay": delay})
    return details


def _details_in(body: bytes) -> list[dict[str, Any]]:
    """The details of an error, which outside of event streams may come in a list of one."""
    try:
        document = read_json(body)
    except ValueError:
        return []
    if isinstance(document, list) and document:
        document = document[0]
    match document:
        case {"error": {"details": [*details]}}:
            return [detail for detail in details if isinstance(detail, dict)]
        case _:
            return []
