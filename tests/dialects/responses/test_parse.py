"""What is read of a request, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.errors import BodyTooLarge, InvalidRequest, MalformedRequest
from llmrouter.core.requests import Turn
from llmrouter.dialects.responses.parse import parse
from tests.dialects.responses.passing import FIXTURES, fixture, named, request


def test_a_text_is_the_users() -> None:
    asked = request(input="Hello.", instructions="Be brief.", stream=True, max_output_tokens=9)

    assert asked.turns == (Turn("system", "Be brief."), Turn("user", "Hello."))
    assert (asked.dialect, asked.model, asked.stream) == ("responses", "smart", True)
    assert (asked.include_usage, asked.max_output_tokens) == (True, 9)


def test_an_agents_turns_and_tools() -> None:
    body = (FIXTURES / "requests" / "codex_tool_loop" / "request.json").read_bytes()

    asked = parse(body)

    assert [turn.role for turn in asked.turns] == [
        "system",
        "developer",
        "user",
        "user",
        "assistant",
        "assistant",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "tool",
    ]
    assert [turn.calls_tools for turn in asked.turns].count(True) == 3
    assert asked.turns[8] == Turn("tool", "Two lakes.", has_media=True)
    assert asked.tools == ("exec_command", "apply_patch", "mcp__docs__search", "web_search")
    assert asked.needs == {"tools", "vision"}
    assert asked.conversation_hint == "019aa6f0-3f8e-7c31-a1f5-6f1f8ad3b6b7"
    assert asked.body == body


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({}, set()),
        ({"tools": []}, set()),
        ({"tools": [{"type": "local_shell"}]}, {"tools"}),
        ({"text": {"format": {"type": "json_schema", "name": "a", "schema": {}}}}, {"json_schema"}),
        ({"text": {"format": {"type": "json_object"}}}, set()),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, {"vision"}),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, {"audio"}),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, set()),
    ],
)
def test_what_a_target_must_be_able_to_do(members: dict[str, Any], needs: set[str]) -> None:
    assert request(**members).needs == needs


def test_the_reply_to_go_on_from_is_named() -> None:
    asked = request(previous_response_id="resp_0000sea000001")

    assert asked.previous_response_id == "resp_0000sea000001"
    assert request().previous_response_id is None


@pytest.mark.parametrize("case", fixture("requests"), ids=named)
def test_what_real_clients_send_is_sound(case: Path) -> None:
    assert parse((case / "request.json").read_bytes()).turns


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        ({"input": None}, ["input"]),
        ({"input": 7}, ["input"]),
        ({"input": ["x", {"role": "king"}]}, ["input.0", "input.1.role"]),
        ({"input": [{"content": "x"}]}, ["input.0.type"]),
        ({"input": [{"role": "user", "content": 7}]}, ["input.0.content"]),
        ({"input": [{"role": "user", "content": ["x"]}]}, ["input.0.content.0"]),
        ({"tools": [{}, {"type": "function"}]}, ["tools.0", "tools.1.name"]),
        ({"tools": {}}, ["tools"]),
        ({"stream": "yes", "temperature": "hot"}, ["stream", "temperature"]),
        ({"background": True}, ["background"]),
        ({"model": 7, "max_output_tokens": 1.5}, ["model", "max_output_tokens"]),
    ],
)
def test_every_fault_is_named(members: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        request(**members)

    assert [error.field for error in raised.value.errors] == fields


@pytest.mark.parametrize(
    "members",
    [
        {"input": []},
        {"input": None, "previous_response_id": "resp_1"},
        {"input": None, "prompt": {"id": "p"}},
        {"input": [{"id": "msg_1"}]},
        {"input": [{"type": "item_from_the_future"}], "tools": [{"type": "sonar"}]},
        {"background": False, "stream": None, "tools": None, "unheard_of": 7},
    ],
)
def test_what_is_not_ours_to_judge_passes(members: dict[str, Any]) -> None:
    assert request(**members).document.items() >= members.items()


def test_faults_of_a_long_input_are_not_all_told() -> None:
    with pytest.raises(InvalidRequest) as raised:
        request(input=[7] * 500)

    assert len(raised.value.errors) == 100


def test_too_many_items_and_bodies_that_are_none() -> None:
    with pytest.raises(BodyTooLarge):
        parse(json.dumps({"input": [{}] * 11}).encode(), max_messages=10)
    with pytest.raises(MalformedRequest):
        parse(b"[]")
