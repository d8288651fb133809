"""Errors of Ollama's API, ours and those of providers: ``{"error": text}``, in a stream too.

docs/api/errors.mdx of github.com/ollama/ollama, 2026-08-21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import compact
from llmrouter.dialects.openai import errors as common_shapes


def error_body(error: RouterError) -> bytes:
    """Our error as a whole body; Ollama's clients read the text alone."""
    members = compact(code=error.code, param=error.param)
    return write_document({"error": error.message, **members, **error.details()})


def error_event(error: RouterError) -> bytes:
    """Our error as a line of a stream; no ``done`` follows."""
    return write_document({"error": error.message}) + b"\n"


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
    """A reply with a status other than 2xx as the facts of a failed attempt."""
    return common_shapes.read_error(status, headers, body)


def read_error_object(document: Mapping[str, Any]) -> AttemptError:
    """An error inside a 200, in a stream or as its body."""
    said = common_shapes.read_error_document(document)
    message = said.message if said is not None else "the provider reported an error"
    return AttemptError("error_body", "stream", message)
