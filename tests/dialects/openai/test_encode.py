"""Requests on their way to a compatible provider."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.chat.sealing import seal
from llmrouter.core.configuration import Quirk
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.dialects.wire import OutgoingRequest

HI = [{"role": "user", "content": "hi"}]


def sent(document: dict[str, Any], *quirks: Quirk) -> OutgoingRequest:
    request = DIALECTS["openai"].parse(json.dumps(document).encode())
    return codec("openai", "openai").encode(request, "lab/m-1", quirks)


def body(document: dict[str, Any], *quirks: Quirk) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(sent(document, *quirks).body)
    return read


def test_only_the_model_changes() -> None:
    document = {"model": "auto", "messages": HI, "temperature": 0.2, "x_new": {"a": [None, 1]}}
    outgoing = sent(document)
    assert (outgoing.path, outgoing.losses) == ("/chat/completions", ())
    assert outgoing.headers["content-type"] == "application/json"
    assert list(json.loads(outgoing.body).items()) == list({**document, "model": "lab/m-1"}.items())


def test_a_model_is_set_where_none_was() -> None:
    assert body({"messages": HI}) == {"messages": HI, "model": "lab/m-1"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {"include_usage": True}),
        (
            {"stream_options": {"include_obfuscation": False}},
            {"include_obfuscation": False, "include_usage": True},
        ),
    ],
)
def test_streams_always_ask_for_usage(options: dict[str, Any], expected: dict[str, Any]) -> None:
    assert body({"messages": HI, "stream": True, **options})["stream_options"] == expected


def test_other_requests_do_not() -> None:
    assert "stream_options" not in body({"messages": HI, "stream": False})


def test_quirk_no_stream_options() -> None:
    document = {"messages": HI, "stream": True, "stream_options": {"include_usage": True}}
    outgoing = sent(document, "no_stream_options")
    assert "stream_options" not in json.loads(outgoing.body)
    assert outgoing.losses == ("stream_options",)
    assert sent({"messages": HI, "stream": True}, "no_stream_options").losses == ()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"max_tokens": 5, "max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({}, {}),
    ],
)
def test_quirk_max_tokens_only(limits: dict[str, Any], expected: dict[str, Any]) -> None:
    written = body({"messages": HI, **limits}, "max_tokens_only")
    assert {name: v for name, v in written.items() if name.startswith("max_")} == expected


def test_quirk_no_developer_role() -> None:
    messages = [{"role": "developer", "content": "d", "name": "n"}, *HI]
    written = body({"messages": messages}, "no_developer_role")["messages"]
    assert written == [{"role": "system", "content": "d", "name": "n"}, *HI]


def test_arguments_of_client_libraries_are_not_sent_on() -> None:
    planted = {
        "api_base": "http://evil.example",
        "base_url": "http://evil.example",
        "api_key": "sk-planted",
        "extra_headers": {"x": "y"},
        "user_config": {},
    }
    assert body({"messages": HI, **planted}) == {"messages": HI, "model": "lab/m-1"}


TEXT = st.text(max_size=10)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.dictionaries(TEXT.map(lambda name: "x_" + name), VALUES, max_size=4)
CONTENTS = st.none() | TEXT | st.lists(MEMBERS.map(lambda m: {**m, "type": "text"}), max_size=2)
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
MESSAGES = st.builds(lambda m, r, c: {**m, "role": r, "content": c}, MEMBERS, ROLES, CONTENTS)
TOOLS = MEMBERS.map(lambda m: {**m, "type": "function", "function": {"name": "f", **m}})
DOCUMENTS = st.builds(
    lambda members, messages, tools: {**members, "messages": messages, "tools": tools},
    MEMBERS,
    st.lists(MESSAGES, min_size=1, max_size=3),
    st.lists(TOOLS, max_size=2),
)


@given(DOCUMENTS)
def test_law_no_field_is_dropped_and_none_invented(document: dict[str, Any]) -> None:
    assert body(document) == {**document, "model": "lab/m-1"}


@given(DOCUMENTS)
def test_law_a_stream_gains_its_usage_alone(document: dict[str, Any]) -> None:
    assert body({**document, "stream": True}) == {
        **document,
        "stream": True,
        "model": "lab/m-1",
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_tokens": 5}, {"max_completion_tokens": 5}),
        ({"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ({"max_tokens": 9, "max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ({"max_tokens": None}, {"max_tokens": None}),
    ],
)
def test_newer_models_get_the_limit_under_its_newer_name(
    limits: dict[str, Any], expected: dict[str, Any]
) -> None:
    document = body({"messages": HI, **limits}, "no_max_tokens")
    assert {name: value for name, value in document.items() if "max" in name} == expected


def test_an_instruction_in_the_midst_is_the_user_s_where_it_would_be_refused() -> None:
    roles = ["system", "developer", "user", "system", "assistant", "developer", "user"]
    messages = [{"role": role, "content": role} for role in roles]

    adapted = body({"messages": messages}, "leading_system_only", "no_developer_role")["messages"]

    assert [m["role"] for m in adapted] == [
        "system",
        "system",
        "user",
        "user",
        "assistant",
        "user",
        "user",
    ]
    assert [m["content"] for m in adapted] == roles
    assert body({"messages": messages})["messages"] == messages


def test_lists_of_texts_are_one_text_where_they_would_be_refused() -> None:
    texts = [{"type": "text", "text": "one", "cache_control": {}}, {"type": "text", "text": "two"}]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [
        {"role": "user", "content": texts},
        {"role": "user", "content": [*texts, picture]},
        {"role": "tool", "tool_call_id": "c", "content": texts},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": []},
    ]

    adapted = body({"messages": messages}, "text_as_string")["messages"]

    assert [m["content"] for m in adapted] == [
        "one\n\ntwo",
        [*texts, picture],
        "one\n\ntwo",
        None,
        [],
    ]
    assert body({"messages": messages})["messages"] == messages


def test_another_vendor_s_sealed_reasoning_is_taken_out_and_said() -> None:
    sealed = seal("anthropic:claude", "c2lnbmVk")
    own = {"type": "reasoning.text", "text": "hm", "signature": "b3du"}
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": sealed},
        own,
        {"type": "reasoning.encrypted", "data": sealed},
    ]
    messages = [
        {"role": "assistant", "content": "a", "reasoning_details": details},
        {"role": "assistant", "content": "b", "reasoning_details": details[:1]},
        {"role": "assistant", "content": "c", "reasoning_details": [own]},
    ]

    outgoing = sent({"messages": messages})

    assert json.loads(outgoing.body)["messages"] == [
        {"role": "assistant", "content": "a", "reasoning_details": [own]},
        {"role": "assistant", "content": "b"},
        {"role": "assistant", "content": "c", "reasoning_details": [own]},
    ]
    assert outgoing.losses == (
        "messages.0.reasoning_details.0",
        "messages.0.reasoning_details.2",
        "messages.1.reasoning_details.0",
    )
    assert all("another vendor" in note for note in outgoing.notes)
