"""A request that asks for more than a model can give, in each dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.routing import DialectName
from llmrouter.dialects.limits import within_output
from llmrouter.dialects.registry import DIALECTS

MESSAGES = [{"role": "user", "content": "Hi"}]

ASKING: dict[str, tuple[DialectName, dict[str, Any], str]] = {
    "chat": ("openai", {"messages": MESSAGES, "max_tokens": 9000}, "max_tokens"),
    "chat, the newer name": (
        "openai",
        {"messages": MESSAGES, "max_completion_tokens": 9000},
        "max_completion_tokens",
    ),
    "responses": ("responses", {"input": "Hi", "max_output_tokens": 9000}, "max_output_tokens"),
    "anthropic": ("anthropic", {"messages": MESSAGES, "max_tokens": 9000}, "max_tokens"),
    "gemini": (
        "gemini",
        {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 9000}},
        "generationConfig.maxOutputTokens",
    ),
    "gemini, the other spelling": (
        "gemini",
        {
            "contents": [{"parts": [{"text": "Hi"}]}],
            "generation_config": {"max_output_tokens": 9000},
        },
        "generation_config.max_output_tokens",
    ),
    "ollama": (
        "ollama",
        {"messages": MESSAGES, "options": {"num_predict": 9000, "seed": 1}},
        "options.num_predict",
    ),
}


@pytest.mark.parametrize("case", ASKING)
def test_it_is_brought_down_and_said(case: str) -> None:
    dialect, document, place = ASKING[case]
    request = DIALECTS[dialect].parse(json.dumps({"model": "lab/fast", **document}).encode())
    changed, notes = within_output(request, 4096)
    assert changed.max_output_tokens == 4096
    assert notes == (f"{place}: 4096 instead of 9000, the most it can give",)
    assert json.loads(changed.body) == json.loads(request.body.replace(b"9000", b"4096"))
    assert changed.document == json.loads(changed.body)
    assert b"9000" in request.body  # what others may still ask another model


@pytest.mark.parametrize("most", [None, 9000, 10_000])
def test_what_the_model_can_give_stays_as_it_is(most: int | None) -> None:
    request = DIALECTS["openai"].parse(
        json.dumps({"messages": MESSAGES, "max_tokens": 9000}).encode()
    )
    changed, notes = within_output(request, most)
    assert changed is request
    assert notes == ()
