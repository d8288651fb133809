"""Chat completion requests as the router understands them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.errors import BodyTooLarge, InvalidRequest, MalformedRequest
from llmrouter.core.requests import ChatRequest, Turn
from llmrouter.dialects.openai.parse import parse

HI = [{"role": "user", "content": "hi"}]


def parsed(**members: Any) -> ChatRequest:
    return parse(json.dumps({"messages": HI, **members}).encode())


def faults(document: dict[str, Any]) -> dict[str, str]:
    """Field by field, what a refused request is told."""
    with pytest.raises(InvalidRequest) as caught:
        parse(json.dumps(document).encode())
    assert caught.value.status == 422
    return {error.field: error.message for error in caught.value.errors}


def test_a_plain_request() -> None:
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}], "x_new": [1]}'
    request = parse(body)
    assert request.body == body
    assert request.document["x_new"] == [1]
    assert (request.dialect, request.model, request.stream) == ("openai", "auto", False)
    assert request.turns == (Turn("user", "hi"),)
    assert (request.tools, request.needs, request.max_output_tokens) == ((), frozenset(), None)


ROLES = st.sampled_from(["system", "user", "assistant", "function"])
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": ROLES | st.sampled_from(["robot", None, 1, ["user"]]),
            "content": st.text(max_size=3) | st.sampled_from([None, 1, ["part"], {}]),
            "tool_calls": st.sampled_from([None, [], [{}], [1]]),
            "name": st.just("n"),
        },
    )
    | st.fixed_dictionaries({"role": ROLES, "content": st.text(max_size=3)})
    | st.sampled_from([None, "role", ["role"]]),
    min_size=1,
    max_size=3,
)
OF_PARTS = {"role": "user", "content": [{"type": "text", "text": "hi"}]}


@given(MESSAGES)
def test_messages_read_the_same_whatever_stands_beside_them(messages: list[Any]) -> None:
    def read(messages: list[Any]) -> object:
        try:
            return parsed(messages=messages).turns[:count]
        except InvalidRequest as error:
            return error.errors

    count = len(messages)
    assert read(messages) == read([*messages, OF_PARTS])


@pytest.mark.parametrize("model", [{}, {"model": None}, {"model": ""}])
def test_the_model_may_be_missing(model: dict[str, Any]) -> None:
    assert parsed(**model).model is None


@pytest.mark.parametrize(
    ("message", "turn"),
    [
        ({"role": "system", "content": "s"}, Turn("system", "s")),
        ({"role": "developer", "content": "d"}, Turn("developer", "d")),
        ({"role": "tool", "content": "t", "tool_call_id": "1"}, Turn("tool", "t")),
        ({"role": "function", "content": "t", "name": "f"}, Turn("tool", "t")),
        ({"role": "assistant", "content": None}, Turn("assistant", "")),
        ({"role": "assistant"}, Turn("assistant", "")),
        (
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            Turn("assistant", "", calls_tools=True),
        ),
        (
            {"role": "assistant", "content": "", "function_call": {"name": "f"}},
            Turn("assistant", "", calls_tools=True),
        ),
        (
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            Turn("user", "a\nb"),
        ),
        (
            {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "a"}]},
            Turn("user", "a", has_media=True),
        ),
        ({"role": "user", "content": [{"type": "file"}]}, Turn("user", "", has_media=True)),
        ({"role": "user", "content": [{"type": "new", "text": 7}]}, Turn("user", "")),
        ({"role": "user", "content": []}, Turn("user", "")),
    ],
)
def test_messages_become_turns(message: dict[str, Any], turn: Turn) -> None:
    assert parsed(messages=[message]).turns == (turn,)


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({"tools": []}, set()),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tools"}),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"response_format": {"type": "json_object"}}, set()),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, {"json_schema"}),
        ({"modalities": ["text", "audio"]}, {"audio"}),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, {"vision"}),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, {"audio"}),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, set()),
    ],
)
def test_needs_follow_from_what_is_sent(members: dict[str, Any], needs: set[str]) -> None:
    assert parsed(**members).needs == needs


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("search", "search"),
        ({"name": "search"}, "search"),
        ({"type": "function", "function": {"name": "search"}}, "search"),
        ({"type": "custom", "custom": {"name": "search"}}, "search"),
        ({"type": "web_search"}, "web_search"),
        ({"google_search": {}}, "google_search"),
    ],
)
def test_tools_may_be_little_more_than_a_name(tool: object, name: str) -> None:
    assert parsed(tools=[tool]).tools == (name,)


@pytest.mark.parametrize(
    ("members", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_tokens": 5.0}, 5),
        ({"max_tokens": None}, None),
    ],
)
def test_the_output_limit_is_read(members: dict[str, Any], limit: int | None) -> None:
    assert parsed(**members).max_output_tokens == limit


@pytest.mark.parametrize(
    ("members", "asked"),
    [
        ({"stream": True, "stream_options": {"include_usage": True}}, True),
        ({"stream": True, "stream_options": {"include_usage": False}}, False),
        ({"stream": True, "stream_options": None}, False),
        ({"stream": True}, False),
        ({"stream": False, "stream_options": {"include_usage": True}}, False),
    ],
)
def test_usage_is_asked_for_on_streams(members: dict[str, Any], asked: bool) -> None:
    assert parsed(**members).include_usage is asked


def test_a_session_in_the_body_is_a_hint() -> None:
    assert parsed(prompt_cache_key="agent:1").conversation_hint == "agent:1"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages.0"),
        ({"messages": [*HI, {"content": "x"}]}, "messages.1.role"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": 1, "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": [], "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": {"text": "x"}}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages.0.tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": ["x"]}]}, "messages.0.tool_calls"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": [1]}, "stream_options"),
        ({"tools": {}}, "tools"),
        ({"tools": [7]}, "tools.0"),
        ({"tools": [{}]}, "tools.0"),
        ({"tools": [{"type": "function"}]}, "tools.0"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"response_format": "json"}, "response_format"),
        ({"modalities": "audio"}, "modalities"),
    ],
)
def test_a_wrong_field_is_named(members: dict[str, Any], field: str) -> None:
    assert list(faults({"messages": HI, **members})) == [field]


def test_every_wrong_field_is_told_at_once() -> None:
    document = {
        "model": 1,
        "temperature": "x",
        "messages": [{"role": "robot", "content": 2}, {}],
        "tools": [{}],
    }
    assert list(faults(document)) == [
        "model",
        "temperature",
        "messages.0.role",
        "messages.0.content",
        "messages.1.role",
        "tools.0",
    ]
    assert "`robot` is no role; use system, " in faults(document)["messages.0.role"]


def test_endless_faults_are_told_within_bounds() -> None:
    assert len(faults({"messages": [{}] * 9_000})) == 100


def test_too_many_messages_are_too_large() -> None:
    body = json.dumps({"messages": HI * 11}).encode()
    assert len(parse(body, max_messages=11).turns) == 11
    with pytest.raises(BodyTooLarge, match="11 messages; at most 10"):
        parse(body, max_messages=10)


def test_what_is_no_json_object_is_malformed() -> None:
    for body in (b"", b"[]", b"{", b'{"a": ' * 300):
        with pytest.raises(MalformedRequest):
            parse(body)
