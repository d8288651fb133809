"""A provider of Ollama's /api/chat (docs.ollama.com/api/chat)."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.clients.scene import INPUT_TOKENS, OUTPUT_TOKENS, Asked, Said, Turn
from tests.clients.vendors.vendor import Vendor, model_in_body, words
from tests.provider import Seen

FIELDS = frozenset(["model", "messages", "stream", "options", "tools", "format", "think"])
OPTIONS = frozenset(["num_predict", "temperature"])
REASON = {"stop": "stop", "length": "length", "tools": "stop"}


def asked(seen: Seen) -> Asked:
    document = seen.json
    options = document.get("options") or {}
    system: list[str] = []
    said: list[Said] = []
    for message in document["messages"]:
        role, content = message["role"], message.get("content")
        match role:
            case "system":
                system.append(content)
            case "tool":
                # Results stand in the order of the calls; Ollama knows no ids.
                said.append(Said("user", "result", (None, content)))
            case "user" | "assistant":
                said += [Said(role, "text", content)] if content else []
                for data in message.get("images") or ():
                    said.append(Said(role, "image", (None, base64.b64decode(data))))
                for call in message.get("tool_calls") or ():
                    function = call["function"]
                    value = (None, function["name"], function["arguments"])
                    said.append(Said("assistant", "call", value))
    form = document.get("format")
    return Asked(
        "\n\n".join(system),
        tuple(said),
        options.get("num_predict"),
        options.get("temperature"),
        tuple(
            (f["name"], f.get("description", ""), f["parameters"])
            for f in (tool["function"] for tool in document.get("tools") or ())
        ),
        form if isinstance(form, dict) else None,
        document.get("stream", True),
        foreign=(frozenset(document) - FIELDS) | (frozenset(options) - OPTIONS),
    )


def _line(model: str, message: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "model": model,
        "created_at": "2026-11-21T09:00:00.123456789Z",
        "message": {"role": "assistant", "content": "", **message},
        "done": False,
        **members,
    }


def _calls(turn: Turn) -> list[dict[str, Any]]:
    return [
        {"function": {"index": n, "name": name, "arguments": dict(arguments)}}
        for n, (name, arguments) in enumerate(turn.calls)
    ]


def _ending(turn: Turn) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": REASON[turn.finish],
        "total_duration": 900_000_000,
        "load_duration": 100_000_000,
        "prompt_eval_count": INPUT_TOKENS,
        "prompt_eval_duration": 200_000_000,
        "eval_count": OUTPUT_TOKENS,
        "eval_duration": 600_000_000,
    }


def whole(turn: Turn, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"content": turn.text}
    if turn.thought:
        message["thinking"] = turn.thought
    if turn.calls:
        message["tool_calls"] = _calls(turn)
    return _line(model, message, **_ending(turn))


def stream(turn: Turn, model: str) -> bytes:
    messages: list[dict[str, Any]] = [{"thinking": word} for word in words(turn.thought)]
    messages += [{"content": word} for word in words(turn.text)]
    messages += [{"tool_calls": [call]} for call in _calls(turn)]
    lines = [_line(model, message) for message in messages]
    lines.append(_line(model, {}, **_ending(turn)))
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": message}


VENDOR = Vendor(
    base_path="",
    stream_type="application/x-ndjson",
    asked=asked,
    whole=whole,
    stream=stream,
    error=error,
    model_of=model_in_body,
    says=frozenset(),
)
