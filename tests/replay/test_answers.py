"""Answers read from replies of every dialect, and checked against what was asked."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from llmrouter.core.chat.prompt import ChatPrompt
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.registry import DIALECTS
from llmrouter.replay.answers import Answer, AskedTool, check, prompt_of, read_answer

TIDE = {
    "type": "object",
    "properties": {"port": {"type": "string"}, "hour": {"type": "integer"}},
    "required": ["port"],
    "additionalProperties": False,
}


def asked(dialect: DialectName = "openai", **members: Any) -> ChatRequest:
    document: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    if dialect == "anthropic":
        document["max_tokens"] = 9
    return DIALECTS[dialect].parse(orjson.dumps({**document, **members}))


def prompt(**members: Any) -> ChatPrompt:
    return prompt_of(asked(**members))


TOOLS = [{"type": "function", "function": {"name": "tide_at", "parameters": TIDE}}]


def test_a_whole_and_a_streamed_answer_say_the_same() -> None:
    whole = {
        "choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]
    }
    stream = (
        b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n'
        b'data: {"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}]}\n\n'
        b"data: [DONE]\n\n"
    )
    expected = Answer("Hello", (), "stop")
    assert read_answer(asked(), orjson.dumps(whole)) == expected
    assert read_answer(asked(stream=True), stream) == expected


def test_an_anthropic_tool_call_is_read() -> None:
    reply = {
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "t1", "name": "tide_at", "input": {"port": "Brest"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    found = read_answer(asked("anthropic"), orjson.dumps(reply))
    assert found is not None
    assert (found.text, found.finish_reason) == ("Let me see.", "tool_calls")
    (call,) = found.calls
    assert call.name == "tide_at"
    assert orjson.loads(call.arguments) == {"port": "Brest"}


@pytest.mark.parametrize("reply", [b"", b"<html>", b'{"error": {"message": "no"}}', b"[1", b"{}"])
def test_what_is_no_answer_is_none(reply: bytes) -> None:
    assert read_answer(asked(), reply) is None


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ('{"port": "Brest", "hour": 9}', None),
        ('{"hour": 9}', "tide_at: it: 'port' is a required property"),
        ('{"port": "Brest", "hour": "nine"}', "tide_at: hour: 'nine' is not of type 'integer'"),
        ('{"port": "Brest", "when": 1}', "tide_at: it: Additional properties are not allowed"),
        ('{"port": ', "tide_at: is no JSON"),
        ("", "tide_at: it: 'port' is a required property"),
    ],
)
def test_arguments_are_checked_against_the_tools_schema(arguments: str, fault: str | None) -> None:
    answer = Answer("", (AskedTool("tide_at", arguments),), "tool_calls")
    found = check(answer, prompt(tools=TOOLS))
    assert found.tools_valid is (fault is None)
    assert [line.startswith(fault or "") for line in found.bad_arguments] == [True] * bool(fault)


def test_a_tool_that_was_not_offered_is_told() -> None:
    found = check(Answer("", (AskedTool("wind_at", "{}"),), "tool_calls"), prompt(tools=TOOLS))
    assert (found.unknown_tools, found.tools_valid) == (("wind_at",), False)
    assert check(Answer("Hi", (), "stop"), prompt(tools=TOOLS)).tools_valid is None


@pytest.mark.parametrize(
    ("text", "valid"),
    [('{"port": "Brest"}', True), ('{"port": 3}', False), ("Brest", False), ("[]", False)],
)
def test_json_answers_are_checked_against_the_schema(text: str, valid: bool) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "tide", "schema": TIDE}}
    found = check(Answer(text, (), "stop"), prompt(response_format=schema))
    assert found.json_valid is valid


def test_any_object_will_do_where_no_schema_was_given() -> None:
    asked_for = prompt(response_format={"type": "json_object"})
    assert check(Answer('{"a": 1}', (), "stop"), asked_for).json_valid is True
    assert check(Answer("[1]", (), "stop"), asked_for).json_valid is False
    assert check(Answer("words", (), "stop"), prompt()).json_valid is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/never-fetched"},
        {"type": "no such type"},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_cannot_be_used_forbids_nothing(schema: dict[str, Any]) -> None:
    tools = [{"type": "function", "function": {"name": "t", "parameters": schema}}]
    answer = Answer("", (AskedTool("t", '{"a": 1}'),), "tool_calls")
    assert check(answer, prompt(tools=tools)).tools_valid is True
