"""Numbered events of a stream."""

from __future__ import annotations

from typing import Any

from llmrouter.dialects.documents import write_document
from llmrouter.dialects.sse import encode_event


class EventWriter:
    """Writes the events of one stream, each with its number."""

    def __init__(self) -> None:
        self._number = 0

    def write(self, kind: str, **members: Any) -> bytes:
        """One event."""
        document = {"type": kind, "sequence_number": self._number, **members}
        self._number += 1
        return encode_event(write_document(document), kind)


class ItemEvents:
    """Writes the events of one item of the output."""

    def __init__(self, writer: EventWriter, output_index: int, item_id: str) -> None:
        self._writer = writer
        self._output_index = output_index
        self.item_id = item_id

    def added(self, item: dict[str, Any]) -> bytes:
        return self._writer.write(
            "response.output_item.added", output_index=self._output_index, item=item
        )

    def done(self, item: dict[str, Any]) -> bytes:
        return self._writer.write(
            "response.output_item.done", output_index=self._output_index, item=item
        )

    def write(self, kind: str, **members: Any) -> bytes:
        """An event about a part of the item."""
        return self._writer.write(
            kind, item_id=self.item_id, output_index=self._output_index, **members
        )
