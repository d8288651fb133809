"""Strict clients of each dialect: put a stream together as the vendors' libraries do.

They fail at what real clients fail at: events out of order, deltas without their block, unknown
finish reasons.
"""

from __future__ import annotations

import json
from typing import Any

from llmrouter.dialects.sse import EventSplitter

FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter"}


def events(stream: bytes) -> list[tuple[str | None, Any]]:
    """Names and documents of a stream's events; ``[DONE]`` as a text."""
    splitter = EventSplitter(1_000_000)
    found = [*splitter.feed(stream), *splitter.finish()]
    return [
        (event.name, event.data.decode() if event.data == b"[DONE]" else json.loads(event.data))
        for event in found
        if event.data is not None
    ]


def anthropic_message(stream: bytes) -> dict[str, Any]:
    """The message that a stream of the Messages API builds."""
    message: dict[str, Any] = {}
    open_index: int | None = None
    pieces: list[str] = []
    is_over = False
    for name, event in events(stream):
        assert name == event["type"], "the event's name is its type"
        assert not is_over, "nothing follows message_stop"
        kind = event["type"]
        if kind == "message_start":
            assert not message
            message = event["message"]
            assert message["content"] == []
            assert isinstance(message["usage"]["input_tokens"], int)
        elif kind == "content_block_start":
            assert open_index is None, "one block at a time"
            assert event["index"] == len(message["content"])
            open_index, pieces = event["index"], []
            message["content"].append(event["content_block"])
        elif kind == "content_block_delta":
            assert event["index"] == open_index, "a delta belongs to the open block"
            _extend(message["content"][-1], event["delta"], pieces)
        elif kind == "content_block_stop":
            assert event["index"] == open_index
            block = message["content"][-1]
            if block["type"] == "tool_use":
                block["input"] = json.loads("".join(pieces) or "{}")
            open_index = None
        elif kind == "message_delta":
            assert open_index is None
            message |= event["delta"]
            message["usage"] |= event["usage"]
        else:
            is_over = kind == "message_stop"
    assert is_over, "a stream ends with message_stop"
    return message


def openai_completion(stream: bytes) -> dict[str, Any]:
    """The completion that a stream of chunks builds, usage included where it came."""
    *chunks, (_, last) = events(stream)
    assert last == "[DONE]"
    message: dict[str, Any] = {}
    completion: dict[str, Any] = {"usage": None}
    finish_reason = None
    for name, chunk in chunks:
        assert name is None, "a chat stream names no events"
        assert chunk["object"] == "chat.completion.chunk"
        completion |= {key: chunk[key] for key in ("id", "created", "model")}
        completion["usage"] = chunk.get("usage") or completion["usage"]
        for choice in chunk["choices"]:
            assert finish_reason is None, "the finish reason comes last"
            assert message or choice["delta"].get("role") == "assistant", "the role comes first"
            _merge(message, choice["delta"])
            finish_reason = choice["finish_reason"]
    assert finish_reason in FINISH_REASONS
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    return {**completion, "object": "chat.completion", "choices": [choice]}


def _extend(block: dict[str, Any], delta: dict[str, Any], pieces: list[str]) -> None:
    match block["type"], delta["type"]:
        case "text", "text_delta":
            block["text"] += delta["text"]
        case "text", "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        case "thinking", "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "thinking", "signature_delta":
            block["signature"] = delta["signature"]
        case "tool_use", "input_json_delta":
            pieces.append(delta["partial_json"])
        case kinds:
            raise AssertionError(f"no such delta in such a block: {kinds}")


def _merge(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            _merge_calls(message.setdefault("tool_calls", []), value)
        elif isinstance(value, list):
            entries = message.setdefault(name, [])
            for entry in value:
                # OpenAI's library merges entries by their index, and fails without one.
                assert entry["index"] == len(entries)
                entries.append({key: v for key, v in entry.items() if key != "index"})
        elif isinstance(value, str) and name != "role":
            message[name] = (message.get(name) or "") + value
        else:
            message.setdefault(name, value)


def _merge_calls(calls: list[dict[str, Any]], deltas: list[dict[str, Any]]) -> None:
    for delta in deltas:
        index = delta["index"]
        assert index in (len(calls), len(calls) - 1), "calls come one after the other"
        if index == len(calls):
            calls.append({name: value for name, value in delta.items() if name != "index"})
            continue
        is_custom = calls[index]["type"] == "custom"
        kind, text = ("custom", "input") if is_custom else ("function", "arguments")
        calls[index][kind][text] += delta[kind][text]
