"""Langfuse's observations, of which generations are calls to models.

Rows of its blob storage export have names in snake case
(https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields), objects of
its API and of exports from its pages the same in camel case; both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from llmrouter.core.usage import Usage
from llmrouter.importing.call import LoggedCall, NotChat
from llmrouter.importing.members import Members, between_us

_CACHE_READ: Final = (
    "input_cached_tokens",
    "input_cache_read",
    "cache_read_input_tokens",
    "input_cached",
)
_CACHE_WRITE: Final = (
    "input_cache_creation",
    "cache_creation_input_tokens",
    "input_cache_write",
)
_REASONING: Final = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens")

_SETTINGS: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_COUNTS: Final = ("max_tokens", "max_completion_tokens", "seed", "n")

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def read_line(document: Mapping[str, Any]) -> LoggedCall | NotChat:
    """One generation.  Raises `BadLine`."""
    line = Members(document)
    kind = (line.text("type") or "GENERATION").upper()
    if kind != "GENERATION":
        return NotChat(f"type {kind}")
    started_us = line.required_moment_us("start_time", "startTime")
    ended_us = line.moment_us("end_time", "endTime")
    first_us = line.moment_us("completion_start_time", "completionStartTime")
    failed = line.text("level") == "ERROR"
    usage_details = line.within("usage_details", "usageDetails")
    model = line.required_text("provided_model_name", "providedModelName", "model")
    return LoggedCall(
        source_id=line.required_text("id"),
        started_us=started_us,
        model=model,
        succeeded=not failed,
        request=_request(line, model),
        requested_model=model,
        provider=line.within("metadata").text("ls_provider"),
        stream=first_us is not None,
        http_status=None if failed else 200,
        error=line.text("status_message", "statusMessage") if failed else None,
        duration_us=between_us(started_us, ended_us) or line.seconds_us("latency"),
        first_token_us=between_us(started_us, first_us)
        or line.seconds_us("time_to_first_token", "timeToFirstToken"),
        usage=_usage(usage_details),
        raw_usage=usage_details.document or None,
        cost_nusd=_cost_nusd(line),
    )


def _request(line: Members, model: str) -> Mapping[str, Any] | None:
    """The request's body, where the input is messages; a prompt alone is one message."""
    given = line.json("input")
    body: dict[str, Any] = {"model": model}
    match given:
        case {"messages": list(messages), **others}:
            kept = ("tools", "tool_choice", "response_format")
            body |= {name: others[name] for name in kept if others.get(name)}
        case list(messages):
            pass
        case str(prompt):
            messages = [{"role": "user", "content": prompt}]
        case _:
            return None
    if not messages or not all(_is_message(message) for message in messages):
        return None
    parameters = line.json("model_parameters", "modelParameters")
    if isinstance(parameters, dict):
        body |= _parameters(parameters)
    return {**body, "messages": messages}


def _is_message(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") in _ROLES


def _parameters(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters that a request has.  Integrations write numbers as texts, and no limit as
    ``Infinity``."""
    parameters = Members(given)
    settings = {name: parameters.number(name) for name in _SETTINGS}
    counts = {name: parameters.number(name) for name in _COUNTS}
    return {
        **{name: found for name, found in settings.items() if found is not None},
        **{name: int(found) for name, found in counts.items() if found and isfinite(found)},
    }


def _usage(details: Members) -> Usage | None:
    """Its classes are disjoint: ``input`` leaves out what a longer name counts."""
    usage = Usage(
        uncached_input_tokens=details.count("input"),
        cache_read_tokens=details.count(*_CACHE_READ),
        cache_write_tokens=details.count(*_CACHE_WRITE),
        text_output_tokens=details.count("output"),
        reasoning_tokens=details.count(*_REASONING),
    )
    return None if usage.input_tokens is None and usage.output_tokens is None else usage


def _cost_nusd(line: Members) -> int | None:
    """The total; Langfuse writes 0 where it has no price, so that 0 is not known."""
    total = line.nusd("total_cost", "totalCost", "calculatedTotalCost")
    if total is None:
        total = line.within("cost_details", "costDetails").nusd("total")
    return total or None
