"""A `ChatPrompt`, written as a Gemini request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import (
    EFFORTS,
    ChatPrompt,
    Effort,
    JsonObject,
    JsonSchema,
    Thinking,
    Tool,
    ToolChoice,
)
from llmrouter.dialects.fields import compact
from llmrouter.dialects.gemini.model_facts import Budget, ModelFacts, ThinkingLevel, model_facts
from llmrouter.dialects.gemini.parts_from_core import ContentWriter
from llmrouter.dialects.gemini.schema import google_schema
from llmrouter.dialects.interpreter import WriteTarget

MAX_STOPS = 5
"""https://ai.google.dev/api/generate-content, ``stopSequences``."""

_AUTOMATIC = -1
_BUDGETS: Mapping[Effort, int] = {
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 32_768,
}
"""What efforts are taken to mean in tokens; each model's own bounds come on top."""

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_TIERS = {"default": "standard", "flex": "flex", "priority": "priority"}


def write_request(prompt: ChatPrompt, target: WriteTarget, losses: Losses) -> dict[str, Any]:
    """The body for a Gemini provider; the model and the stream stand in its URL."""
    facts = model_facts(target.model)
    writer = ContentWriter(target.origin, facts, losses)
    tools = _wanted_tools(prompt)
    instructions = writer.write_texts(prompt.system)
    contents = writer.write_all(prompt)
    if not contents and instructions:
        losses.assume("contents", "Gemini asks for some; the instructions were sent as the user's")
        contents, instructions = [{"role": "user", "parts": instructions}], []
    _drop_unsayable(prompt, losses)
    return compact(
        systemInstruction={"parts": instructions} if instructions else None,
        contents=contents,
        tools=[{"functionDeclarations": [_write_tool(t, losses) for t in tools]}]
        if tools
        else None,
        toolConfig=_write_tool_choice(prompt.tool_choice) if tools else None,
        generationConfig=_write_config(prompt, target, facts, losses) or None,
        serviceTier=_TIERS.get(prompt.service_tier or ""),
    )


def _write_config(
    prompt: ChatPrompt, target: WriteTarget, facts: ModelFacts, losses: Losses
) -> dict[str, Any]:
    sampling = prompt.sampling
    if len(prompt.stop) > MAX_STOPS:
        losses.drop("stop", f"only the first {MAX_STOPS} of {len(prompt.stop)} were sent")
    return compact(
        temperature=sampling.temperature,
        topP=sampling.top_p,
        topK=sampling.top_k,
        frequencyPenalty=sampling.frequency_penalty,
        presencePenalty=sampling.presence_penalty,
        seed=sampling.seed,
        maxOutputTokens=prompt.max_output_tokens,
        stopSequences=list(prompt.stop[:MAX_STOPS]) or None,
        thinkingConfig=_write_thinking(prompt.thinking, target, facts, losses),
        **_write_output(prompt, facts, losses),
    )


def _wanted_tools(prompt: ChatPrompt) -> tuple[Tool, ...]:
    """All tools, or the few that a choice leaves to the model's own judgement."""
    match prompt.tool_choice:
        case ToolChoice("auto", names) if names:
            return tuple(tool for tool in prompt.tools if tool.name in names)
        case _:
            return prompt.tools


def _write_tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    def drop(path: str, why: str) -> None:
        losses.drop(f"{tool.at}.parameters{path}", why)

    if tool.cache is not None:
        losses.drop(f"{tool.at}.cache_control", "Gemini caches by itself")
    if tool.strict:
        losses.drop(f"{tool.at}.strict", "Gemini does not promise to keep to a tool's schema")
    schema = None if tool.parameters is None else google_schema(tool.parameters, drop)
    return compact(name=tool.name, description=tool.description, parametersJsonSchema=schema)


