"""What the deltas of a stream of the Messages API have in common (`llmrouter.dialects.refrain`)."""

from __future__ import annotations

import re
from typing import Any

from llmrouter.dialects.fields import read_object
from llmrouter.dialects.refrain import Refrain, cut_at_text

_TEXT_KEYS = re.compile(rb'"(?:text|thinking|partial_json)": ?"')


def refrain_of(raw: bytes, data: bytes) -> Refrain | None:
    """What an event has in common with those of another text; None for one that says none.

    ``raw`` is the event, or only the data of it, and ``data`` what it says in its last line.
    """
    if b"\n" in data or b"\r" in raw or not _said_by(data):
        return None
    head, _, end = raw.rpartition(data)
    if not (head.isascii() and end.isascii()):  # names and comments need not even be UTF-8
        return None
    cut = cut_at_text(data, _TEXT_KEYS.finditer(data), _said_by)
    return cut and Refrain(head + cut[0], cut[1] + end, None)


def _said_by(data: bytes) -> str | None:
    """The text of a delta, which it says alone."""
    try:
        event: Any = read_object(data)
    except ValueError:
        return None
    match event:
        case {
            "type": "content_block_delta",
            "delta": (
                {"type": "text_delta", "text": str(text)}
                | {"type": "thinking_delta", "thinking": str(text)}
                | {"type": "input_json_delta", "partial_json": str(text)}
            ),
        }:
            return text
        case _:
            return None
