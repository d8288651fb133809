"""A strict client of the Responses API: holds every event against openai-python's own types and
puts the stream together, failing at events out of order."""

from __future__ import annotations

import json
from typing import Any, get_args

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

from llmrouter.dialects.sse import EventSplitter

_EVENT_TYPES: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(ResponseStreamEvent)[0])
}

_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}


def events(stream: bytes) -> list[dict[str, Any]]:
    """The documents of a stream; every event bears its type as its name."""
    splitter = EventSplitter(10_000_000)
    documents = []
    for event in (*splitter.feed(stream), *splitter.finish()):
        assert event.data is not None
        document = json.loads(event.data)
        assert event.name == document["type"]
        documents.append(document)
    return documents


def valid_response(document: dict[str, Any]) -> dict[str, Any]:
    """The document, once the library has taken it for a response."""
    Response.model_validate(document)
    return document


def built_response(stream: bytes) -> dict[str, Any]:
    """The response that a stream builds, and that its last event holds."""
    documents = events(stream)
    for document in documents:
        _EVENT_TYPES[document["type"]].model_validate(document)
    assert [document["sequence_number"] for document in documents] == list(range(len(documents)))
    first, second, *middle, last = documents
    assert first["type"] == "response.created"
    assert second["type"] == "response.in_progress"
    assert first["response"]["status"] == "in_progress"
    assert last["type"] in ("response.completed", "response.incomplete", "response.failed")
    builder = _Builder()
    for document in middle:
        builder.take(document)
    assert builder.open_item is None, "every item is done"
    response: dict[str, Any] = last["response"]
    assert response["id"] == first["response"]["id"]
    assert builder.output == response["output"]
    return valid_response(response)


class _Builder:
    """Knows what may come when."""

    def __init__(self) -> None:
        self.output: list[dict[str, Any]] = []
        self.open_item: dict[str, Any] | None = None
        self._open_part: dict[str, Any] | None = None

    def take(self, event: dict[str, Any]) -> None:
        kind = event["type"].removeprefix("response.")
        if kind == "output_item.added":
            assert self.open_item is None, "one item at a time"
            assert event["output_index"] == len(self.output)
            self.open_item = event["item"]
            return
        item = self.open_item
        assert item is not None, f"{kind} belongs to an item"
        assert event["output_index"] == len(self.output)
        if kind == "output_item.done":
            assert self._open_part is None, "every part is done"
            self._close_item(item, event["item"])
            return
        assert event["item_id"] == item["id"]
        self._take_in_item(kind, event, item)

    def _close_item(self, item: dict[str, Any], done: dict[str, Any]) -> None:
        assert (done["id"], done["type"]) == (item["id"], item["type"])
        for slot in ("content", "summary", "arguments", "input"):
            if slot in item:
                assert done[slot] == item[slot], "deltas say what the item says"
        self.output.append(done)
        self.open_item = None

    def _take_in_item(self, kind: str, event: dict[str, Any], item: dict[str, Any]) -> None:
        name, _, what = kind.rpartition(".")
        slot = _DELTAS.get(event["type"])
        if kind in ("content_part.added", "reasoning_summary_part.added"):
            parts = item["content" if name == "content_part" else "summary"]
            assert self._open_part is None
            assert len(parts) == event.get("content_index", event.get("summary_index"))
            self._open_part = event["part"]
            parts.append(self._open_part)
        elif kind in ("content_part.done", "reasoning_summary_part.done"):
            assert event["part"] == self._open_part
            self._open_part = None
        elif kind == "output_text.annotation.added":
            assert self._open_part is not None
            assert len(self._open_part["annotations"]) == event["annotation_index"]
            self._open_part["annotations"].append(event["annotation"])
        elif what == "delta" and slot in ("arguments", "input"):
            item[slot] += event["delta"]
        elif what == "delta":
            assert self._open_part is not None
            self._open_part[slot or "text"] += event["delta"]
        else:
            assert what == "done"
            is_in_part = "content_index" in event or "summary_index" in event
            holder = self._open_part if is_in_part else item
            assert holder is not None
            said = next(s for s in ("text", "refusal", "arguments", "input") if s in event)
            assert event[said] == holder[said], "the end says what the deltas said"
