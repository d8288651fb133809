"""The formats that can be imported, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Literal, assert_never

import orjson

from llmrouter.importing import langfuse, litellm, openai
from llmrouter.importing.call import ReadLine

Format = Literal["litellm-jsonl", "openai-jsonl", "langfuse-jsonl"]


def reader(name: Format, requests: BinaryIO | None = None) -> ReadLine:
    """What understands a format's lines.  ``requests`` is the input of the batch (OpenAI)."""
    match name:
        case "litellm-jsonl":
            return litellm.read_line
        case "langfuse-jsonl":
            return langfuse.read_line
        case "openai-jsonl":
            return openai.reader(_asked_in(requests))
        case _:
            assert_never(name)


def _asked_in(requests: BinaryIO | None) -> openai.Ask:
    """Finds the lines of a batch's input by their ``custom_id``; of the file only the places of
    its lines are held in memory.  Lines that are no JSON are passed over."""
    places: dict[str, int] = {}
    if requests is not None:
        place = 0
        for line in requests:
            custom_id = _member(line, "custom_id")
            if isinstance(custom_id, str):
                places[custom_id] = place
            place += len(line)

    def ask(custom_id: str) -> Mapping[str, Any] | None:
        place = places.get(custom_id)
        if requests is None or place is None:
            return None
        requests.seek(place)
        line: Mapping[str, Any] = orjson.loads(requests.readline())
        return line

    return ask


def _member(line: bytes, name: str) -> object:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return document.get(name) if isinstance(document, dict) else None
