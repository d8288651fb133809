"""Counting tokens without a tokenizer."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.policy.token_counts import count_by_length, count_prompt, count_tokens
from tests.growth import LINEAR_ENOUGH, growth

# What OpenAI's o200k_base makes of them.
TEXTS = {
    "English": ("The ferry to the island leaves at nine and comes back at five.", 14),
    "French": (
        "Le bateau pour l'île part à neuf heures du matin et revient à cinq heures du soir.",
        19,
    ),
    "Russian": ("Паром на остров отправляется в девять утра и возвращается в пять вечера.", 17),
    "Chinese": ("去岛上的渡轮早上九点出发，下午五点返回。", 17),
    "JSON": ('{"name": "ferry", "times": [900, 1700], "days": {"first": 1, "last": 31}}', 32),
    "Python": ("def total(items):\n    return sum(item.price * item.count for item in items)", 17),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_counted_about_right_in_every_script(name: str) -> None:
    text, tokens = TEXTS[name]

    assert count_tokens(text) == pytest.approx(tokens, rel=0.35)


def test_a_very_long_text_is_counted_by_samples() -> None:
    prose, numbers = TEXTS["English"][0], "1234 5678 "
    text = prose * 20_000 + numbers * 60_000  # 1.8 million characters, of two kinds
    whole = 20_000 * count_tokens(prose) + 60_000 * count_tokens(numbers)

    assert count_tokens(text) == pytest.approx(whole, rel=0.05)


@given(st.text(), st.text())
def test_longer_texts_never_have_fewer_tokens(text: str, more: str) -> None:
    assert 0 <= count_tokens(text) <= count_tokens(text + more)


def test_chinese_needs_more_tokens_by_character_than_english() -> None:
    assert count_by_length(100, extra_bytes=200) > 2 * count_by_length(100)


def message(content: object, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **more}


def test_the_bytes_of_an_image_are_not_read_as_text() -> None:
    picture = base64.b64encode(bytes(500_000)).decode()
    ways = (
        message([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}]),
        message([{"type": "image", "source": {"type": "base64", "data": picture}}]),
        {"contents": [{"role": "user", "parts": [{"inlineData": {"data": picture}}]}]},
        {"messages": [{"role": "user", "content": "What is it?", "images": [picture]}]},
    )
    for document in ways:
        counted = count_prompt(document)
        assert counted.kind == "media"
        assert 800 < counted.tokens < 1000


def test_each_kind_of_prompt_has_its_name() -> None:
    tool = {"type": "function", "function": {"name": "ferry_times", "parameters": {}}}

    assert count_prompt(message("hello")).kind == "text"
    assert count_prompt(message("hello", tools=[tool])).kind == "tools"
    assert count_prompt(message("hello", tools=[])).kind == "text"


def test_the_schemas_of_tools_count() -> None:
    properties = {f"field_{n}": {"type": "string", "description": "a port"} for n in range(50)}
    tool = {"name": "t", "input_schema": {"type": "object", "properties": properties}}

    more = count_prompt(message("hello", tools=[tool])).tokens - count_prompt(message("hi")).tokens

    assert more > 300


def test_counting_takes_linear_time() -> None:
    assert growth(count_tokens, "aÉ漢1 ", 50_000) < LINEAR_ENOUGH


def test_a_document_of_any_depth_is_counted() -> None:
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]

    assert count_prompt({"messages": deep}).tokens >= 0
