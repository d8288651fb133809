"""LiteLLM's logs: the standard logging payload, and rows of its spend log.

The payload is what its callbacks and buckets write
(https://docs.litellm.ai/docs/proxy/logging_spec); the rows are those of the table
``LiteLLM_SpendLogs``, which have another name for the id and the cost, and hold the prompt only
where ``store_prompts_in_spend_logs`` is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from llmrouter.core.routing import DialectName
from llmrouter.core.usage import Usage
from llmrouter.dialects.openai.usage import read_usage
from llmrouter.importing.call import LoggedCall, NotChat
from llmrouter.importing.members import Members, between_us

CALL_TYPES: Final[Mapping[str, DialectName]] = {
    "completion": "openai",
    "acompletion": "openai",
    "anthropic_messages": "anthropic",
    "responses": "responses",
    "aresponses": "responses",
}
"""Calls that are chat requests, and the dialect in which they were asked."""

PARAMETERS: Final = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "n",
        "stream",
        "stream_options",
        "stop",
        "stop_sequences",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "seed",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "logprobs",
        "top_logprobs",
        "modalities",
        "reasoning_effort",
        "reasoning",
        "thinking",
        "verbosity",
        "system",
        "instructions",
        "text",
    }
)
"""What of ``model_parameters`` belongs into a request; the rest is LiteLLM's own."""

SHORTENED: Final = b"litellm_truncated"
"""Stands in a text of which LiteLLM kept the beginning and the end alone."""

PROVIDERS: Final[Mapping[str, str]] = {
    "gemini": "google",
    "vertex_ai": "google",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
    "cohere_chat": "cohere",
    "ollama_chat": "ollama",
    "nvidia_nim": "nvidia",
    "moonshot": "kimi",
    "zai": "glm",
    "dashscope": "qwen",
}
"""Its names of providers that have another name here."""


def read_line(document: Mapping[str, Any]) -> LoggedCall | NotChat:
    """One call.  Raises `BadLine`."""
    line = Members(document)
    call_type = line.text("call_type") or "acompletion"
    dialect = CALL_TYPES.get(call_type)
    if dialect is None:
        return NotChat(f"call_type {call_type}")
    started_us = line.required_moment_us("startTime", "start_time")
    ended_us = line.moment_us("endTime", "end_time")
    first_us = line.moment_us("completionStartTime", "completion_start_time")
    failure = line.within("error_information")
    provider, model = _target(line)
    request, notes = _request(line, dialect)
    response = line.within("response")
    usage, raw_usage = _usage(line, response)
    choices = response.value("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    succeeded = (line.text("status") or "success") != "failure"
    status = failure.count("error_code") if failure.text("error_code") != "None" else None
    return LoggedCall(
        source_id=line.required_text("id", "request_id", "litellm_call_id"),
        started_us=started_us,
        model=model,
        succeeded=succeeded,
        dialect=dialect,
        request=request,
        requested_model=line.text("model_group") or model,
        provider=provider,
        stream=bool(request and request.get("stream") is True) or line.value("stream") is True,
        http_status=200 if succeeded else status,
        error=None if succeeded else line.text("error_str") or failure.text("error_class"),
        duration_us=between_us(started_us, ended_us),
        # Without a stream it repeats the end.
        first_token_us=between_us(started_us, first_us) if first_us != ended_us else None,
        usage=usage,
        raw_usage=raw_usage,
        cost_nusd=_cost_nusd(line, usage),
        finish_reason=Members(choice).text("finish_reason") if isinstance(choice, dict) else None,
        response_model=response.text("model"),
        notes=notes,
    )


def _target(line: Members) -> tuple[str | None, str]:
    """Provider and model; a model is written with its provider in front, or without."""
    named = line.required_text("model")
    provider = line.text("custom_llm_provider")
    before, slash, rest = named.partition("/")
    if provider is None and slash:
        provider, named = before, rest
    elif slash and before == provider:
        named = rest
    return None if provider is None else PROVIDERS.get(provider, provider), named


def _request(
    line: Members, dialect: DialectName
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The request's body: as the proxy received it, or else put together from its parts."""
    body = line.json("proxy_server_request")
    if isinstance(body, dict) and isinstance(body.get("body"), dict):
        body = body["body"]
    if not isinstance(body, dict):
        messages = line.json("messages")
        if isinstance(messages, dict):
            messages = messages.get("messages")
        if not isinstance(messages, list):
            return None, ()
        parameters = line.within("model_parameters").document
        said = {k: v for k, v in parameters.items() if k in PARAMETERS and v is not None}
        place = "input" if dialect == "responses" else "messages"
        body = {"model": line.text("model_group", "model"), place: messages, **said}
    if SHORTENED in orjson.dumps(body):
        return None, ("prompt_shortened",)
    return body, ()


def _usage(line: Members, response: Members) -> tuple[Usage | None, Mapping[str, Any] | None]:
    """The provider's own usage object where it was kept, else the two totals."""
    for raw in (
        line.within("metadata").within("usage_object").document,
        response.within("usage").document,
    ):
        found = read_usage(raw).usage if raw else None
        if found is not None:
            return found, raw
    prompt, completion = line.count("prompt_tokens"), line.count("completion_tokens")
    if not prompt and not completion:
        return None, None
    return Usage(uncached_input_tokens=prompt, text_output_tokens=completion), None


def _cost_nusd(line: Members, usage: Usage | None) -> int | None:
    """What LiteLLM reckoned.  It writes 0 where it has no price, too; then it is not known."""
    cost_nusd = line.nusd("response_cost", "spend")
    is_cached = str(line.value("cache_hit")).lower() == "true"
    if cost_nusd == 0 and usage is not None and not is_cached:
        return None
    return cost_nusd
