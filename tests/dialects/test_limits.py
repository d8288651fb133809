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


THINKING: dict[str, tuple[int, int, dict[str, Any] | None, tuple[str, ...]]] = {
    "a budget that no longer fits": (
        8000,
        4096,
        {"type": "enabled", "budget_tokens": 4095},
        ("thinking.budget_tokens: 4095 instead of 8000, it counts in max_tokens",),
    ),
    "a budget of all that is left": (
        4096,
        4096,
        {"type": "enabled", "budget_tokens": 4095},
        ("thinking.budget_tokens: 4095 instead of 4096, it counts in max_tokens",),
    ),
    "a budget that fits": (2000, 4096, {"type": "enabled", "budget_tokens": 2000}, ()),
    "a budget beyond the client's own limit": (
        12_000,
        4096,
        {"type": "enabled", "budget_tokens": 12_000},
        (),
    ),
    "no room for the least budget": (
        8000,
        1024,
        None,
        ("thinking: left out, 1024 tokens leave no room for it",),
    ),
}


@pytest.mark.parametrize("case", THINKING)
def test_thinking_stays_less_than_the_answer_that_it_is_part_of(case: str) -> None:
    budget, most, thinking, told = THINKING[case]
    document = {
        "model": "lab/fast",
        "messages": MESSAGES,
        "max_tokens": 9000,
        "thinking": {"type": "enabled", "budget_tokens": budget},
    }
    request = DIALECTS["anthropic"].parse(json.dumps(document).encode())
    changed, notes = within_output(request, most)
    sent = json.loads(changed.body)
    assert sent["max_tokens"] == most
    assert sent.get("thinking") == thinking
    assert notes[1:] == told
    assert changed.document == sent
