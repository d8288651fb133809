"""The response object, which repeats what was asked for around what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from llmrouter.core.chat.deltas import Finished, FinishReason, UsageReported
from llmrouter.dialects.interpreter import ReplyContext
from llmrouter.dialects.responses.usage import write_usage

Status = Literal["in_progress", "completed", "incomplete"]

_INCOMPLETE: Mapping[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_full": "max_output_tokens",
    "content_filter": "content_filter",
}

_DEFAULTS: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": None,
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": None,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""What a reply repeats of its request, and what it says where the request says nothing."""


def incomplete_reason(reason: FinishReason) -> str | None:
    """Why a reply is no whole one; None when it is."""
    return _INCOMPLETE.get(reason)


class ResponseObject:
    """Writes the response object of one reply, in each of its states."""

    def __init__(self, context: ReplyContext) -> None:
        request = context.request
        said = request.document if request is not None else {}
        self.id = f"resp_{context.fallback_id}"
        self.model = context.model
        self._created_s = context.created_s
        self._previous = request.previous_response_id if request is not None else None
        self._echo = {
            name: default if said.get(name) is None else said[name]
            for name, default in _DEFAULTS.items()
        }

    def open(self) -> dict[str, Any]:
        """Before anything was answered."""
        return self._write("in_progress", [], None, None)

    def ended(
        self, output: list[dict[str, Any]], finished: Finished, usage: UsageReported | None
    ) -> dict[str, Any]:
        """With the whole answer."""
        reason = incomplete_reason(finished.reason)
        status: Status = "completed" if reason is None else "incomplete"
        return self._write(status, output, reason, usage)

    def _write(
        self,
        status: Status,
        output: list[dict[str, Any]],
        incomplete: str | None,
        usage: UsageReported | None,
    ) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created_s,
            "status": status,
            "error": None,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": self.model,
            "output": output,
            "previous_response_id": self._previous,
            **self._echo,
            "usage": None if usage is None else write_usage(usage),
        }