def _write_tool_choice(choice: ToolChoice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "required" and choice.names:
        calling["allowedFunctionNames"] = list(choice.names)
    return {"functionCallingConfig": calling}


def _write_output(prompt: ChatPrompt, facts: ModelFacts, losses: Losses) -> dict[str, Any]:
    if prompt.output is None:
        return {}
    if prompt.tools and not facts.json_with_tools:
        losses.drop("output", "this model takes either tools or JSON output")
        return {}
    match prompt.output:
        case JsonObject():
            return {"responseMimeType": "application/json"}
        case JsonSchema(schema):

            def drop(path: str, why: str) -> None:
                losses.drop(f"output.schema{path}", why)

            fitting = google_schema(schema, drop)
            return {"responseMimeType": "application/json", "responseJsonSchema": fitting}


def _write_thinking(
    asked: Thinking | None, target: WriteTarget, facts: ModelFacts, losses: Losses
) -> dict[str, Any] | None:
    if asked is None:
        return None
    if target.facts.reasons is False or (not facts.levels and facts.budget is None):
        if asked.mode != "off" and asked.effort != "none":
            losses.drop("thinking.effort", "this model does not think")
        return None
    if facts.budget is not None:
        config = _write_budget(asked, facts.budget, losses)
    else:
        config = _write_level(asked, facts.levels, losses)
    if asked.mode in ("on", "adaptive"):
        # Who asks for thinking outright gets to see it, unless they say otherwise.
        config["includeThoughts"] = asked.shown is not False
    elif asked.shown is not None:
        config["includeThoughts"] = asked.shown
    return config or None


def _write_budget(asked: Thinking, budget: Budget, losses: Losses) -> dict[str, Any]:
    """Thinking of the models before Gemini 3, in tokens."""
    if asked.mode == "off" or asked.effort == "none":
        if budget.can_be_zero:
            return {"thinkingBudget": 0}
        losses.drop("thinking.effort", "this model always thinks; the least budget was sent")
        return {"thinkingBudget": budget.least_tokens}
    wanted = asked.budget_tokens
    if wanted is None and asked.effort is not None:
        wanted = _BUDGETS[asked.effort]
    if wanted is None:
        return {"thinkingBudget": _AUTOMATIC} if asked.mode is not None else {}
    return {"thinkingBudget": min(max(wanted, budget.least_tokens), budget.most_tokens)}


def _write_level(
    asked: Thinking, levels: tuple[ThinkingLevel, ...], losses: Losses
) -> dict[str, Any]:
    """Thinking since Gemini 3, which takes budgets for old times' sake, within bounds unsaid."""
    if asked.mode == "off" or asked.effort == "none":
        losses.drop("thinking.effort", "this model always thinks; the least level was sent")
        return {"thinkingLevel": levels[0]}
    effort = asked.effort or _effort_for(asked.budget_tokens)
    return {} if effort is None else {"thinkingLevel": _nearest_level(effort, levels)}


def _effort_for(budget_tokens: int | None) -> Effort | None:
    """About what a budget means on models that know levels alone."""
    if budget_tokens is None:
        return None
    if budget_tokens < 4_096:
        return "low"
    return "medium" if budget_tokens < 16_384 else "high"


def _nearest_level(effort: Effort, levels: tuple[ThinkingLevel, ...]) -> ThinkingLevel:
    """The level itself, or the next one up, or the highest."""
    wanted = EFFORTS.index(effort)
    return next((level for level in levels if EFFORTS.index(level) >= wanted), levels[-1])


def _drop_unsayable(prompt: ChatPrompt, losses: Losses) -> None:
    """Notes the settings that Gemini has no word for."""
    unsayable: tuple[tuple[str, object], ...] = (
        ("parallel_tool_calls", None if prompt.parallel_tool_calls is not False else False),
        ("verbosity", prompt.verbosity),
        ("cache.key", prompt.cache.key),
        ("cache.retention", prompt.cache.retention),
        ("cache", prompt.cache.automatic),
        ("user", prompt.user),
        ("labels", prompt.labels or None),
    )
    for name, value in unsayable:
        if value is not None:
            losses.drop(name, "Gemini has no word for it")
