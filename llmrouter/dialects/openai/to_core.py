"""A chat completion request, read as a `ChatPrompt`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Text
from llmrouter.core.chat.prompt import (
    EFFORTS,
    ChatPrompt,
    Effort,
    JsonObject,
    JsonSchema,
    Message,
    OutputFormat,
    PromptCache,
    Sampling,
    ServiceTier,
    Thinking,
    Tool,
    ToolChoice,
)
from llmrouter.dialects.fields import Fields
from llmrouter.dialects.openai.encode import CLIENT_LIBRARY_FIELDS
from llmrouter.dialects.openai.parts_to_core import read_cache_hint, read_messages

FIELD_NAMES: Mapping[str, str] = {
    "max_output_tokens": "max_tokens",
    "output": "response_format",
    "output.schema": "response_format.json_schema.schema",
    "thinking": "reasoning_effort",
    "thinking.effort": "reasoning_effort",
    "cache.key": "prompt_cache_key",
    "cache.retention": "prompt_cache_retention",
    "labels": "metadata",
}
"""The dialect's names for the settings of `ChatPrompt`."""

_SILENT_DEFAULTS: Mapping[str, object] = {
    "n": 1,
    "logprobs": False,
    "store": False,
    "modalities": ["text"],
    "logit_bias": {},
}
"""Values that ask for what every other dialect does anyway."""

_TIERS: tuple[ServiceTier, ...] = ("auto", "default", "flex", "priority")


def read_request(document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
    """A validated request.  What no other dialect has a word for is a loss."""
    fields = Fields(document, losses)
    fields.ignore("model", "stream_options", *CLIENT_LIBRARY_FIELDS)
    for name, default in _SILENT_DEFAULTS.items():
        if document.get(name) == default:
            fields.ignore(name)
    system, messages = _split_system(read_messages(fields, losses))
    prompt = ChatPrompt(
        system=system,
        messages=messages,
        tools=_read_tools(fields, losses),
        tool_choice=_read_tool_choice(fields),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        sampling=Sampling(
            temperature=fields.number("temperature"),
            top_p=fields.number("top_p"),
            top_k=fields.integer("top_k"),
            frequency_penalty=fields.number("frequency_penalty"),
            presence_penalty=fields.number("presence_penalty"),
            seed=fields.integer("seed"),
        ),
        max_output_tokens=_read_limit(fields),
        stop=fields.texts("stop"),
        output=_read_output(fields),
        verbosity=fields.text("verbosity"),
        thinking=_read_thinking(fields),
        cache=PromptCache(
            key=fields.text("prompt_cache_key"), retention=fields.text("prompt_cache_retention")
        ),
        user=_read_user(fields),
        labels=_read_labels(fields),
        service_tier=_read_tier(fields),
        stream=fields.flag("stream") is True,
    )
    fields.drop_rest()
    return prompt


def read_tools(document: Mapping[str, Any], losses: Losses) -> tuple[Tool, ...]:
    """The request's own tools alone."""
    return _read_tools(Fields(document, losses), losses)


def _split_system(
    messages: tuple[Message, ...],
) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """The leading instructions, and the conversation that follows."""
    system: list[Text] = []
    for index, message in enumerate(messages):
        if message.role != "system":
            return tuple(system), messages[index:]
        system += [part for part in message.parts if isinstance(part, Text)]
    return tuple(system), ()


def _read_limit(fields: Fields) -> int | None:
    newer, older = fields.integer("max_completion_tokens"), fields.integer("max_tokens")
    return newer if newer is not None else older


def _read_tools(fields: Fields, losses: Losses) -> tuple[Tool, ...]:
    return tuple(_each_tool(fields, losses))


def _each_tool(fields: Fields, losses: Losses) -> Iterator[Tool]:
    tools = fields.any("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        at = fields.place(f"tools.{index}")
        if isinstance(tool, str):
            yield Tool(tool, at=at)
            continue
        read = _read_tool(Fields(tool, losses, at))
        if read is not None:
            yield read


def _read_tool(tool: Fields) -> Tool | None:
    custom = tool.child("custom")
    function = tool.child("function")
    if tool.text("type") not in (None, "function", "custom"):
        tool.drop_all("the provider was to run this tool itself")
        return None
    holder = custom or function or tool
    grammar = holder.mapping("format") if custom else None
    read = Tool(
        name=holder.text("name") or "",
        description=holder.text("description"),
        parameters=None if custom else holder.mapping("parameters"),
        strict=None if custom else holder.flag("strict"),
        kind="custom" if custom else "function",
        grammar=grammar,
        cache=read_cache_hint(tool),
        at=holder.at,
    )
    for fields in (tool, holder):
        fields.drop_rest()
    return read


def _read_tool_choice(fields: Fields) -> ToolChoice | None:
    match fields.any("tool_choice"):
        case None:
            return None
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "required":
            return ToolChoice("required")
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}}:
            return ToolChoice("required", (name,))
        case {"allowed_tools": {"tools": [*tools], **rest}}:
            names = tuple(_allowed_names(tools))
            return ToolChoice("required" if rest.get("mode") == "required" else "auto", names)
        case _:
            fields.drop("tool_choice", "it names no tool of the request")
            return None


