"""A provider of the Responses API (platform.openai.com/docs/api-reference/responses)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.clients.scene import (
    CACHED_TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    REASONING_TOKENS,
    SIGNATURE,
    Asked,
    Said,
    Turn,
)
from tests.clients.vendors.openai import error
from tests.clients.vendors.vendor import Vendor, halves, model_in_body, words
from tests.provider import Seen

FIELDS = frozenset(
    [
        "model",
        "input",
        "instructions",
        "stream",
        "max_output_tokens",
        "temperature",
        "tools",
        "tool_choice",
        "store",
        "include",
        "parallel_tool_calls",
        "text",
        "reasoning",
    ]
)
USAGE = {
    "input_tokens": INPUT_TOKENS,
    "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
    "output_tokens": OUTPUT_TOKENS,
    "output_tokens_details": {"reasoning_tokens": REASONING_TOKENS},
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


def asked(seen: Seen) -> Asked:
    document = seen.json
    system = [document["instructions"]] if document.get("instructions") else []
    said: list[Said] = []
    signatures: list[str] = []
    given = document["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    for item in items:
        match item:
            case {"role": "system" | "developer", "content": content}:
                system += [value for _, value in _parts(content)]
            case {"role": "user" | "assistant" as role, "content": content}:
                said += [Said(role, *part) for part in _parts(content)]
            case {"type": "function_call"}:
                value = (item["call_id"], item["name"], json.loads(item["arguments"]))
                said.append(Said("assistant", "call", value))
            case {"type": "function_call_output"}:
                [(_, text)] = _parts(item["output"])
                said.append(Said("user", "result", (item["call_id"], text)))
            case {"type": "reasoning", "encrypted_content": encrypted}:
                signatures.append(encrypted)
            case _:
                raise AssertionError(f"no such item: {item}")
    form = (document.get("text") or {}).get("format") or {}
    return Asked(
        "\n\n".join(system),
        tuple(said),
        document.get("max_output_tokens"),
        document.get("temperature"),
        tuple(
            (t["name"], t.get("description", ""), t["parameters"])
            for t in document.get("tools") or ()
        ),
        form.get("schema"),
        document.get("stream") is True,
        tuple(signatures),
        frozenset(document) - FIELDS,
    )


def _parts(content: Any) -> list[tuple[Any, Any]]:
    if isinstance(content, str):
        return [("text", content)]
    found: list[tuple[Any, Any]] = []
    for part in content:
        if part["type"] == "input_image":
            head, _, data = part["image_url"].partition(";base64,")
            found.append(("image", (head.removeprefix("data:"), base64.b64decode(data))))
        else:
            assert part["type"] in ("input_text", "output_text")
            found.append(("text", part["text"]))
    return found


def _items(turn: Turn) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if turn.thought:
        summary = [{"type": "summary_text", "text": turn.thought}]
        thought = {"id": "rs_1", "type": "reasoning", "summary": summary}
        items.append({**thought, "encrypted_content": SIGNATURE})
    if turn.text:
        part = {"type": "output_text", "text": turn.text, "annotations": [], "logprobs": []}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
        items.append({**message, "content": [part]})
    items += [
        {
            "id": f"fc_{n}",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{n}",
            "name": name,
            "arguments": json.dumps(arguments),
        }
        for n, (name, arguments) in enumerate(turn.calls, start=1)
    ]
    return items


def whole(turn: Turn, model: str) -> dict[str, Any]:
    is_cut = turn.finish == "length"
    return {
        "id": "resp_up",
        "object": "response",
        "created_at": 1_763_700_000,
        "status": "incomplete" if is_cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": _items(turn),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": USAGE,
    }


def stream(turn: Turn, model: str) -> bytes:
    response = whole(turn, model)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(response["output"]):
        events += [{**e, "output_index": index} for e in _item_events(item)]
    ending = "response.incomplete" if turn.finish == "length" else "response.completed"
    events.append({"type": ending, "response": response})
    return b"".join(
        b"event: %s\ndata: %s\n\n"
        % (event["type"].encode(), json.dumps({**event, "sequence_number": n}).encode())
        for n, event in enumerate(events)
    )


def _item_events(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    slot = {"reasoning": "summary", "message": "content", "function_call": "arguments"}
    empty = "" if item["type"] == "function_call" else []
    opened = {**item, slot[item["type"]]: empty}
    if "status" in item:
        opened["status"] = "in_progress"
    yield {"type": "response.output_item.added", "item": opened}
    at = {"item_id": item["id"]}
    match item["type"]:
        case "reasoning":
            yield from _spoken("reasoning_summary", item["summary"][0], at, "summary_index")
        case "message":
            yield from _spoken("output", item["content"][0], at, "content_index")
        case "function_call":
            name = "response.function_call_arguments"
            for half in halves(item["arguments"]):
                yield {"type": f"{name}.delta", **at, "delta": half}
            yield {"type": f"{name}.done", **at, "arguments": item["arguments"]}
    yield {"type": "response.output_item.done", "item": item}


def _spoken(
    name: str, part: dict[str, Any], at: dict[str, Any], index: str
) -> Iterator[dict[str, Any]]:
    where = {**at, index: 0}
    holder = "content" if name == "output" else name
    yield {"type": f"response.{holder}_part.added", **where, "part": {**part, "text": ""}}
    for word in words(part["text"]):
        yield {"type": f"response.{name}_text.delta", **where, "delta": word, "logprobs": []}
    yield {"type": f"response.{name}_text.done", **where, "text": part["text"], "logprobs": []}
    yield {"type": f"response.{holder}_part.done", **where, "part": part}


VENDOR = Vendor(
    base_path="/v1",
    stream_type="text/event-stream",
    asked=asked,
    whole=whole,
    stream=stream,
    error=error,
    model_of=model_in_body,
    says=frozenset({"cached", "reasoning"}),
    signs=True,
)
