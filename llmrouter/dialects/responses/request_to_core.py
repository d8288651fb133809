"""A request to the Responses API, read as a `ChatPrompt`."""

from __future__ import annotations

from collections.abc import Mapping
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
    PromptCache,
    Sampling,
    ServiceTier,
    Thinking,
    Tool,
)
from llmrouter.dialects.fields import Fields
from llmrouter.dialects.openai.encode import CLIENT_LIBRARY_FIELDS
from llmrouter.dialects.responses import tools_to_core
from llmrouter.dialects.responses.content_to_core import read_content
from llmrouter.dialects.responses.items_to_core import read_items

FIELD_NAMES: Mapping[str, str] = {
    "output": "text.format",
    "verbosity": "text.verbosity",
    "thinking": "reasoning",
    "thinking.shown": "reasoning.summary",
    "cache.key": "prompt_cache_key",
    "cache.retention": "prompt_cache_retention",
    "labels": "metadata",
}
"""The dialect's names for the settings of `ChatPrompt`."""

_SILENT_DEFAULTS: Mapping[str, object] = {
    "background": False,
    "truncation": "disabled",
    "top_logprobs": 0,
}
"""Values that ask for what every other dialect does anyway."""

ENCRYPTED_REASONING = "reasoning.encrypted_content"
"""The one `include` that every translation serves."""

_TIERS: Mapping[object, ServiceTier] = {
    "auto": "auto",
    "default": "default",
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
}


def read_request(document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
    """A validated request.  What no other dialect has a word for is a loss."""
    fields = Fields(document, losses)
    # Replies are kept by the router itself, unless `store` is false.
    fields.ignore("model", "store", "stream_options", *CLIENT_LIBRARY_FIELDS)
    for name, default in _SILENT_DEFAULTS.items():
        if document.get(name) == default:
            fields.ignore(name)
    _note_include(fields, losses)
    fields.drop("previous_response_id", "that reply is not known here, so nothing of it was sent")
    system, messages = _split_instructions(fields, losses)
    verbosity, output = _read_text(fields)
    prompt = ChatPrompt(
        system=system,
        messages=messages,
        tools=tools_to_core.read_tools(fields, losses),
        tool_choice=tools_to_core.read_tool_choice(fields),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        sampling=Sampling(temperature=fields.number("temperature"), top_p=fields.number("top_p")),
        max_output_tokens=fields.integer("max_output_tokens"),
        output=output,
        verbosity=verbosity,
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
    return tools_to_core.read_tools(Fields(document, losses), losses)


def _note_include(fields: Fields, losses: Losses) -> None:
    for index, wanted in enumerate(fields.any("include") or ()):
        if wanted != ENCRYPTED_REASONING:
            losses.drop(f"include.{index}", "other vendors have no such output")


def _split_instructions(
    fields: Fields, losses: Losses
) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """``instructions`` and the messages of system and developer that lead the input, and the
    conversation that follows."""
    parts = read_content(fields, "instructions")
    system = [part for part in parts if isinstance(part, Text)]
    messages = read_items(fields, losses)
    for index, message in enumerate(messages):
        if message.role != "system":
            return tuple(system), messages[index:]
        system += [part for part in message.parts if isinstance(part, Text)]
    return tuple(system), ()


def _read_text(fields: Fields) -> tuple[str | None, OutputFormat | None]:
    """The verbosity and the output format, which share an object."""
    text = fields.child("text")
    if text is None:
        return None, None
    verbosity, output = text.text("verbosity"), _read_format(text)
    text.drop_rest()
    return verbosity, output


def _read_format(text: Fields) -> OutputFormat | None:
    wanted = text.child("format")
    match wanted and wanted.any("type"):
        case None | "text":
            return None
        case "json_object":
            return JsonObject()
        case "json_schema" if wanted is not None:
            read = JsonSchema(
                wanted.mapping("schema") or {},
                name=wanted.text("name"),
                strict=wanted.flag("strict"),
                description=wanted.text("description"),
            )
            wanted.drop_rest()
            return read
        case _:
            text.drop("format", "there is no word for it outside its dialect")
            return None


def _read_thinking(fields: Fields) -> Thinking | None:
    reasoning = fields.child("reasoning")
    if reasoning is None:
        return None
    effort = next((e for e in EFFORTS if e == reasoning.any("effort")), None)
    if effort is None:
        reasoning.drop("effort", "it is on no scale that is known")
    # The second is the older name of the first.
    summary = reasoning.text("summary") or reasoning.text("generate_summary")
    reasoning.ignore("generate_summary")
    reasoning.drop_rest()
    if effort is None and summary is None:
        return None
    return Thinking(effort=effort, shown=True if summary else None)


def _read_user(fields: Fields) -> str | None:
    newer, older = fields.text("safety_identifier"), fields.text("user")
    return newer or older


def _read_labels(fields: Fields) -> Mapping[str, str]:
    metadata = fields.child("metadata")
    if metadata is None:
        return {}
    return {
        name: text for name in fields.mapping("metadata") or {} if (text := metadata.text(name))
    }


def _read_tier(fields: Fields) -> ServiceTier | None:
    said = fields.any("service_tier")
    tier = _TIERS.get(said) if isinstance(said, str) else None
    if tier is None:
        fields.drop("service_tier", "no other vendor has this tier")
    return tier
