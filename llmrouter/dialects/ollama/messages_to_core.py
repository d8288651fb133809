"""The messages of an Ollama request, read as the core's."""

from __future__ import annotations

from collections.abc import Iterator

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Image, Part, Reasoning, Text, ToolCall, ToolResult
from llmrouter.core.chat.prompt import Message, Role
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import Fields
from llmrouter.dialects.ollama.images import read_picture

OWN_ORIGIN = "ollama:"
"""Whose reasoning it is that a client got straight from an Ollama provider."""


def read_messages(fields: Fields, losses: Losses) -> tuple[Message, ...]:
    """The messages of ``/api/chat``."""
    reader = _MessageReader(losses)
    for message in fields.children("messages"):
        reader.read(message)
    return tuple(reader.messages)


def read_prompt(fields: Fields) -> tuple[Message, ...]:
    """The one message of ``/api/generate``."""
    text = fields.text("prompt")
    at = fields.place("prompt")
    parts = (*((Text(text, at=at),) if text else ()), *_read_images(fields))
    return (Message("user", parts, at=at),) if parts else ()


class _MessageReader:
    """Reads messages in order, for a tool's result is joined to its call by what came before.

    Calls without an id get one.
    """

    def __init__(self, losses: Losses) -> None:
        self.messages: list[Message] = []
        self._losses = losses
        self._open_calls: list[ToolCall] = []
        self._calls = 0

    def read(self, message: Fields) -> None:
        match (message.text("role") or "").lower():
            case "assistant":
                self._add("assistant", message, tuple(self._read_answer(message)))
            case "tool":
                self._add("tool", message, (self._read_result(message),))
            case "system" | "developer":
                self._add("system", message, tuple(_read_content(message)))
            case _:
                self._add("user", message, tuple(_read_content(message)))
        message.drop_rest()

    def _add(self, role: Role, message: Fields, parts: tuple[Part, ...]) -> None:
        """Adds a message; the results of parallel calls, each its own here, become one."""
        last = self.messages[-1] if self.messages else None
        if last is not None and last.role == role == "tool":
            self.messages[-1] = Message(role, (*last.parts, *parts), at=last.at)
        elif parts:
            self.messages.append(Message(role, parts, at=message.at))

    def _read_answer(self, message: Fields) -> Iterator[Part]:
        if thought := message.text("thinking"):
            yield Reasoning(thought, origin=OWN_ORIGIN, at=message.place("thinking"))
        yield from _read_content(message)
        for call in message.children("tool_calls"):
            yield self._read_call(call)

    def _read_call(self, call: Fields) -> ToolCall:
        call.ignore("type")
        function = call.child("function") or call
        function.ignore("index")
        arguments = function.any("arguments")
        if not isinstance(arguments, str):
            arguments = write_document(arguments if isinstance(arguments, dict) else {}).decode()
        read = ToolCall(
            id=call.text("id") or self._new_id(),
            name=function.text("name") or "",
            arguments=arguments,
            at=call.at,
        )
        for fields in (function, call):
            fields.drop_rest()
        self._open_calls.append(read)
        return read

    def _read_result(self, message: Fields) -> ToolResult:
        """A tool's result: of the call that it names, or of the first that waits for one."""
        name = message.text("tool_name") or message.text("name")
        call_id = message.text("tool_call_id")
        for call in self._open_calls:
            if call_id == call.id or (call_id is None and name in (None, call.name)):
                self._open_calls.remove(call)
                call_id, name = call.id, name or call.name
                break
        parts = tuple(part for part in _read_content(message) if isinstance(part, Text | Image))
        return ToolResult(call_id or self._new_id(), parts, name=name, at=message.at)

    def _new_id(self) -> str:
        self._calls += 1
        return f"call_{self._calls}"


def _read_content(message: Fields) -> Iterator[Text | Image]:
    if text := message.text("content"):
        yield Text(text, at=message.place("content"))
    yield from _read_images(message)


def _read_images(fields: Fields) -> Iterator[Image]:
    for index, data in enumerate(fields.texts("images")):
        yield Image(read_picture(data), at=fields.place(f"images.{index}"))
