"""At which service a reply was made: read from every dialect, passed on or translated.

Each word is one that the vendor's page has.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from llmrouter.core.routing import DialectName
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.dialects.service_tiers import read_service_tier
from llmrouter.dialects.wire import Observed

OPENAI = "https://platform.openai.com/docs/api-reference/chat/object"
GROQ = "https://console.groq.com/docs/service-tiers"
ANTHROPIC = "https://docs.anthropic.com/en/api/service-tiers"
GEMINI = "https://googleapis.github.io/js-genai/release_docs/interfaces/types.UsageMetadata.html"

WORDS = (
    (OPENAI, "default", "standard"),
    (OPENAI, "auto", "standard"),
    (OPENAI, "flex", "flex"),
    (OPENAI, "priority", "priority"),
    (OPENAI, "scale", "scale"),
    (GROQ, "on_demand", "standard"),
    (GROQ, "performance", "performance"),
    (ANTHROPIC, "standard", "standard"),
    (ANTHROPIC, "batch", "batch"),
    (GEMINI, "SERVICE_TIER_FLEX", "flex"),
    (GEMINI, "ON_DEMAND", "standard"),
    (GEMINI, "ON_DEMAND_PRIORITY", "priority"),
    (GEMINI, "PROVISIONED_THROUGHPUT", "provisioned_throughput"),
    (OPENAI, None, None),
    (OPENAI, "", None),
    (OPENAI, 7, None),
    (OPENAI, "x" * 41, None),
)


@pytest.mark.parametrize(("page", "word", "meaning"), WORDS)
def test_each_vendors_word_means_one_of_ours(page: str, word: object, meaning: str | None) -> None:
    assert read_service_tier(word) == meaning, page


def chat(tier: str) -> tuple[bytes, bytes]:
    """A chat completion, streamed (in its last chunk the tier is left out) and whole."""
    head = {"id": "c1", "created": 1, "model": "gpt-5", "service_tier": tier}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    said = {**head, "object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = [
        {**said, "choices": [{"index": 0, "delta": {"content": "Hi"}}]},
        {**said, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**said, "service_tier": None, "choices": [], "usage": usage},
    ]
    message = {"role": "assistant", "content": "Hi"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    whole = {**head, "object": "chat.completion", "choices": choices, "usage": usage}
    return events(chunks) + b"data: [DONE]\n\n", orjson.dumps(whole)


def response(tier: str) -> tuple[bytes, bytes]:
    """A response, whose first event repeats what was asked."""
    part = {"type": "output_text", "text": "Hi", "annotations": []}
    item = {"type": "message", "id": "m1", "role": "assistant", "content": [part]}
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    whole = {
        "id": "r1",
        "object": "response",
        "model": "gpt-5",
        "status": "completed",
        "service_tier": tier,
        "output": [item],
        "usage": usage,
    }
    asked = {**whole, "service_tier": "auto", "output": [], "status": "in_progress", "usage": None}
    stream: list[dict[str, Any]] = [
        {"type": "response.created", "response": asked},
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "m1", "delta": "Hi"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return events(stream), orjson.dumps(whole)


def message(**usage: str) -> tuple[bytes, bytes]:
    """An Anthropic message; a stream tells the tier at its beginning alone."""
    begun = {"input_tokens": 3, "output_tokens": 1, **usage}
    block = {"type": "text", "text": "Hi"}
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "claude", "usage": begun}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    stream: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {**block, "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hi"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return events(stream, named=True), orjson.dumps({**head, **stop, "content": [block]})


def candidates(**usage: str) -> tuple[bytes, bytes]:
    """A Gemini reply."""
    content = {"role": "model", "parts": [{"text": "Hi"}]}
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4, **usage}
    candidate = {"index": 0, "content": content, "finishReason": "STOP"}
    whole = {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini"}
    return events([whole]), orjson.dumps(whole)


def events(documents: list[dict[str, Any]], *, named: bool = False) -> bytes:
    names = [f"event: {d['type']}\n" if named else "" for d in documents]
    data = [orjson.dumps(document).decode() for document in documents]
    return "".join(f"{n}data: {d}\n\n" for n, d in zip(names, data, strict=True)).encode()


REQUESTS: dict[DialectName, dict[str, Any]] = {
    "openai": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "anthropic": {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
    },
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("client", ["same", "openai", "anthropic"])
@pytest.mark.parametrize(
    ("provider", "replies", "tier"),
    [
        ("openai", chat("flex"), "flex"),
        ("openai", chat("default"), "standard"),
        ("responses", response("priority"), "priority"),
        ("responses", response("default"), "standard"),
        ("anthropic", message(service_tier="priority"), "priority"),
        ("anthropic", message(service_tier="standard", speed="fast"), "fast"),
        ("anthropic", message(service_tier="standard", inference_geo="us"), "us"),
        ("anthropic", message(service_tier="batch", inference_geo="us"), "batch_us"),
        ("anthropic", message(speed="fast", inference_geo="us"), "fast_us"),
        ("anthropic", message(service_tier="standard", inference_geo="global"), "standard"),
        ("anthropic", message(inference_geo="not_available"), None),
        ("anthropic", message(), None),
        ("gemini", candidates(serviceTier="flex"), "flex"),
        ("gemini", candidates(trafficType="ON_DEMAND_PRIORITY"), "priority"),
    ],
)
def test_every_reader_sees_the_tier(
    provider: DialectName,
    replies: tuple[bytes, bytes],
    tier: str | None,
    client: str,
    stream: bool,
) -> None:
    assert observed(provider, replies[0 if stream else 1], client, stream=stream) == tier


def observed(provider: DialectName, reply: bytes, client: str, *, stream: bool) -> str | None:
    speaks: DialectName = "anthropic" if client == "anthropic" else "openai"
    asked = DIALECTS[speaks].parse(orjson.dumps({**REQUESTS[speaks], "stream": stream}))
    reader = codec(provider if client == "same" else speaks, provider).reader(
        asked,
        content_type="text/event-stream" if stream else "application/json",
        event_bytes=100_000,
        body_bytes=100_000,
        cost_of=None,
    )
    reader.feed(reply)
    reader.finish()
    seen: Observed = reader.observed
    return seen.service_tier
