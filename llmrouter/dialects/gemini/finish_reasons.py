"""Why a reply ended, in the words of ``FinishReason`` in Google's Python library (2026-08-21)."""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.chat.deltas import FinishReason

_READ: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
_WRITTEN: Mapping[FinishReason, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "tool_calls": "STOP",
    "paused": "STOP",
    "length": "MAX_TOKENS",
    "context_full": "MAX_TOKENS",
    "refusal": "SAFETY",
    "content_filter": "SAFETY",
}
BROKEN_CALLS = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"}
    | {"MISSING_THOUGHT_SIGNATURE"}
)
"""The model failed at the answer's form; asking again may well help."""


def read_finish_reason(word: str) -> FinishReason | None:
    """None for a word that no other dialect has an equal of."""
    return _READ.get(word)


def write_finish_reason(reason: FinishReason) -> str:
    return _WRITTEN[reason]
