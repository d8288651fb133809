"""An Ollama request, read as a `ChatPrompt`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Text
from llmrouter.core.chat.prompt import (
    EFFORTS,
    ChatPrompt,
    JsonObject,
    JsonSchema,
    Message,
    OutputFormat,
    Sampling,
    Thinking,
    Tool,
)
from llmrouter.dialects.fields import Fields
from llmrouter.dialects.ollama.messages_to_core import read_messages, read_prompt

FIELD_NAMES: Mapping[str, str] = {
    "max_output_tokens": "options.num_predict",
    "stop": "options.stop",
    "temperature": "options.temperature",
    "top_p": "options.top_p",
    "top_k": "options.top_k",
    "frequency_penalty": "options.frequency_penalty",
    "presence_penalty": "options.presence_penalty",
    "seed": "options.seed",
    "output": "format",
    "output.schema": "format",
    "thinking": "think",
    "thinking.effort": "think",
}
"""The dialect's names for the settings of `ChatPrompt`."""

_RUNNING = ("keep_alive", "truncate", "shift")
"""How a model is run, which only Ollama lets its clients say."""


def read_request(document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
    """A validated request to ``/api/chat`` or ``/api/generate``.  What no other dialect has a
    word for is a loss."""
    fields = Fields(document, losses)
    fields.ignore("model")
    options = fields.child("options") or Fields({}, losses, "options")
    system, messages = _read_conversation(fields, losses)
    limit = options.integer("num_predict")
    prompt = ChatPrompt(
        system=system,
        messages=messages,
        tools=tuple(_each_tool(fields)),
        sampling=Sampling(
            temperature=options.number("temperature"),
            top_p=options.number("top_p"),
            top_k=options.integer("top_k"),
            frequency_penalty=options.number("frequency_penalty"),
            presence_penalty=options.number("presence_penalty"),
            seed=options.integer("seed"),
        ),
        # Below zero, Ollama sets no limit.
        max_output_tokens=limit if limit is not None and limit > 0 else None,
        stop=options.texts("stop"),
        output=_read_output(fields),
        thinking=_read_thinking(fields),
        stream=fields.flag("stream") is not False,
    )
    for name in _RUNNING:
        fields.drop(name, "only Ollama lets its clients say how a model is run")
    for name in ("logprobs", "raw"):
        if document.get(name) is False:
            fields.ignore(name)
    for read in (options, fields):
        read.drop_rest()
    return prompt


def read_tools(document: Mapping[str, Any], losses: Losses) -> tuple[Tool, ...]:
    """The request's own tools alone."""
    return tuple(_each_tool(Fields(document, losses)))


def _read_conversation(
    fields: Fields, losses: Losses
) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """The leading instructions, and the conversation that follows."""
    if fields.any("messages") is None:
        text = fields.text("system")
        system = (Text(text, at=fields.place("system")),) if text else ()
        return system, read_prompt(fields)
    messages = read_messages(fields, losses)
    leading: list[Text] = []
    for index, message in enumerate(messages):
        if message.role != "system":
            return tuple(leading), messages[index:]
        leading += [part for part in message.parts if isinstance(part, Text)]
    return tuple(leading), ()


def _each_tool(fields: Fields) -> Iterator[Tool]:
    for tool in fields.children("tools"):
        tool.ignore("type")
        function = tool.child("function") or tool
        yield Tool(
            name=function.text("name") or "",
            description=function.text("description"),
            parameters=function.mapping("parameters"),
            strict=function.flag("strict"),
            at=function.at,
        )
        for read in (function, tool):
            read.drop_rest()


def _read_output(fields: Fields) -> OutputFormat | None:
    match fields.any("format"):
        case None | "":
            return None
        case "json":
            return JsonObject()
        case dict():
            return JsonSchema(fields.mapping("format") or {})
        case _:
            fields.drop("format", "it is neither `json` nor a schema")
            return None


def _read_thinking(fields: Fields) -> Thinking | None:
    think = fields.any("think")
    if think is None:
        return None
    if isinstance(think, bool):
        return Thinking("on" if think else "off")
    effort = next((effort for effort in EFFORTS if effort == think), None)
    if effort is None:
        fields.drop("think", "it is on no scale that is known")
        return None
    return Thinking("on", effort=effort)
