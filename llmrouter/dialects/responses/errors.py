"""Errors both ways.  Bodies are those of all of OpenAI's APIs; inside a stream a reply fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from llmrouter.core.errors import AttemptError, Phase, RouterError
from llmrouter.dialects.openai.errors import ProviderError, read_error_document
from llmrouter.dialects.sse import encode_event

_UNKNOWN_ID = "resp_unknown"
"""An error is written without the stream that it ends, so it cannot repeat the reply's id."""


def error_event(error: RouterError) -> bytes:
    """Our error inside a stream, as a reply that failed.

    The code is one of the few that the API has: clients take those they don't know for faults of
    their own.
    """
    response = {
        "id": _UNKNOWN_ID,
        "object": "response",
        "created_at": 0,
        "status": "failed",
        "error": {
            "code": "rate_limit_exceeded" if error.status == 429 else "server_error",
            "message": error.message,
        },
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }
    document = {"type": "response.failed", "sequence_number": 0, "response": response}
    return encode_event(orjson.dumps(document), "response.failed")


def read_failure(document: Mapping[str, Any], phase: Phase) -> AttemptError:
    """The facts of a failed response, of an ``error`` event, or of an error object."""
    response = document.get("response")
    holder = response if isinstance(response, dict) else document
    said = read_error_document(holder) or ProviderError("the provider's reply failed")
    return AttemptError(
        "error_body", phase, said.message, error_type=said.type, code=said.code, param=said.param
    )


def is_failure(response: Mapping[str, Any]) -> bool:
    """Whether a whole response, or what came in its place, is an error."""
    return bool(response.get("error")) or response.get("status") in ("failed", "cancelled")