def _allowed_names(tools: list[Any]) -> Iterator[str]:
    for tool in tools:
        match tool:
            case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}}:
                yield name
            case _:
                continue


def _read_output(fields: Fields) -> OutputFormat | None:
    match fields.any("response_format"):
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return JsonObject()
        case {"type": "json_schema", "json_schema": {"schema": dict()}}:
            return _read_schema(fields)
        case _:
            fields.drop("response_format", "there is no word for it outside its dialect")
            return None


def _read_schema(fields: Fields) -> JsonSchema | None:
    response_format = fields.child("response_format")
    wrapped = response_format and response_format.child("json_schema")
    if wrapped is None:
        return None
    read = JsonSchema(
        wrapped.mapping("schema") or {},
        name=wrapped.text("name"),
        strict=wrapped.flag("strict"),
        description=wrapped.text("description"),
    )
    wrapped.drop_rest()
    return read


def _read_thinking(fields: Fields) -> Thinking | None:
    """OpenAI's ``reasoning_effort`` or OpenRouter's ``reasoning``."""
    effort = _read_effort(fields, "reasoning_effort")
    reasoning = fields.child("reasoning")
    if reasoning is None:
        return None if effort is None else Thinking(effort=effort)
    effort = _read_effort(reasoning, "effort") or effort
    budget = reasoning.integer("max_tokens")
    excluded = reasoning.flag("exclude")
    enabled = reasoning.flag("enabled")
    reasoning.drop_rest()
    mode: Literal["on", "off"] | None = None
    if enabled is False:
        mode = "off"
    elif enabled or budget is not None:
        mode = "on"
    shown = None if excluded is None else not excluded
    return Thinking(mode, budget_tokens=budget, effort=effort, shown=shown)


def _read_effort(fields: Fields, name: str) -> Effort | None:
    value = fields.any(name)
    effort = next((e for e in EFFORTS if e == value), None)
    if effort is None:
        fields.drop(name, "it is on no scale that is known")
    return effort


def _read_user(fields: Fields) -> str | None:
    newer, older = fields.text("safety_identifier"), fields.text("user")
    if newer and older and newer != older:
        fields.drop("user", "safety_identifier was sent")
    return newer or older


def _read_labels(fields: Fields) -> Mapping[str, str]:
    metadata = fields.child("metadata")
    if metadata is None:
        return {}
    return {
        name: text for name in fields.mapping("metadata") or {} if (text := metadata.text(name))
    }


def _read_tier(fields: Fields) -> ServiceTier | None:
    tier = next((tier for tier in _TIERS if tier == fields.any("service_tier")), None)
    if tier is None:
        fields.drop("service_tier", "no other vendor has this tier")
    return tier
