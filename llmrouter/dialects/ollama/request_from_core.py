"""A `ChatPrompt`, written as a request to ``/api/chat``."""

from __future__ import annotations

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
)
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import WriteTarget
from llmrouter.dialects.ollama.messages_from_core import MessageWriter

_LEVELS: Mapping[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "max",
}
"""docs/capabilities/thinking.mdx of github.com/ollama/ollama, 2026-08-21."""


def write_request(prompt: ChatPrompt, target: WriteTarget, losses: Losses) -> dict[str, Any]:
    """The body for an Ollama provider."""
    _drop_unsayable(prompt, losses)
    tools = _wanted_tools(prompt, losses)
    return compact(
        model=target.model,
        messages=MessageWriter(target.origin, losses).write_all(prompt),
        tools=[_write_tool(tool, losses) for tool in tools] or None,
        format=_write_format(prompt.output),
        options=_write_options(prompt) or None,
        think=_write_thinking(prompt.thinking, target, losses),
        stream=prompt.stream,
    )


def _write_options(prompt: ChatPrompt) -> dict[str, Any]:
    sampling = prompt.sampling
    return compact(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        seed=sampling.seed,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        num_predict=prompt.max_output_tokens,
        stop=list(prompt.stop) or None,
    )


def _wanted_tools(prompt: ChatPrompt, losses: Losses) -> tuple[Tool, ...]:
    """The tools that the choice leaves; without one there is nothing that could be called."""
    choice = prompt.tool_choice
    if choice is None:
        return prompt.tools
    if choice.mode == "none":
        return ()
    if choice.mode == "required":
        losses.drop("tool_choice", "Ollama leaves the choice to the model")
    if not choice.names:
        return prompt.tools
    return tuple(tool for tool in prompt.tools if tool.name in choice.names)


def _write_tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    """A tool.  Of a schema's keywords Ollama tells a model the oldest; it refuses none."""
    if tool.cache is not None:
        losses.drop(f"{tool.at}.cache_control", "Ollama caches by itself")
    if tool.strict:
        losses.drop(f"{tool.at}.strict", "Ollama does not promise to keep to a tool's schema")
    parameters = {"type": "object", "properties": {}, **(tool.parameters or {})}
    function = compact(name=tool.name, description=tool.description, parameters=parameters)
    return {"type": "function", "function": function}


def _write_format(output: OutputFormat | None) -> Any:
    match output:
        case None:
            return None
        case JsonObject():
            return "json"
        case JsonSchema(schema):
            return schema
        case _:
            assert_never(output)


def _write_thinking(
    asked: Thinking | None, target: WriteTarget, losses: Losses
) -> bool | str | None:
    """Whether to think, or how much: levels that a model does not know are a matter of its own."""
    if asked is None:
        return None
    if asked.mode == "off" or asked.effort == "none":
        return False
    if asked.mode is None and asked.effort is None:
        return None
    if target.facts.reasons is False:
        losses.drop("thinking.effort", "this model does not think")
        return None
    if asked.budget_tokens is not None:
        losses.drop("thinking.budget_tokens", "Ollama's models think by levels, if at all")
    if asked.effort is None:
        return True
    level = _LEVELS[asked.effort]
    return "high" if level == "max" and "gpt-oss" in target.model else level


def _drop_unsayable(prompt: ChatPrompt, losses: Losses) -> None:
    """Notes the settings that Ollama has no word for."""
    tier = prompt.service_tier
    unsayable: tuple[tuple[str, object], ...] = (
        ("parallel_tool_calls", None if prompt.parallel_tool_calls is not False else False),
        ("verbosity", prompt.verbosity),
        ("cache.key", prompt.cache.key),
        ("cache.retention", prompt.cache.retention),
        ("cache", prompt.cache.automatic),
        ("user", prompt.user),
        ("labels", prompt.labels or None),
        ("service_tier", tier if tier in ("flex", "priority") else None),
    )
    for name, value in unsayable:
        if value is not None:
            losses.drop(name, "Ollama has no word for it")
