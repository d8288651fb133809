"""Feeds replies to the dialect's reader, in one piece or cut, and tells what came of them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, NamedTuple

from llmrouter.core.errors import AttemptError
from llmrouter.core.usage import Usage
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.dialects.wire import CostOf, Observed

STREAM = "text/event-stream"
JSON = "application/json"
DONE = b"data: [DONE]\n\n"


class Read(NamedTuple):
    """What the client got, what is known of it, and the error that ended it."""

    content: bytes
    terminator: bytes
    observed: Observed
    fault: AttemptError | None
    content_type: str

    @property
    def told(self) -> tuple[object, ...]:
        """Everything that must not depend on how the bytes were cut."""
        fault = self.fault and (self.fault.kind, self.fault.phase, self.fault.message)
        # Before the first token nothing goes out, so a fault there takes the content with it.
        content = self.content if self.observed.first_token or not fault else b""
        return content, self.terminator, self.observed, fault


def read(
    reply: bytes,
    *cuts: int,
    stream: bool = True,
    include_usage: bool = False,
    content_type: str = STREAM,
    cost_of: CostOf | None = None,
    event_bytes: int = 10_000,
    body_bytes: int = 100_000,
) -> Read:
    """The outcome of a reply that arrived cut at these places."""
    asked = {"stream": stream, "stream_options": {"include_usage": include_usage}}
    request = DIALECTS["openai"].parse(
        json.dumps({"messages": [{"role": "user", "content": "hi"}], **asked}).encode()
    )
    reader = codec("openai", "openai").reader(
        request,
        content_type=content_type,
        event_bytes=event_bytes,
        body_bytes=body_bytes,
        cost_of=cost_of,
    )
    content, terminator, fault = b"", b"", None
    try:
        for start, end in pairwise([0, *sorted(cuts), len(reply)]):
            content += reader.feed(reply[start:end])
        last, terminator = reader.finish()
        content += last
    except AttemptError as error:
        fault = error
    return Read(content, terminator, reader.observed, fault, reader.content_type)


def event(document: object) -> bytes:
    """A document as one event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(
    text: str | None = None,
    *,
    finish: str | None = None,
    delta: dict[str, Any] | None = None,
    **members: Any,
) -> bytes:
    """A chunk as one event; ``members`` stand beside its choice."""
    content = delta if delta is not None else ({} if text is None else {"content": text})
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m-2026",
        "choices": [{"index": 0, "delta": content, "finish_reason": finish}],
    }
    return event({**document, **members})


ROLE = chunk(delta={"role": "assistant", "content": ""})
STOP = chunk(finish="stop")
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
USAGE_CHUNK = chunk(choices=[], usage=USAGE)


def completion(**members: Any) -> bytes:
    """A whole completion."""
    message = {"role": "assistant", "content": "Hello"}
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    return json.dumps({**document, **members}).encode()


def penny(usage: Usage) -> int:
    """A price list with one price: a cent."""
    return 10_000_000
