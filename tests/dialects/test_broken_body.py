"""What is known of a reply in one piece that broke off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from llmrouter.dialects.broken_body import KEPT_BYTES, BrokenBody
from llmrouter.dialects.wire import Observed

CALL = {"name": "look", "arguments": '{"where": "up"}'}
REPLIES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "openai": (
        {"id": "c-1", "choices": [{"message": {"role": "assistant", "content": "Blé."}}]},
        "Blé.",
    ),
    "a call": (
        {"choices": [{"message": {"tool_calls": [{"function": CALL}]}}]},
        "look" + CALL["arguments"],
    ),
    "anthropic": (
        {"type": "message", "content": [{"type": "text", "text": "Hm."}], "usage": {"name": "x"}},
        "Hm.",
    ),
    "responses": (
        {"instructions": "Be brief", "output": [{"content": [{"text": "Yes."}]}]},
        "Yes.",
    ),
    "gemini": ({"candidates": [{"content": {"parts": [{"text": "No."}]}}]}, "No."),
    "ollama": ({"model": "m", "message": {"content": "Oh.", "thinking": "Eh?"}}, "Oh.Eh?"),
}


def seen(body: bytes) -> Observed:
    broken, observed = BrokenBody(), Observed()
    broken.keep(body)
    broken.tell(observed)
    return observed


@pytest.mark.parametrize("name", REPLIES)
def test_what_was_said_is_counted_as_far_as_it_came(name: str) -> None:
    document, words = REPLIES[name]
    body = json.dumps(document, ensure_ascii=False).encode()
    lengths = [seen(body[:cut]).output_characters for cut in range(len(body) + 1)]
    assert lengths == sorted(lengths)
    assert lengths[-1] == len(words)
    assert seen(body).first_token
    assert not seen(body[:10]).first_token


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b'{"error": {"message": "no"}}', b"[1"])
def test_what_says_nothing_counts_for_nothing(body: bytes) -> None:
    assert seen(body) == Observed()


def test_of_a_very_long_body_the_beginning_is_kept() -> None:
    broken, observed = BrokenBody(), Observed()
    broken.keep(b'{"choices": [{"message": {"content": "')
    for _ in range(3):
        broken.keep(b"x" * KEPT_BYTES)
    broken.tell(observed)
    assert observed.output_characters == KEPT_BYTES
