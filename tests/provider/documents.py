"""What a provider of chat completions says: chunks, events, whole replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SOME_USAGE: Mapping[str, Any] = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def event(document: object) -> bytes:
    """A JSON document as one server-sent event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


HTTP_2_SETTINGS = bytes.fromhex("000006040000000000000300000064")
"""What a server that knows nothing but HTTP/2 sends first, whatever it was asked."""


def chunk(
    delta: Mapping[str, Any] | None = None, finish: str | None = None, **members: Any
) -> dict[str, Any]:
    """A chunk of a stream; ``members`` stand beside its choice, or replace it."""
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion.chunk",
        "created": 1_763_700_000,
        "model": "provider-model",
        "choices": [{"index": 0, "delta": dict(delta or {}), "finish_reason": finish}],
        **members,
    }


def completion(message: Mapping[str, Any], finish: str = "stop", **members: Any) -> dict[str, Any]:
    """A whole reply."""
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 1_763_700_000,
        "model": "provider-model",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        ],
        **members,
    }


FINISH = event(chunk(finish="stop"))
USAGE = event(chunk(choices=[], usage=dict(SOME_USAGE)))
DONE = b"data: [DONE]\n\n"
