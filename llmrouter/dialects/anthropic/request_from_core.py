"""A `ChatPrompt`, written as a request to the Messages API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import (
    ChatPrompt,
    JsonObject,
    JsonSchema,
    Message,
    Tool,
    ToolChoice,
)
from llmrouter.dialects.anthropic.blocks_from_core import (
    write_blocks,
    write_cache_hint,
    write_text,
)
from llmrouter.dialects.anthropic.model_facts import model_facts
from llmrouter.dialects.anthropic.schema import input_schema, output_schema
from llmrouter.dialects.anthropic.thinking_from_core import (
    WrittenThinking,
    write_sampling,
    write_thinking,
)
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import WriteTarget

DEFAULT_MAX_TOKENS = 4096
"""Anthropic asks for a limit; this one every model of theirs takes."""

_TIERS = {"auto": "auto", "default": "standard_only"}
_MAX_USER_CHARACTERS = 512


def write_request(prompt: ChatPrompt, target: WriteTarget, losses: Losses) -> dict[str, Any]:
    """The body for an Anthropic provider."""
    facts = model_facts(target.model)
    max_tokens = _max_tokens(prompt, target, losses)
    thinking = write_thinking(prompt, facts, target.origin, max_tokens, losses)
    tools = _wanted_tools(prompt)
    _drop_unsayable(prompt, losses)
    return compact(
        model=target.model,
        max_tokens=max_tokens,
        system=_lone_text([write_text(text) for text in prompt.system if text.text]) or None,
        messages=_write_messages(prompt.messages, target.origin, losses),
        tools=[_write_tool(tool, losses) for tool in tools] or None,
        tool_choice=_write_tool_choice(prompt, thinking, losses) if tools else None,
        stop_sequences=_write_stop(prompt, losses),
        thinking=thinking.config,
        output_config=compact(effort=thinking.effort, format=_write_format(prompt, losses)) or None,
        cache_control=write_cache_hint(prompt.cache.automatic),
        metadata=_write_metadata(prompt, losses),
        service_tier=_write_tier(prompt, losses),
        stream=True if prompt.stream else None,
        **write_sampling(prompt.sampling, facts, thinking, losses),
    )


def _max_tokens(prompt: ChatPrompt, target: WriteTarget, losses: Losses) -> int:
    if prompt.max_output_tokens is not None:
        return prompt.max_output_tokens
    most = target.facts.max_output_tokens
    chosen = DEFAULT_MAX_TOKENS if most is None else most
    losses.assume("max_output_tokens", f"Anthropic asks for one; {chosen} was sent")
    return chosen


def _write_messages(
    messages: Iterable[Message], origin: str, losses: Losses
) -> list[dict[str, Any]]:
    """The messages; results of parallel calls, and what the user adds to them, share one turn."""
    written: list[dict[str, Any]] = []
    follows_results = False
    for message in messages:
        _note_message(message, losses)
        role = "assistant" if message.role == "assistant" else "user"
        content = write_blocks(message.parts, origin, losses)
        if not content:
            continue
        if role == "user" and follows_results:
            written[-1]["content"] += content
        else:
            written.append({"role": role, "content": content})
        follows_results = message.role == "tool"
    return [{**message, "content": _lone_text(message["content"])} for message in written]


def _note_message(message: Message, losses: Losses) -> None:
    if message.name is not None:
        losses.drop(f"{message.at}.name", "Anthropic knows no names of speakers")
    if message.role == "system":
        # Few of Anthropic's models take instructions inside a conversation.
        losses.drop(f"{message.at}.role", "sent as the user's: instructions stand at the top")


def _lone_text(blocks: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A lone plain text as a string, as people write it."""
    match blocks:
        case [{"type": "text", "text": str(text), **rest}] if not rest:
            return text
        case _:
            return blocks


def _wanted_tools(prompt: ChatPrompt) -> tuple[Tool, ...]:
    """All tools, or the few that a choice of several names leaves."""
    names = prompt.tool_choice.names if prompt.tool_choice else ()
    if len(names) < 2:
        return prompt.tools
    return tuple(tool for tool in prompt.tools if tool.name in names)


def _write_tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    def drop(path: str, why: str) -> None:
        losses.drop(f"{tool.at}.parameters{path}", why)

    return compact(
        name=tool.name,
        description=tool.description,
        input_schema=input_schema(tool.parameters, drop, strict=tool.strict is True),
        strict=tool.strict or None,
        cache_control=write_cache_hint(tool.cache),
    )


def _write_tool_choice(
    prompt: ChatPrompt, thinking: WrittenThinking, losses: Losses
) -> dict[str, Any] | None:
    choice = prompt.tool_choice
    disabled = True if prompt.parallel_tool_calls is False else None
    match choice:
        case None:
            return {"type": "auto", "disable_parallel_tool_use": True} if disabled else None
        case ToolChoice("none"):
            return {"type": "none"}
        case ToolChoice("auto"):
            return compact(type="auto", disable_parallel_tool_use=disabled)
        case ToolChoice("required", (name,)):
            return compact(type="tool", name=name, disable_parallel_tool_use=disabled)
        case _:
            return compact(type="any", disable_parallel_tool_use=disabled)


def _write_stop(prompt: ChatPrompt, losses: Losses) -> list[str] | None:
    stops = [stop for stop in prompt.stop if stop.strip()]
    if len(stops) < len(prompt.stop):
        losses.drop("stop", "Anthropic refuses stop sequences of nothing but space")
    return stops or None


def _write_format(prompt: ChatPrompt, losses: Losses) -> dict[str, Any] | None:
    match prompt.output:
        case None:
            return None
        case JsonObject():
            losses.drop("output", "Anthropic promises JSON only by a schema")
            return None
        case JsonSchema(schema):

            def drop(path: str, why: str) -> None:
                losses.drop(f"output.schema{path}", why)

            return {"type": "json_schema", "schema": output_schema(schema, drop)}


def _write_metadata(prompt: ChatPrompt, losses: Losses) -> dict[str, Any] | None:
    if prompt.user is None:
        return None
    if len(prompt.user) > _MAX_USER_CHARACTERS:
        losses.drop("user", "it is longer than Anthropic takes")
        return None
    return {"user_id": prompt.user}


def _write_tier(prompt: ChatPrompt, losses: Losses) -> str | None:
    if prompt.service_tier is None:
        return None
    tier = _TIERS.get(prompt.service_tier)
    if tier is None:
        losses.drop("service_tier", "Anthropic has no such tier")
    return tier


def _drop_unsayable(prompt: ChatPrompt, losses: Losses) -> None:
    """Notes the settings that the Messages API has no word for."""
    unsayable: tuple[tuple[str, object], ...] = (
        # Zero is every vendor's default.
        ("frequency_penalty", prompt.sampling.frequency_penalty or None),
        ("presence_penalty", prompt.sampling.presence_penalty or None),
        ("seed", prompt.sampling.seed),
        ("verbosity", prompt.verbosity),
        ("cache.key", prompt.cache.key),
        ("cache.retention", prompt.cache.retention),
        ("labels", prompt.labels or None),
    )
    for name, value in unsayable:
        if value is not None:
            losses.drop(name, "the Messages API has no word for it")
