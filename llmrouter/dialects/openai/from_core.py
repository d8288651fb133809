"""A `ChatPrompt`, written as a chat completion request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, assert_never

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import (
    ChatPrompt,
    Effort,
    JsonObject,
    JsonSchema,
    OutputFormat,
    Thinking,
    Tool,
    ToolChoice,
)
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import WriteTarget
from llmrouter.dialects.openai.parts_from_core import MessageWriter

MAX_STOPS = 4
"""https://platform.openai.com/docs/api-reference/chat/create, read 2026-11-21."""

MAX_USER_CHARACTERS = 64

_UNTHINKING = re.compile(r"(^|/)(chatgpt-|gpt-3|gpt-4)")
"""OpenAI's models that answer a reasoning effort with a 400 (manual, "Reasoning models")."""

_EFFORTS: Mapping[Effort, str] = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "xhigh",
}


def write_request(prompt: ChatPrompt, target: WriteTarget, losses: Losses) -> dict[str, Any]:
    """The body for a compatible provider."""
    limit_name = "max_tokens" if "max_tokens_only" in target.quirks else "max_completion_tokens"
    sampling = prompt.sampling
    document = compact(
        model=target.model,
        messages=MessageWriter(target, losses).write_all(prompt),
        tools=[_write_tool(tool, losses) for tool in prompt.tools] or None,
        tool_choice=_write_tool_choice(prompt) if prompt.tools else None,
        parallel_tool_calls=prompt.parallel_tool_calls if prompt.tools else None,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        seed=sampling.seed,
        stop=_write_stop(prompt, losses),
        response_format=_write_output(prompt.output),
        verbosity=prompt.verbosity,
        reasoning_effort=_write_effort(prompt.thinking, target, losses),
        prompt_cache_key=prompt.cache.key,
        prompt_cache_retention=prompt.cache.retention,
        user=_write_user(prompt, losses),
        metadata=dict(prompt.labels) or None,
        service_tier=prompt.service_tier,
        stream=True if prompt.stream else None,
    )
    if prompt.max_output_tokens is not None:
        document[limit_name] = prompt.max_output_tokens
    if prompt.stream and "no_stream_options" not in target.quirks:
        document["stream_options"] = {"include_usage": True}
    if sampling.top_k is not None:
        losses.drop("top_k", "chat completions have no word for it")
    if prompt.cache.automatic is not None:
        losses.drop("cache", "these providers cache by themselves or not at all")
    return document


def _write_tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    if tool.cache is not None:
        losses.drop(f"{tool.at}.cache_control", "a tool takes no cache hint")
    function = compact(
        name=tool.name,
        description=tool.description,
        parameters=tool.parameters,
        strict=tool.strict,
    )
    return {"type": "function", "function": function}


def _write_tool_choice(prompt: ChatPrompt) -> Any:
    match prompt.tool_choice:
        case None:
            return None
        case ToolChoice("required", (name,)):
            return {"type": "function", "function": {"name": name}}
        case ToolChoice(mode, ()):
            return mode
        case ToolChoice(mode, names):
            tools = [{"type": "function", "function": {"name": name}} for name in names]
            return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def _write_stop(prompt: ChatPrompt, losses: Losses) -> list[str] | None:
    if len(prompt.stop) > MAX_STOPS:
        losses.drop("stop", f"only the first {MAX_STOPS} of {len(prompt.stop)} were sent")
    return list(prompt.stop[:MAX_STOPS]) or None


def _write_output(output: OutputFormat | None) -> dict[str, Any] | None:
    match output:
        case None:
            return None
        case JsonObject():
            return {"type": "json_object"}
        case JsonSchema(schema, name, strict, description):
            wrapped = compact(
                name=name or "answer", schema=schema, strict=strict, description=description
            )
            return {"type": "json_schema", "json_schema": wrapped}
        case _:
            assert_never(output)


def _write_effort(thinking: Thinking | None, target: WriteTarget, losses: Losses) -> str | None:
    """The effort; adaptive thinking without one is what reasoning models do anyway."""
    if thinking is None:
        return None
    effort = thinking.effort
    if thinking.mode == "off":
        effort = "none"
    elif effort is None and thinking.mode == "on":
        effort = _effort_for(thinking.budget_tokens)
    if effort is None:
        return None
    reasons = target.facts.reasons
    if reasons is None:
        reasons = not _UNTHINKING.search(target.model)
    if reasons:
        return _EFFORTS[effort]
    if effort != "none":
        losses.drop("thinking.effort", "this model does not reason")
    return None


def _effort_for(budget_tokens: int | None) -> Effort:
    """About what a budget means on a scale of efforts."""
    if budget_tokens is None:
        return "medium"
    if budget_tokens < 4_096:
        return "low"
    return "medium" if budget_tokens < 16_384 else "high"


def _write_user(prompt: ChatPrompt, losses: Losses) -> str | None:
    if prompt.user is not None and len(prompt.user) > MAX_USER_CHARACTERS:
        losses.drop("user", f"OpenAI takes {MAX_USER_CHARACTERS} characters")
        return None
    return prompt.user
