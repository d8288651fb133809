"""A `ChatPrompt`, written as a request to the Responses API."""

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
    ToolChoice,
)
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import WriteTarget
from llmrouter.dialects.responses.items_from_core import ItemWriter
from llmrouter.dialects.responses.model_facts import does_reason, takes_sampling
from llmrouter.dialects.responses.request_to_core import ENCRYPTED_REASONING

LEAST_OUTPUT_TOKENS = 16
"""The API's own least ("Create a model response", max_output_tokens)."""

MAX_USER_CHARACTERS = 64

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
    """The body for a provider of the Responses API; nothing is stored there."""
    reasons = does_reason(target.model, target.facts)
    writer = ItemWriter(prompt, target, losses)
    items = writer.write_all(prompt.messages)
    instructions = None
    match prompt.system:
        case ():
            pass
        case (only,) if only.cache is None:
            instructions = only.text
        case texts:
            items.insert(0, writer.write_instructions(texts))
    _drop_unsayable(prompt, losses)
    return compact(
        model=target.model,
        instructions=instructions,
        input=items,
        tools=[_write_tool(tool, losses) for tool in prompt.tools] or None,
        tool_choice=_write_tool_choice(prompt) if prompt.tools else None,
        parallel_tool_calls=prompt.parallel_tool_calls if prompt.tools else None,
        max_output_tokens=_write_limit(prompt, losses),
        text=compact(format=_write_format(prompt.output), verbosity=prompt.verbosity) or None,
        reasoning=_write_reasoning(prompt.thinking, losses, reasons=reasons),
        include=[ENCRYPTED_REASONING] if reasons else None,
        store=False,
        prompt_cache_key=prompt.cache.key,
        prompt_cache_retention=prompt.cache.retention,
        user=_write_user(prompt, losses),
        metadata=dict(prompt.labels) or None,
        service_tier=prompt.service_tier,
        stream=True if prompt.stream else None,
        **_write_sampling(prompt, target.model, losses),
    )


def _write_tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    if tool.cache is not None:
        losses.drop(f"{tool.at}.cache_control", "a tool takes no cache hint")
    if tool.kind == "custom":
        grammar = tool.grammar
        match grammar:
            case {"type": "grammar", "grammar": dict(inner)}:  # as chat completions have it
                grammar = {"type": "grammar", **inner}
            case _:
                pass
        return compact(type="custom", name=tool.name, description=tool.description, format=grammar)
    return compact(
        type="function",
        name=tool.name,
        description=tool.description,
        parameters=tool.parameters or {"type": "object", "properties": {}},
        # Strict is this API's default, and no other's.
        strict=tool.strict is True,
    )


def _write_tool_choice(prompt: ChatPrompt) -> Any:
    custom = {tool.name for tool in prompt.tools if tool.kind == "custom"}

    def named(name: str) -> dict[str, str]:
        return {"type": "custom" if name in custom else "function", "name": name}

    match prompt.tool_choice:
        case None:
            return None
        case ToolChoice("required", (name,)):
            return named(name)
        case ToolChoice(mode, ()):
            return mode
        case ToolChoice(mode, names):
            return {"type": "allowed_tools", "mode": mode, "tools": [named(n) for n in names]}


def _write_sampling(prompt: ChatPrompt, model: str, losses: Losses) -> dict[str, float]:
    said: dict[str, float] = compact(
        temperature=prompt.sampling.temperature, top_p=prompt.sampling.top_p
    )
    if takes_sampling(model, _effort(prompt.thinking)):
        return said
    for name, value in said.items():
        if value != 1:  # the default
            losses.drop(name, "this model refuses it while it reasons")
    return {}


def _write_limit(prompt: ChatPrompt, losses: Losses) -> int | None:
    limit = prompt.max_output_tokens
    if limit is not None and limit < LEAST_OUTPUT_TOKENS:
        losses.assume("max_output_tokens", f"{LEAST_OUTPUT_TOKENS}, the API's least, was sent")
        return LEAST_OUTPUT_TOKENS
    return limit


def _write_format(output: OutputFormat | None) -> dict[str, Any] | None:
    match output:
        case None:
            return None
        case JsonObject():
            return {"type": "json_object"}
        case JsonSchema(schema, name, strict, description):
            return compact(
                type="json_schema",
                name=name or "answer",
                schema=schema,
                strict=strict,
                description=description,
            )
        case _:
            assert_never(output)


def _write_reasoning(
    thinking: Thinking | None, losses: Losses, *, reasons: bool
) -> dict[str, Any] | None:
    """The effort, and the summary where the thoughts are to be shown."""
    if thinking is None:
        return None
    effort = _effort(thinking)
    if not reasons:
        if effort not in (None, "none"):
            losses.drop("thinking.effort", "this model does not reason")
        return None
    is_shown = thinking.shown is True or (
        thinking.mode in ("on", "adaptive") and thinking.shown is not False
    )
    return compact(effort=effort, summary="auto" if is_shown else None) or None


def _effort(thinking: Thinking | None) -> str | None:
    """Adaptive thinking without an effort is what reasoning models do anyway."""
    if thinking is None:
        return None
    if thinking.mode == "off":
        return "none"
    if thinking.effort is not None:
        return _EFFORTS[thinking.effort]
    if thinking.mode != "on":
        return None
    budget = thinking.budget_tokens
    if budget is None:
        return "medium"
    if budget < 4_096:
        return "low"
    return "medium" if budget < 16_384 else "high"


def _write_user(prompt: ChatPrompt, losses: Losses) -> str | None:
    if prompt.user is not None and len(prompt.user) > MAX_USER_CHARACTERS:
        losses.drop("user", f"OpenAI takes {MAX_USER_CHARACTERS} characters")
        return None
    return prompt.user


def _drop_unsayable(prompt: ChatPrompt, losses: Losses) -> None:
    """Notes the settings that the Responses API has no word for."""
    sampling = prompt.sampling
    unsayable: tuple[tuple[str, object], ...] = (
        ("top_k", sampling.top_k),
        # Zero is every vendor's default.
        ("frequency_penalty", sampling.frequency_penalty or None),
        ("presence_penalty", sampling.presence_penalty or None),
        ("seed", sampling.seed),
        ("stop", prompt.stop or None),
        ("cache", prompt.cache.automatic),
    )
    for name, value in unsayable:
        if value is not None:
            losses.drop(name, "the Responses API has no word for it")
