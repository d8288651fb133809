"""A Gemini request, read as a `ChatPrompt`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import (
    ChatPrompt,
    Effort,
    JsonObject,
    JsonSchema,
    OutputFormat,
    Sampling,
    ServiceTier,
    Thinking,
    Tool,
    ToolChoice,
)
from llmrouter.dialects.fields import Fields
from llmrouter.dialects.gemini.parts_to_core import read_instructions, read_messages
from llmrouter.dialects.gemini.schema import json_schema
from llmrouter.dialects.gemini.spelling import camel_case

FIELD_NAMES: Mapping[str, str] = {
    "max_output_tokens": "generationConfig.maxOutputTokens",
    "stop": "generationConfig.stopSequences",
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "presence_penalty": "generationConfig.presencePenalty",
    "seed": "generationConfig.seed",
    "output": "generationConfig.responseMimeType",
    "output.schema": "generationConfig.responseSchema",
    "thinking": "generationConfig.thinkingConfig",
    "thinking.effort": "generationConfig.thinkingConfig.thinkingLevel",
    "thinking.budget_tokens": "generationConfig.thinkingConfig.thinkingBudget",
    "thinking.shown": "generationConfig.thinkingConfig.includeThoughts",
    "tool_choice": "toolConfig.functionCallingConfig",
    "service_tier": "serviceTier",
}
"""The dialect's names for the settings of `ChatPrompt`."""

_EFFORTS: Mapping[str, Effort] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
}
_TIERS: Mapping[str, ServiceTier] = {
    "standard": "default",
    "flex": "flex",
    "priority": "priority",
}
_AUTOMATIC = -1
"""The thinking budget that leaves the choice to the model."""


def read_request(document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
    """A validated request.  What no other dialect has a word for is a loss."""
    fields = Fields(camel_case(document), losses)
    fields.ignore("model")
    fields.drop("safetySettings", "no other vendor's filters can be set")
    fields.drop("cachedContent", "what is cached lies at Google")
    config = fields.child("generationConfig") or Fields({}, losses, "generationConfig")
    prompt = ChatPrompt(
        system=read_instructions(fields),
        messages=read_messages(fields, losses),
        tools=tuple(_each_tool(fields)),
        tool_choice=_read_tool_choice(fields),
        sampling=Sampling(
            temperature=config.number("temperature"),
            top_p=config.number("topP"),
            top_k=_read_whole(config, "topK"),
            frequency_penalty=config.number("frequencyPenalty"),
            presence_penalty=config.number("presencePenalty"),
            seed=config.integer("seed"),
        ),
        max_output_tokens=config.integer("maxOutputTokens"),
        stop=config.texts("stopSequences"),
        output=_read_output(config),
        thinking=_read_thinking(config),
        labels=_read_labels(fields),
        service_tier=_read_tier(fields),
    )
    _ignore_defaults(config)
    for read in (config, fields):
        read.drop_rest()
    return prompt


def read_tools(document: Mapping[str, Any], losses: Losses) -> tuple[Tool, ...]:
    """The request's own tools alone."""
    return tuple(_each_tool(Fields(camel_case({"tools": document.get("tools")}), losses)))


def _read_whole(config: Fields, name: str) -> int | None:
    """A whole number that libraries send as ``40.0``."""
    value = config.number(name)
    return None if value is None else int(value)


def _ignore_defaults(config: Fields) -> None:
    """Passes over what asks for what every other dialect does anyway."""
    if config.any("candidateCount") not in (None, 1):
        config.drop("candidateCount", "one answer is asked for")
    match config.any("responseModalities"):
        case None:
            pass
        case [str(only)] if only.upper() == "TEXT":
            pass
        case _:
            config.drop("responseModalities", "text is asked for")
    if config.any("responseLogprobs"):
        config.drop("responseLogprobs", "other dialects count probabilities otherwise")


def _each_tool(fields: Fields) -> Iterator[Tool]:
    for tool in fields.children("tools"):
        for function in tool.children("functionDeclarations"):
            yield _read_function(function)
        tool.drop_rest()


def _read_function(function: Fields) -> Tool:
    """A function; what it gives back and how it is run are not told to other vendors."""
    parameters = function.mapping("parametersJsonSchema")
    if parameters is None:
        own = function.mapping("parameters")
        parameters = None if own is None else json_schema(own)
    read = Tool(
        name=function.text("name") or "",
        description=function.text("description"),
        parameters=parameters,
        at=function.at,
    )
    function.drop_rest()
    return read


def _read_tool_choice(fields: Fields) -> ToolChoice | None:
    config = fields.child("toolConfig")
    if config is None:
        return None
    calling = config.child("functionCallingConfig")
    config.drop_rest()
    if calling is None:
        return None
    names = calling.texts("allowedFunctionNames")
    mode = (calling.text("mode") or "").upper()
    calling.drop_rest()
    match mode:
        case "ANY":
            return ToolChoice("required", names)
        case "NONE":
            return ToolChoice("none")
        case "AUTO" | "VALIDATED":
            return ToolChoice("auto", names)
        case _:
            return ToolChoice("auto", names) if names else None


def _read_output(config: Fields) -> OutputFormat | None:
    media_type = config.text("responseMimeType")
    plain = config.mapping("responseJsonSchema")
    own = config.mapping("responseSchema")
    if media_type not in (None, "text/plain", "application/json"):
        config.drop("responseMimeType", "other vendors answer in text or JSON")
        return None
    if plain is not None:
        return JsonSchema(plain)
    if own is not None:
        return JsonSchema(json_schema(own))
    return JsonObject() if media_type == "application/json" else None


def _read_thinking(config: Fields) -> Thinking | None:
    thinking = config.child("thinkingConfig")
    if thinking is None:
        return None
    budget = thinking.integer("thinkingBudget")
    level = thinking.text("thinkingLevel")
    shown = thinking.flag("includeThoughts")
    effort = _EFFORTS.get((level or "").lower())
    if level is not None and effort is None:
        thinking.drop("thinkingLevel", "it is on no scale that is known")
    thinking.drop_rest()
    match budget:
        case 0:
            return Thinking("off", shown=shown)
        case int() if budget > 0:
            return Thinking("on", budget_tokens=budget, effort=effort, shown=shown)
        case int():
            return Thinking("adaptive", effort=effort, shown=shown)
        case _ if effort is None and shown is None:
            return None
        case _:
            return Thinking(effort=effort, shown=shown)


def _read_labels(fields: Fields) -> Mapping[str, str]:
    labels = fields.child("labels")
    if labels is None:
        return {}
    return {name: text for name in fields.any("labels") if (text := labels.text(name)) is not None}


def _read_tier(fields: Fields) -> ServiceTier | None:
    tier = fields.text("serviceTier")
    if tier is None or tier.lower() == "unspecified":
        return None
    known = _TIERS.get(tier.lower())
    if known is None:
        fields.drop("serviceTier", "no other vendor has this tier")
    return known
