"""Items of the output while they come into being, each with its events in the right order."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from llmrouter.dialects.responses.client_tools import ClientTool
from llmrouter.dialects.responses.events import ItemEvents


class OpenItem(Protocol):
    """An item that has begun."""

    def begin(self) -> bytes:
        """The events that announce it."""

    def close(self) -> tuple[bytes, dict[str, Any]]:
        """The events that complete it, and the whole item."""


class OpenMessage:
    """A message: texts and refusals."""

    def __init__(self, events: ItemEvents) -> None:
        self._events = events
        self._content: list[dict[str, Any]] = []
        self._pieces: list[str] = []
        self._is_part_open = False

    def begin(self) -> bytes:
        return self._events.added(self._item("in_progress"))

    def extend(self, kind: Literal["output_text", "refusal"], text: str) -> bytes:
        """Adds to the open part, if it is of this kind, or else opens one."""
        before = b""
        if not (self._is_part_open and self._content[-1]["type"] == kind):
            before = self.end_part()
            before += self._open_part(kind)
        self._pieces.append(text)
        if kind == "refusal":
            return before + self._write("response.refusal.delta", delta=text)
        return before + self._write("response.output_text.delta", delta=text, logprobs=[])

    def annotate(self, annotation: dict[str, Any]) -> bytes:
        """Adds a citation to the open text."""
        before = b""
        if not (self._is_part_open and self._content[-1]["type"] == "output_text"):
            before = self.end_part() + self._open_part("output_text")
        annotations = self._content[-1]["annotations"]
        annotations.append(annotation)
        return before + self._write(
            "response.output_text.annotation.added",
            annotation_index=len(annotations) - 1,
            annotation=annotation,
        )

    def end_part(self) -> bytes:
        """Completes the open part."""
        if not self._is_part_open:
            return b""
        self._is_part_open = False
        part = self._content[-1]
        text = "".join(self._pieces)
        if part["type"] == "refusal":
            part["refusal"] = text
            done = self._write("response.refusal.done", refusal=text)
        else:
            part["text"] = text
            done = self._write("response.output_text.done", text=text, logprobs=[])
        return done + self._write("response.content_part.done", part=part)

    def close(self) -> tuple[bytes, dict[str, Any]]:
        content = self.end_part()
        item = self._item("completed")
        return content + self._events.done(item), item

    def _open_part(self, kind: Literal["output_text", "refusal"]) -> bytes:
        self._is_part_open = True
        self._pieces = []
        part: dict[str, Any] = {"type": "refusal", "refusal": ""}
        if kind == "output_text":
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        self._content.append(part)
        return self._write("response.content_part.added", part=part)

    def _write(self, kind: str, **members: Any) -> bytes:
        return self._events.write(kind, content_index=len(self._content) - 1, **members)

    def _item(self, status: str) -> dict[str, Any]:
        return {
            "id": self._events.item_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": self._content,
        }


class OpenReasoning:
    """Thoughts, shown as a summary: clients send summaries back, and raw thoughts they drop.

    ``encrypted_content`` is what stands in the slot unless `seal` fills it.
    """

    def __init__(self, events: ItemEvents, encrypted_content: str) -> None:
        self._events = events
        self._encrypted_content = encrypted_content
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        return self._events.added({"id": self._events.item_id, "type": "reasoning", "summary": []})

    def extend(self, text: str) -> bytes:
        before = b""
        if not self._pieces:
            before = self._write("response.reasoning_summary_part.added", part=_summary(""))
        self._pieces.append(text)
        return before + self._write("response.reasoning_summary_text.delta", delta=text)

    def seal(self, encrypted_content: str) -> None:
        """Sets what the client is to give back untouched."""
        self._encrypted_content = encrypted_content

    def close(self) -> tuple[bytes, dict[str, Any]]:
        content = b""
        summary: list[dict[str, Any]] = []
        if self._pieces:
            text = "".join(self._pieces)
            summary.append(_summary(text))
            content = self._write("response.reasoning_summary_text.done", text=text)
            content += self._write("response.reasoning_summary_part.done", part=_summary(text))
        item = {
            "id": self._events.item_id,
            "type": "reasoning",
            "summary": summary,
            "encrypted_content": self._encrypted_content,
        }
        return content + self._events.done(item), item

    def _write(self, kind: str, **members: Any) -> bytes:
        return self._events.write(kind, summary_index=0, **members)


class OpenCall:
    """A call of a function, or of a custom tool, which takes free text."""

    def __init__(self, events: ItemEvents, members: dict[str, Any], *, is_custom: bool) -> None:
        self._events = events
        self._members = members
        self._is_custom = is_custom
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        return self._events.added(self._item("in_progress"))

    def extend(self, text: str) -> bytes:
        self._pieces.append(text)
        return self._events.write(f"{self._event}.delta", delta=text)

    def close(self) -> tuple[bytes, dict[str, Any]]:
        text = "".join(self._pieces)
        done = self._events.write(f"{self._event}.done", **{self._slot: text})
        item = self._item("completed")
        return done + self._events.done(item), item

    @property
    def _event(self) -> str:
        if self._is_custom:
            return "response.custom_tool_call_input"
        return "response.function_call_arguments"

    @property
    def _slot(self) -> str:
        return "input" if self._is_custom else "arguments"

    def _item(self, status: str) -> dict[str, Any]:
        return {
            "id": self._events.item_id,
            "type": "custom_tool_call" if self._is_custom else "function_call",
            "status": status,
            **self._members,
            self._slot: "".join(self._pieces),
        }


class OpenClientCall:
    """A call of a tool of fixed form, which is announced once all of it is known."""

    def __init__(self, events: ItemEvents, tool: ClientTool, call_id: str) -> None:
        self._events = events
        self._tool = tool
        self._call_id = call_id
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        return b""

    def extend(self, text: str) -> bytes:
        self._pieces.append(text)
        return b""

    def close(self) -> tuple[bytes, dict[str, Any]]:
        item = {
            "id": self._events.item_id,
            "call_id": self._call_id,
            "status": "completed",
            **self._call("".join(self._pieces)),
        }
        return self._events.added(item) + self._events.done(item), item

    def _call(self, arguments: str) -> dict[str, Any]:
        try:
            return self._tool.write_call(arguments)
        except ValueError:
            # Broken JSON is the model's own; the client's answer tells it so.
            name = self._tool.type
            return {"type": "function_call", "name": name, "arguments": arguments}


class WholeItem:
    """An item that came in one piece."""

    def __init__(self, events: ItemEvents, item: dict[str, Any]) -> None:
        self._events = events
        self._item = {"id": events.item_id, **item}

    def begin(self) -> bytes:
        return self._events.added(self._item)

    def close(self) -> tuple[bytes, dict[str, Any]]:
        return self._events.done(self._item), self._item


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}
