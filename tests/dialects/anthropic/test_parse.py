"""Reading an Anthropic client's request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.errors import BodyTooLarge, InvalidRequest, MalformedRequest
from llmrouter.core.requests import ChatRequest, Turn
from llmrouter.dialects.anthropic.dialect import AnthropicDialect

DIALECT = AnthropicDialect()
ASKED = [{"role": "user", "content": "hi"}]


def parse(**members: Any) -> ChatRequest:
    document = {"model": "smart", "max_tokens": 100, "messages": ASKED, **members}
    return DIALECT.parse(json.dumps(document).encode())


def wrong(**members: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        parse(**members)
    return [(error.field, error.message) for error in caught.value.errors]


def test_does_not_stream_unless_asked() -> None:
    assert parse().stream is False
    assert parse(stream=True).stream is True


def test_a_model_need_not_be_named() -> None:
    assert parse(model=None).model is None


def test_unknown_fields_pass() -> None:
    request = parse(context_management={"edits": []}, x_unknown=1)

    assert request.document["x_unknown"] == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"max_tokens": NaN}', b"[" * 300])
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        DIALECT.parse(body)


def test_too_many_messages_are_too_large() -> None:
    body = json.dumps({"max_tokens": 1, "messages": ASKED * 3}).encode()

    with pytest.raises(BodyTooLarge):
        DIALECT.parse(body, max_messages=2)


def test_every_wrong_field_is_named() -> None:
    found = wrong(
        max_tokens="many",
        temperature=True,
        system=3,
        stream="yes",
        messages=[
            {"role": "tool", "content": "x"},
            {"role": "user", "content": None},
            {"role": "user", "content": [{"text": "x"}, {"type": "text"}]},
            {"role": "user", "content": [{"type": "tool_result", "content": [3]}]},
            7,
        ],
        tools=["look", {"description": "x"}],
    )

    assert [field for field, _ in found] == [
        "max_tokens",
        "temperature",
        "system",
        "stream",
        "messages.0.role",
        "messages.1.content",
        "messages.2.content.0",
        "messages.2.content.1.text",
        "messages.3.content.0.tool_use_id",
        "messages.4",
        "tools.0",
        "tools.1.name",
    ]


def test_the_blocks_inside_a_tool_result_are_checked_too() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": 1}]}

    assert wrong(messages=[{"role": "user", "content": [result]}]) == [
        ("messages.0.content.0.content.0.text", "must be a string")
    ]


@pytest.mark.parametrize(
    ("messages", "message"),
    [(None, "is missing"), ([], "is empty"), ("hi", "must be a list")],
)
def test_there_must_be_messages(messages: Any, message: str) -> None:
    assert wrong(messages=messages)[0][1].startswith(message)


def test_max_tokens_is_needed_but_for_counting() -> None:
    body = json.dumps({"model": "smart", "messages": ASKED}).encode()

    with pytest.raises(InvalidRequest) as caught:
        DIALECT.parse(body)
    assert [error.field for error in caught.value.errors] == ["max_tokens"]
    assert DIALECT.parse_count(body).max_output_tokens is None


def test_ten_thousand_wrong_messages_get_a_hundred_errors() -> None:
    assert len(wrong(messages=[7] * 5_000)) == 100


class TestTurns:
    def test_system_and_texts(self) -> None:
        blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

        request = parse(system="Be brief.", messages=[{"role": "user", "content": blocks}])

        assert request.turns == (Turn("system", "Be brief."), Turn("user", "a\nb"))

    def test_instructions_inside_the_conversation(self) -> None:
        request = parse(messages=[*ASKED, {"role": "system", "content": "In French."}])

        assert request.turns[-1] == Turn("system", "In French.")

    def test_a_tools_results_are_told_from_what_the_person_adds(self) -> None:
        use = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "a", "content": "21 °C"}
        added = {"type": "text", "text": "And now?"}

        request = parse(
            messages=[
                *ASKED,
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [result, added]},
            ]
        )

        assert request.turns[1:] == (
            Turn("assistant", "", calls_tools=True),
            Turn("tool", "21 °C"),
            Turn("user", "And now?"),
        )

    def test_pictures_also_inside_results(self) -> None:
        picture = {"type": "image", "source": {"type": "url", "url": "https://lakes.example/a"}}
        result = {"type": "tool_result", "tool_use_id": "a", "content": [picture]}

        request = parse(messages=[{"role": "user", "content": [result]}])

        assert request.turns == (Turn("tool", "", has_media=True),)
        assert request.needs == {"vision"}


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({}, set()),
        ({"tools": [{"name": "look", "input_schema": {}}]}, {"tools"}),
        ({"output_config": {"format": {"type": "json_schema", "schema": {}}}}, {"json_schema"}),
        ({"output_format": {"type": "json_schema", "schema": {}}}, {"json_schema"}),
        ({"output_config": {"effort": "low"}}, set()),
    ],
)
def test_what_the_target_must_be_able_to_do(members: dict[str, Any], needs: set[str]) -> None:
    assert parse(**members).needs == needs


def test_the_tools_are_named_also_those_that_anthropic_runs() -> None:
    tools = [{"name": "look", "input_schema": {}}, {"type": "mcp_toolset"}]

    assert parse(tools=tools).tools == ("look", "mcp_toolset")


def test_claude_codes_session_is_found_in_its_user_id() -> None:
    user_id = json.dumps({"device_id": "d", "session_id": "s-1"})

    assert parse(metadata={"user_id": user_id}).conversation_hint == "s-1"
