"""A request to the Messages API, read as a `ChatPrompt`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Part, Text, ToolResult
from llmrouter.core.chat.prompt import (
    EFFORTS,
    ChatPrompt,
    Effort,
    JsonSchema,
    Message,
    OutputFormat,
    PromptCache,
    Role,
    Sampling,
    ServiceTier,
    Thinking,
    Tool,
    ToolChoice,
)
from llmrouter.dialects.anthropic.blocks_to_core import read_cache_hint, read_content
from llmrouter.dialects.fields import Fields

FIELD_NAMES: Mapping[str, str] = {
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
    "output": "output_config.format",
    "thinking.effort": "output_config.effort",
    "user": "metadata.user_id",
    "cache": "cache_control",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
}
"""The dialect's names for the settings of `ChatPrompt`."""

# Claude Code's first system block; its hash differs with each request, so that no other vendor's
# prompt cache would ever hit (anthropics/claude-code#68900).
_BILLING_LINE = "x-anthropic-billing-header:"

_TIERS: Mapping[str, ServiceTier] = {"auto": "auto", "standard_only": "default"}


def read_request(document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
    """A validated request.  What no other dialect has a word for is a loss."""
    fields = Fields(document, losses)
    fields.ignore("model")
    choice, parallel = _read_tool_choice(fields)
    thinking, output = _read_output_config(fields)
    prompt = ChatPrompt(
        system=tuple(_instructions(read_content(fields, "system", losses))),
        messages=tuple(_read_messages(fields, losses)),
        tools=_read_tools(fields),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        sampling=Sampling(
            temperature=fields.number("temperature"),
            top_p=fields.number("top_p"),
            top_k=fields.integer("top_k"),
        ),
        max_output_tokens=fields.integer("max_tokens"),
        stop=fields.texts("stop_sequences"),
        output=output,
        thinking=thinking,
        cache=PromptCache(automatic=read_cache_hint(fields)),
        user=_read_user(fields),
        service_tier=_read_tier(fields),
        stream=fields.flag("stream") is True,
    )
    fields.drop_rest()
    return prompt


def read_tools(document: Mapping[str, Any], losses: Losses) -> tuple[Tool, ...]:
    """The request's own tools alone."""
    return _read_tools(Fields(document, losses))


def _instructions(parts: Iterable[Part]) -> Iterator[Text]:
    """The texts of a system prompt, without Claude Code's billing line."""
    for part in parts:
        if not isinstance(part, Text):
            continue
        text = part.text
        if text.startswith(_BILLING_LINE):
            text = text.partition("\n")[2]
        if text:
            yield Text(text, part.cache, part.citations, at=part.at)


def _read_messages(fields: Fields, losses: Losses) -> Iterator[Message]:
    for message in fields.children("messages"):
        role = message.text("role")
        parts = read_content(message, "content", losses)
        message.drop_rest()
        if role == "system":
            yield from _message("system", _instructions(parts), message.at)
        elif role == "assistant":
            yield from _message("assistant", parts, message.at)
        else:
            yield from _message("tool", (p for p in parts if isinstance(p, ToolResult)), message.at)
            others = (p for p in parts if not isinstance(p, ToolResult))
            yield from _message("user", others, message.at)


def _message(role: Role, parts: Iterable[Part], at: str) -> Iterator[Message]:
    whole = tuple(parts)
    if whole:
        yield Message(role, whole, at=at)


def _read_tools(fields: Fields) -> tuple[Tool, ...]:
    tools = (_read_tool(tool) for tool in fields.children("tools"))
    return tuple(tool for tool in tools if tool is not None)


def _read_tool(tool: Fields) -> Tool | None:
    kind = tool.text("type")
    if kind not in (None, "custom"):
        tool.drop_all(f"Anthropic runs or defines the tool {kind!r} itself")
        return None
    # How a tool's definition travels, not what it is.
    tool.ignore("defer_loading", "eager_input_streaming")
    read = Tool(
        name=tool.text("name") or "",
        description=tool.text("description"),
        parameters=tool.mapping("input_schema"),
        strict=tool.flag("strict"),
        cache=read_cache_hint(tool),
        at=tool.at,
    )
    tool.drop_rest()
    return read


def _read_tool_choice(fields: Fields) -> tuple[ToolChoice | None, bool | None]:
    choice = fields.child("tool_choice")
    if choice is None:
        return None, None
    disabled = choice.flag("disable_parallel_tool_use")
    parallel = None if disabled is None else not disabled
    match choice.text("type"):
        case "any":
            return ToolChoice("required"), parallel
        case "tool":
            return ToolChoice("required", (choice.text("name") or "",)), parallel
        case "none":
            return ToolChoice("none"), parallel
        case "auto":
            return ToolChoice("auto"), parallel
        case kind:
            fields.drop("tool_choice", f"there is no word for {kind!r} outside its dialect")
            return None, parallel


def _read_output_config(fields: Fields) -> tuple[Thinking | None, OutputFormat | None]:
    """The thinking and the output format, which share an object."""
    effort: Effort | None = None
    output = _read_format(fields, "output_format")
    config = fields.child("output_config")
    if config is not None:
        effort = next((e for e in EFFORTS if e == config.any("effort")), None)
        if effort is None:
            config.drop("effort", "it is on no scale that is known")
        output = _read_format(config, "format") or output
        config.drop_rest()
    return _read_thinking(fields, effort), output


def _read_format(fields: Fields, name: str) -> JsonSchema | None:
    match fields.any(name):
        case {"type": "json_schema", "schema": dict(schema)}:
            return JsonSchema(schema)
        case _:
            fields.drop(name, "only JSON schemas are known")
            return None


def _read_thinking(fields: Fields, effort: Effort | None) -> Thinking | None:
    thinking = fields.child("thinking")
    if thinking is None:
        return None if effort is None else Thinking(effort=effort)
    display = thinking.text("display")
    shown = None if display is None else display != "omitted"
    budget = thinking.integer("budget_tokens")
    kind = thinking.text("type")
    thinking.drop_rest()
    match kind:
        case "enabled":
            return Thinking("on", budget_tokens=budget, effort=effort, shown=shown)
        case "disabled":
            return Thinking("off", effort=effort)
        case "adaptive":
            return Thinking("adaptive", effort=effort, shown=shown)
        case _:
            fields.drop("thinking", f"there is no word for {kind!r} outside its dialect")
            return None if effort is None else Thinking(effort=effort)


def _read_user(fields: Fields) -> str | None:
    metadata = fields.child("metadata")
    if metadata is None:
        return None
    user = metadata.text("user_id")
    metadata.drop_rest()
    return user


def _read_tier(fields: Fields) -> ServiceTier | None:
    tier = _TIERS.get(fields.text("service_tier") or "")
    if tier is None:
        fields.drop("service_tier", "no other vendor has this tier")
    return tier
