"""Why a reply ended, in the words of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.chat.deltas import FinishReason

_READ: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_full",
    "tool_use": "tool_calls",
    "pause_turn": "paused",
    "refusal": "refusal",
}
_WRITTEN: Mapping[FinishReason, str] = {
    **{reason: word for word, reason in _READ.items()},
    "content_filter": "refusal",
}


def read_stop_reason(word: str) -> FinishReason:
    """An unknown word is an ordinary end."""
    return _READ.get(word, "stop")


def write_stop_reason(reason: FinishReason) -> str:
    return _WRITTEN[reason]
