"""A provider of Anthropic's Messages (platform.claude.com/docs/en/api/messages)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.clients.scene import (
    CACHED_TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    SIGNATURE,
    Asked,
    Said,
    Turn,
)
from tests.clients.vendors.vendor import Vendor, halves, model_in_body, words
from tests.provider import Seen

FIELDS = frozenset(
    [
        "model",
        "messages",
        "system",
        "max_tokens",
        "temperature",
        "stream",
        "tools",
        "tool_choice",
        "output_config",
        "thinking",
    ]
)
STOP = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}
COUNTED = {
    "input_tokens": INPUT_TOKENS - CACHED_TOKENS,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": CACHED_TOKENS,
}


def asked(seen: Seen) -> Asked:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", seen.headers["anthropic-version"])
    document = seen.json
    said: list[Said] = []
    signatures: list[str] = []
    last = None
    for message in document["messages"]:
        role, content = message["role"], message["content"]
        assert role != last, "roles take turns"
        last = role
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            if block["type"] == "thinking":
                signatures.append(block["signature"])
            else:
                said.append(Said(role, *_block(block)))
    form = (document.get("output_config") or {}).get("format") or {}
    return Asked(
        _text(document.get("system") or ""),
        tuple(said),
        document["max_tokens"],
        document.get("temperature"),
        tuple(
            (t["name"], t.get("description", ""), t["input_schema"])
            for t in document.get("tools") or ()
        ),
        form.get("schema"),
        document.get("stream") is True,
        tuple(signatures),
        frozenset(document) - FIELDS,
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n\n".join(b["text"] for b in content)


def _block(block: dict[str, Any]) -> tuple[Any, Any]:
    match block:
        case {"type": "text", "text": text}:
            return "text", text
        case {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}:
            return "image", (kind, base64.b64decode(data))
        case {"type": "tool_use", "id": number, "name": name, "input": arguments}:
            return "call", (number, name, arguments)
        case {"type": "tool_result", "tool_use_id": number, "content": content}:
            return "result", (number, _text(content))
        case _:
            raise AssertionError(f"no such block: {block}")


def _blocks(turn: Turn) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if turn.thought:
        blocks.append({"type": "thinking", "thinking": turn.thought, "signature": SIGNATURE})
    if turn.text:
        blocks.append({"type": "text", "text": turn.text})
    blocks += [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": dict(arguments)}
        for n, (name, arguments) in enumerate(turn.calls, start=1)
    ]
    return blocks


def whole(turn: Turn, model: str) -> dict[str, Any]:
    return {
        "id": "msg_9",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": _blocks(turn),
        "stop_reason": STOP[turn.finish],
        "stop_sequence": None,
        "usage": {**COUNTED, "output_tokens": OUTPUT_TOKENS},
    }


def stream(turn: Turn, model: str) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in _events(turn, model)
    )


def _events(turn: Turn, model: str) -> Iterator[dict[str, Any]]:
    begun = {**whole(turn, model), "content": [], "stop_reason": None}
    begun["usage"] = {**COUNTED, "output_tokens": 1}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(_blocks(turn)):
        empty: dict[str, Any]
        deltas: list[dict[str, Any]]
        match block["type"]:
            case "thinking":
                empty = {**block, "thinking": "", "signature": ""}
                deltas = [
                    {"type": "thinking_delta", "thinking": w} for w in words(block["thinking"])
                ]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            case "text":
                empty = {**block, "text": ""}
                deltas = [{"type": "text_delta", "text": w} for w in words(block["text"])]
            case _:
                empty = {**block, "input": {}}
                pieces = ("", *halves(json.dumps(block["input"])))
                deltas = [{"type": "input_json_delta", "partial_json": p} for p in pieces]
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": STOP[turn.finish], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}


def error(status: int, message: str) -> dict[str, Any]:
    kind = "rate_limit_error" if status == 429 else "invalid_request_error"
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"}


VENDOR = Vendor(
    base_path="/v1",
    stream_type="text/event-stream",
    asked=asked,
    whole=whole,
    stream=stream,
    error=error,
    model_of=model_in_body,
    says=frozenset({"cached"}),
    signs=True,
)
