"""A whole response as the events of a stream that says the same, nothing left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.dialects.responses.events import EventWriter, ItemEvents

_SLOTS: Mapping[str, tuple[str, str]] = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}
"""Where a call's text stands, and what its events are called."""


def split_into_events(response: Mapping[str, Any]) -> Iterator[bytes]:
    """The events, the last of which is the end of the stream."""
    writer = EventWriter()
    opening = {**response, "status": "in_progress", "output": [], "usage": None}
    yield writer.write("response.created", response=opening)
    yield writer.write("response.in_progress", response=opening)
    for index, item in enumerate(_objects(response, "output")):
        yield from _split_item(ItemEvents(writer, index, str(item.get("id"))), item)
    kind = "incomplete" if response.get("status") == "incomplete" else "completed"
    yield writer.write(f"response.{kind}", response=response)


def _split_item(events: ItemEvents, item: dict[str, Any]) -> Iterator[bytes]:
    kind = str(item.get("type"))
    if kind == "message":
        yield events.added({**item, "status": "in_progress", "content": []})
        for index, part in enumerate(_objects(item, "content")):
            yield from _split_part(events, index, part)
    elif kind == "reasoning":
        yield events.added({**item, "summary": []})
        for index, part in enumerate(_objects(item, "summary")):
            yield from _split_summary(events, index, part)
    elif kind in _SLOTS:
        slot, name = _SLOTS[kind]
        text = item.get(slot) or ""
        yield events.added({**item, "status": "in_progress", slot: ""})
        yield events.write(f"{name}.delta", delta=text)
        yield events.write(f"{name}.done", **{slot: text})
    else:
        yield events.added(item)
    yield events.done(item)


def _split_part(events: ItemEvents, index: int, part: dict[str, Any]) -> Iterator[bytes]:
    slot = "refusal" if part.get("type") == "refusal" else "text"
    name = "response.refusal" if slot == "refusal" else "response.output_text"
    more: dict[str, Any] = {} if slot == "refusal" else {"logprobs": []}
    text = part.get(slot) or ""
    empty = {**part, slot: ""} if slot == "refusal" else {**part, slot: "", "annotations": []}
    yield events.write("response.content_part.added", content_index=index, part=empty)
    yield events.write(f"{name}.delta", content_index=index, delta=text, **more)
    for place, annotation in enumerate(_objects(part, "annotations")):
        yield events.write(
            "response.output_text.annotation.added",
            content_index=index,
            annotation_index=place,
            annotation=annotation,
        )
    yield events.write(f"{name}.done", content_index=index, **{slot: text}, **more)
    yield events.write("response.content_part.done", content_index=index, part=part)


def _split_summary(events: ItemEvents, index: int, part: dict[str, Any]) -> Iterator[bytes]:
    name, text = "response.reasoning_summary", part.get("text") or ""
    yield events.write(f"{name}_part.added", summary_index=index, part={**part, "text": ""})
    yield events.write(f"{name}_text.delta", summary_index=index, delta=text)
    yield events.write(f"{name}_text.done", summary_index=index, text=text)
    yield events.write(f"{name}_part.done", summary_index=index, part=part)


def _objects(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = holder.get(name)
    return [o for o in value if isinstance(o, dict)] if isinstance(value, list) else []
