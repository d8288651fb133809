"""Calls as the pipeline makes them, in short."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any, NamedTuple

import pytest

from llmrouter.core.errors import AttemptError
from llmrouter.core.upstream import UpstreamCall
from llmrouter.upstream.client import HttpUpstream


class Fetched(NamedTuple):
    """A reply read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    connect_us: int | None
    headers_us: int
    reconnected: bool


def call(base_url: str, model: str = "m", *, stream: bool = False, **members: Any) -> UpstreamCall:
    """A chat request to a model; ``members`` are those of the call."""
    document = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    defaults: dict[str, Any] = {
        "headers": {"authorization": "Bearer sk-test", "content-type": "application/json"},
        "body": json.dumps(document).encode(),
        "connect_s": 5.0,
        "headers_s": 5.0,
    }
    return UpstreamCall(url=f"{base_url}/chat/completions", **{**defaults, **members})


async def fetch(upstream: HttpUpstream, made: UpstreamCall) -> Fetched:
    """Sends the call and reads the whole reply."""
    async with aclosing(await upstream.send(made)) as reply:
        body = b"".join([data async for data in reply.chunks()])
        return Fetched(
            reply.status,
            dict(reply.headers),
            body,
            reply.connect_us,
            reply.headers_us,
            reply.reconnected,
        )


async def fault(upstream: HttpUpstream, made: UpstreamCall) -> AttemptError:
    """The error that the call ends in."""
    with pytest.raises(AttemptError) as caught:
        await fetch(upstream, made)
    return caught.value
