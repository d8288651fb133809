"""Errors both ways: ours as OpenAI's error object, and those of providers as facts.

Compatible providers agree on little here, so every shape that is known to occur is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import orjson

from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.records import Record
from llmrouter.dialects.sse import encode_event

MAX_MESSAGE_CHARACTERS = 2_000
MAX_WORD_CHARACTERS = 200
EXCERPT_BYTES = 512

_TITLE = re.compile(rb"<title[^>]*>([^<]{1,400})", re.IGNORECASE)


class ProviderError(Record):
    """A provider's own words, within bounds."""

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None


def error_body(error: RouterError) -> bytes:
    """Our error as a whole body."""
    members = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
        **error.details(),
    }
    return orjson.dumps({"error": members})


def error_event(error: RouterError) -> bytes:
    """Our error inside a stream; without ``[DONE]`` behind it, clients take it for a failure."""
    return encode_event(error_body(error))


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
    """A reply with a status other than 2xx as the facts of a failed attempt."""
    if 300 <= status < 400:
        host = urlsplit(headers.get("location", "")).hostname or "the same host"
        return AttemptError(
            "redirect",
            "headers",
            f"redirected to {host[:MAX_WORD_CHARACTERS]}; redirects are not followed",
            status=status,
            headers=headers,
        )
    said = _read_body(status, body)
    return AttemptError(
        "status",
        "headers",
        said.message,
        status=status,
        headers=headers,
        error_type=said.type,
        code=said.code,
        param=said.param,
    )


def read_error_document(document: object) -> ProviderError | None:
    """The error that a JSON document is, or None when it is something else."""
    if isinstance(document, list) and document:  # Google
        return read_error_document(document[0]) if isinstance(document[0], dict) else None
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if isinstance(error, dict) and error:
        return _from_object(error)
    if isinstance(error, str) and error:
        return _from_object({**document, "message": document.get("message") or error})
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):  # Cloudflare
        return _from_object(errors[0])
    if document.get("object") == "error" or "choices" not in document:
        return _from_bare(document)
    return None


def excerpt(data: bytes) -> str:
    """The beginning of a reply that could not be understood, on one line."""
    return " ".join(data[:EXCERPT_BYTES].decode(errors="replace").split())


def _read_body(status: int, body: bytes) -> ProviderError:
    try:
        error = read_error_document(orjson.loads(body))
    except orjson.JSONDecodeError:
        error = None
    if error is not None:
        return error
    if title := _TITLE.search(body):
        page = unescape(title[1].decode(errors="replace")).strip()
        return ProviderError(f"HTTP {status} with a web page: {page}")
    text = excerpt(body)
    return ProviderError(f"HTTP {status}: {text}" if text else f"HTTP {status} without a body")


def _from_bare(document: Mapping[str, Any]) -> ProviderError | None:
    """Errors without an envelope: Mistral, Cohere, FastAPI's ``detail``, AWS."""
    if isinstance(document.get("message"), str):
        return _from_object(document)
    detail = document.get("detail", document.get("error_message"))
    if isinstance(detail, dict):
        return _from_object(detail)
    if isinstance(detail, list) and detail:
        return ProviderError("; ".join(_describe(item) for item in detail[:10]))
    if isinstance(detail, str) and detail:
        return ProviderError(detail[:MAX_MESSAGE_CHARACTERS])
    return None


def _from_object(error: Mapping[str, Any]) -> ProviderError:
    message = error.get("message")
    if not isinstance(message, str) or not message:
        message = _describe(message or error)
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("raw"), str):
        message = f"{message}: {metadata['raw']}"  # OpenRouter: the provider behind it
    return ProviderError(
        message[:MAX_MESSAGE_CHARACTERS],
        # Google names its kinds of errors in `status`.
        type=_word(error.get("type")) or _word(error.get("status")),
        code=_word(error.get("code")),
        param=_word(error.get("param")),
    )


def _describe(value: object) -> str:
    if isinstance(value, dict) and isinstance(value.get("msg"), str):
        where = value.get("loc")
        at = ".".join(str(step) for step in where) if isinstance(where, list) else ""
        return f"{at}: {value['msg']}" if at else str(value["msg"])
    try:
        return orjson.dumps(value).decode()[:MAX_MESSAGE_CHARACTERS]
    except orjson.JSONEncodeError:  # nested beyond reason
        return "an error that can't be read"


def _word(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value)[:MAX_WORD_CHARACTERS]
