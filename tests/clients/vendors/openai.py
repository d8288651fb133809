"""A provider of chat completions (platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.clients.scene import (
    CACHED_TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    REASONING_TOKENS,
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
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
    ]
)
FINISH = {"stop": "stop", "length": "length", "tools": "tool_calls"}
USAGE = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": REASONING_TOKENS, "audio_tokens": 0},
}


def asked(seen: Seen) -> Asked:
    document = seen.json
    system: list[str] = []
    said: list[Said] = []
    for message in document["messages"]:
        content = message.get("content")
        match message["role"]:
            case "system" | "developer":
                system.append(_text(content))
            case "tool":
                said.append(Said("user", "result", (message["tool_call_id"], _text(content))))
            case "user" | "assistant" as role:
                said += [Said(role, *part) for part in _parts(content)]
                for call in message.get("tool_calls") or ():
                    function = call["function"]
                    value = (call["id"], function["name"], json.loads(function["arguments"]))
                    said.append(Said("assistant", "call", value))
    schema = (document.get("response_format") or {}).get("json_schema") or {}
    return Asked(
        "\n\n".join(system),
        tuple(said),
        document.get("max_completion_tokens") or document.get("max_tokens"),
        document.get("temperature"),
        tuple(
            (f["name"], f.get("description", ""), f["parameters"])
            for f in (tool["function"] for tool in document.get("tools") or ())
        ),
        schema.get("schema"),
        document.get("stream") is True,
        foreign=frozenset(document) - FIELDS,
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _parts(content: Any) -> list[tuple[Any, Any]]:
    if content is None or isinstance(content, str):
        return [("text", content)] if content else []
    found: list[tuple[Any, Any]] = []
    for part in content:
        if part["type"] == "text":
            found.append(("text", part["text"]))
        else:
            head, _, data = part["image_url"]["url"].partition(";base64,")
            found.append(("image", (head.removeprefix("data:"), base64.b64decode(data))))
    return found


def _calls(turn: Turn) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for n, (name, arguments) in enumerate(turn.calls, start=1)
    ]


def whole(turn: Turn, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None, "refusal": None}
    if turn.thought:
        message["reasoning_content"] = turn.thought
    if turn.calls:
        message["tool_calls"] = _calls(turn)
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": FINISH[turn.finish],
    }
    return {
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 1_763_700_000,
        "model": model,
        "choices": [choice],
        "usage": USAGE,
    }


def stream(turn: Turn, model: str) -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": word} for word in words(turn.thought)]
    deltas += [{"content": word} for word in words(turn.text)]
    for n, call in enumerate(_calls(turn)):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        head = {**call, "index": n, "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [head]})
        deltas += [
            {"tool_calls": [{"index": n, "function": {"arguments": half}}]}
            for half in halves(arguments)
        ]
    choices: list[list[dict[str, Any]]] = [
        [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "finish_reason": FINISH[turn.finish]}])
    head = {"id": "chatcmpl-9", "object": "chat.completion.chunk", "created": 1_763_700_000}
    chunks = [{**head, "model": model, "choices": choice, "usage": None} for choice in choices]
    chunks.append({**head, "model": model, "choices": [], "usage": USAGE})
    return b"".join(b"data: %s\n\n" % json.dumps(c).encode() for c in chunks) + b"data: [DONE]\n\n"


def error(status: int, message: str) -> dict[str, Any]:
    kind = "rate_limit_error" if status == 429 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


VENDOR = Vendor(
    base_path="/v1",
    stream_type="text/event-stream",
    asked=asked,
    whole=whole,
    stream=stream,
    error=error,
    model_of=model_in_body,
    says=frozenset({"cached", "reasoning"}),
)
