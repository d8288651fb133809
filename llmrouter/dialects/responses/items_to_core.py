"""The input of a request, read as the core's messages.

Items are finer than messages: what a model said, thought and called in one turn becomes one
assistant message, and the outputs of parallel calls one tool message.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    File,
    Image,
    Inline,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from llmrouter.core.chat.prompt import Message, Role
from llmrouter.core.records import replace
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import Fields
from llmrouter.dialects.responses.client_tools import by_call, by_output
from llmrouter.dialects.responses.content_to_core import read_content
from llmrouter.dialects.responses.seals import Seal, read_seal
from llmrouter.dialects.responses.tools_to_core import joined_name

OWN_ORIGIN = "responses:"
"""Whose reasoning it is that a client got straight from a provider of this dialect."""

_OF_NO_MEANING = ("type", "id", "status", "created_by", "caller")
"""Members of an item that say nothing to a model."""

_JOINED: tuple[Role, ...] = ("assistant", "tool")


def read_items(fields: Fields, losses: Losses) -> tuple[Message, ...]:
    """The whole input."""
    value = fields.any("input")
    if isinstance(value, str):
        return (Message("user", (Text(value, at="input"),), at="input"),) if value else ()
    messages: list[Message] = []
    signature: Seal | None = None
    for item in fields.children("input"):
        seal = _read_call_signature(item)
        if seal is not None:
            signature = seal
            continue
        read = _read_item(item, losses)
        if read is None:
            continue
        if signature is not None:
            read, signature = _signed(read, signature), None
        _append(messages, read)
    return tuple(messages)


def _append(messages: list[Message], read: Message) -> None:
    last = messages[-1] if messages else None
    if last is not None and last.role == read.role and last.role in _JOINED:
        messages[-1] = replace(last, parts=(*last.parts, *read.parts))
    else:
        messages.append(read)


def _read_item(item: Fields, losses: Losses) -> Message | None:
    """One item as a message of its own; None when it says nothing, or, as a loss, nobody else
    could understand it."""
    kind = item.any("type") or ("message" if item.any("role") else "item_reference")
    item.ignore(*_OF_NO_MEANING)
    match kind:
        case "message":
            return _read_message(item, losses)
        case "reasoning":
            return _assistant(item, _read_reasoning(item))
        case "function_call" | "custom_tool_call":
            return _assistant(item, _read_call(item))
        case "function_call_output" | "custom_tool_call_output":
            return _tool(item, _read_output(item, losses))
        case "additional_tools":
            # Its tools are read with the others.
            return None
        case "item_reference":
            item.drop_all("the item lies at another vendor")
            return None
        case _:
            return _read_rarer_item(item, kind)


def _read_rarer_item(item: Fields, kind: object) -> Message | None:
    if (tool := by_call(kind)) is not None:
        arguments = tool.read_arguments(item)
        item.ignore(*tool.call_members)
        call_id = item.text("call_id") or item.any("id") or ""
        return _assistant(item, ToolCall(str(call_id), tool.type, arguments, at=item.at))
    if (tool := by_output(kind)) is not None:
        return _tool(item, _read_client_output(item, tool.type))
    item.drop_all(f"only the Responses API knows items of type {kind!r}")
    return None


def _assistant(item: Fields, part: Part) -> Message:
    item.drop_rest()
    return Message("assistant", (part,), at=item.at)


def _tool(item: Fields, result: ToolResult) -> Message:
    item.drop_rest()
    return Message("tool", (result,), at=item.at)


def _read_message(item: Fields, losses: Losses) -> Message | None:
    said = item.text("role")
    role: Role = "user"
    if said == "assistant":
        role = "assistant"
    elif said in ("system", "developer"):
        role = "system"
    parts = tuple(read_content(item, "content"))
    if role == "system":
        for part in parts:
            if not isinstance(part, Text):
                losses.drop(part.at, "instructions are text")
        parts = tuple(part for part in parts if isinstance(part, Text))
    item.drop_rest()
    return Message(role, parts, at=item.at) if parts else None


def _read_reasoning(item: Fields) -> Reasoning:
    """The raw thoughts where they are given, else their summary."""
    content = tuple(_texts(item, "content"))
    summary = tuple(_texts(item, "summary"))
    text = "\n\n".join(content or summary)
    said_id = item.any("id")
    item_id = said_id if isinstance(said_id, str) else None
    encrypted = item.text("encrypted_content")
    made = read_seal(encrypted) if encrypted else None
    if made is None:
        return Reasoning(text, encrypted=encrypted, origin=OWN_ORIGIN, id=item_id, at=item.at)
    return Reasoning(
        text,
        signature=made.value if made.kind == "signature" else None,
        encrypted=made.value if made.kind == "encrypted" else None,
        origin=made.origin,
        at=item.at,
    )


def _texts(item: Fields, name: str) -> Iterator[str]:
    for part in item.children(name):
        part.ignore("type")
        text = part.text("text")
        part.drop_rest()
        if text:
            yield text


def _read_call_signature(item: Fields) -> Seal | None:
    """The signature of the call that follows, where the item is but its bearer."""
    encrypted = item.any("encrypted_content")
    made = read_seal(encrypted) if isinstance(encrypted, str) else None
    return made if made is not None and made.kind == "call" else None


def _signed(message: Message, made: Seal) -> Message:
    """The message with its call signed again."""
    signed = tuple(
        replace(part, signature=made.value, origin=made.origin)
        if isinstance(part, ToolCall)
        else part
        for part in message.parts
    )
    return replace(message, parts=signed)


def _read_call(item: Fields) -> ToolCall:
    is_custom = item.any("type") == "custom_tool_call"
    return ToolCall(
        id=item.text("call_id") or "",
        name=joined_name(item.text("namespace"), item.text("name") or ""),
        arguments=item.text("input" if is_custom else "arguments") or "",
        kind="custom" if is_custom else "function",
        at=item.at,
    )


def _read_output(item: Fields, losses: Losses) -> ToolResult:
    item.ignore("namespace")
    parts = tuple(read_content(item, "output"))
    kept = tuple(part for part in parts if isinstance(part, Text | Image | Audio | File))
    for part in parts:
        if part not in kept:
            losses.drop(part.at, "a tool's result holds text, pictures and files")
    return ToolResult(
        call_id=item.text("call_id") or "",
        parts=kept,
        name=item.text("name"),
        kind="custom" if item.any("type") == "custom_tool_call_output" else "function",
        at=item.at,
    )


def _read_client_output(item: Fields, tool_name: str) -> ToolResult:
    """The output of a tool of fixed form: a text, or an object that is shown as JSON."""
    call_id = item.text("call_id") or item.any("id") or ""
    output = item.any("output")
    if output is None:
        output = item.any("tools")
    item.ignore("execution", "max_output_length", "environment", "tools")
    text = output if isinstance(output, str) else write_document({"output": output}).decode()
    return ToolResult(str(call_id), (Text(text, at=item.at),), name=tool_name, at=item.at)


def read_generated_image(item: object) -> Image | None:
    """The picture of an ``image_generation_call``."""
    match item:
        case {"type": "image_generation_call", "result": str(data), **rest} if data:
            kind = rest.get("output_format")
            return Image(Inline(f"image/{kind}" if isinstance(kind, str) else "image/png", data))
        case _:
            return None
