"""What a model answered, in no vendor's words, and whether it is what the request asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from llmrouter.core.chat.deltas import Delta, Finished, Reply, fold
from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Refusal, Text, ToolCall
from llmrouter.core.chat.prompt import ChatPrompt, JsonObject, JsonSchema, Tool
from llmrouter.core.errors import AttemptError
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.framing import Frame, Framer
from llmrouter.dialects.interpreter import ReplyContext, ReplyDecoder
from llmrouter.dialects.registry import INTERPRETERS

MAX_REPLY_BYTES: Final = 64 * 2**20


class AskedTool(Record):
    """A tool call: its name, and its arguments as the model wrote them."""

    name: str
    arguments: str


class Answer(Record):
    """What came back."""

    text: str
    calls: tuple[AskedTool, ...]
    finish_reason: str


class Checks(Record):
    """What can be said of an answer without reading it; None where there was nothing to check.

    ``unknown_tools`` are none of the request's; ``bad_arguments`` says of each call whose
    arguments do not fit the tool's schema what is wrong.
    """

    finish_reason: str
    characters: int
    tools: tuple[str, ...]
    unknown_tools: tuple[str, ...]
    bad_arguments: tuple[str, ...]
    json_valid: bool | None
    json_fault: str | None = None

    @property
    def tools_valid(self) -> bool | None:
        """Whether every call names a tool of the request's with arguments that fit."""
        return not self.unknown_tools and not self.bad_arguments if self.tools else None

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "finish_reason": self.finish_reason,
            "characters": self.characters,
            "tools": list(self.tools),
            "tools_valid": self.tools_valid,
            "unknown_tools": list(self.unknown_tools),
            "bad_arguments": list(self.bad_arguments),
            "json_valid": self.json_valid,
            "json_fault": self.json_fault,
        }


def read_answer(request: ChatRequest, reply: bytes) -> Answer | None:
    """The answer in a reply of the request's own dialect, streamed or whole; None when it is
    none."""
    interpreter = INTERPRETERS[request.dialect]
    context = ReplyContext(
        origin=request.dialect,
        model=request.model or "",
        fallback_id="",
        created_s=0,
        stream=request.stream,
        include_usage=True,
        request=request,
    )
    framer = Framer(interpreter.framing, event_bytes=MAX_REPLY_BYTES, body_bytes=MAX_REPLY_BYTES)
    decoder = interpreter.decoder(context)
    try:
        frames = [*framer.feed(reply), *framer.finish()]
        deltas = [delta for frame in frames for delta in _deltas(decoder, frame)]
    except (AttemptError, ValueError):
        return None
    if not any(isinstance(delta, Finished) for delta in deltas):
        return None
    return _answer(fold(deltas))


def prompt_of(request: ChatRequest) -> ChatPrompt:
    """What a request asks, in no vendor's words."""
    return INTERPRETERS[request.dialect].read_request(request.document, Losses())


def check(answer: Answer, prompt: ChatPrompt) -> Checks:
    """Compares an answer with what was asked for."""
    known = {tool.name: tool for tool in prompt.tools}
    faults = [
        f"{call.name}: {fault}"
        for call in answer.calls
        if call.name in known and (fault := _arguments_fault(call, known[call.name]))
    ]
    json_valid, json_fault = None, None
    if prompt.output is not None and not answer.calls:
        json_fault = _output_fault(answer.text, prompt.output)
        json_valid = json_fault is None
    return Checks(
        finish_reason=answer.finish_reason,
        characters=len(answer.text),
        tools=tuple(call.name for call in answer.calls),
        unknown_tools=tuple(call.name for call in answer.calls if call.name not in known),
        bad_arguments=tuple(faults),
        json_valid=json_valid,
        json_fault=json_fault,
    )


def _deltas(decoder: ReplyDecoder, frame: Frame) -> list[Delta]:
    if frame.is_comment or decoder.is_over:
        return []
    if frame.is_whole:
        return list(decoder.read_whole(orjson.loads(frame.data)))
    return list(decoder.read_event(frame.name, frame.data))


def _answer(reply: Reply) -> Answer:
    calls = tuple(
        AskedTool(part.name, part.arguments) for part in reply.parts if isinstance(part, ToolCall)
    )
    text = "".join(part.text for part in reply.parts if isinstance(part, Text | Refusal))
    reason = "tool_calls" if calls and reply.finished.reason == "stop" else reply.finished.reason
    return Answer(text, calls, reason)


def _arguments_fault(call: AskedTool, tool: Tool) -> str | None:
    if tool.kind == "custom":
        return None
    return _schema_fault(call.arguments or "{}", tool.parameters or {"type": "object"})


def _output_fault(text: str, output: JsonObject | JsonSchema) -> str | None:
    schema = output.schema if isinstance(output, JsonSchema) else {"type": "object"}
    return _schema_fault(text, schema)


def _schema_fault(text: str, schema: Mapping[str, Any]) -> str | None:
    from llmrouter.replay.schemas import json_fault  # it says why it is loaded late

    return json_fault(text, schema)
