"""Requests of Ollama clients in other dialects' words, and others' in Ollama's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.chat.sealing import seal
from llmrouter.dialects.translation import TranslatingCodec
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.gemini.test_requests import sent
from tests.dialects.ollama.speaking import (
    CLOCK,
    FROM_OPENAI_CLIENT,
    NATIVE,
    OLLAMA,
    TO_OPENAI_PROVIDER,
    ollama_request,
)
from tests.dialects.translating import ANTHROPIC, Sent, anthropic_request, openai_request

PNG = "iVBORw0KGgo="
LOCAL = TargetFacts(provider="local")
USER = {"role": "user", "content": "hi"}
FROM_ANTHROPIC_CLIENT = TranslatingCodec(ANTHROPIC, OLLAMA, CLOCK)
FUNCTION = {
    "name": "get_depth",
    "description": "How deep a lake is",
    "parameters": {"type": "object", "properties": {"lake": {"type": "string"}}},
}
TOOL = {"type": "function", "function": FUNCTION}


def to_openai(path: str = "/api/chat", **members: Any) -> Sent:
    return sent(TO_OPENAI_PROVIDER, ollama_request(path, **{"stream": False, **members}))


def to_ollama(model: str = "qwen3:8b", facts: TargetFacts = LOCAL, **members: Any) -> Sent:
    request = sent(FROM_OPENAI_CLIENT, openai_request(**members), model, facts)
    assert request.document.pop("stream") is False
    return request


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "temperature": ({"options": {"temperature": 0.5}}, {"temperature": 0.5}),
    "top_p": ({"options": {"top_p": 0.9}}, {"top_p": 0.9}),
    "limit": ({"options": {"num_predict": 100}}, {"max_completion_tokens": 100}),
    "stops": ({"options": {"stop": ["END"]}}, {"stop": ["END"]}),
    "seed": ({"options": {"seed": 7}}, {"seed": 7}),
    "json": ({"format": "json"}, {"response_format": {"type": "json_object"}}),
    "schema": (
        {"format": {"type": "object"}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"type": "object"}},
            }
        },
    ),
    "effort": ({"think": "low"}, {"reasoning_effort": "low"}),
    "no thinking": ({"think": False}, {"reasoning_effort": "none"}),
    "tools": ({"tools": [TOOL]}, {"tools": [TOOL]}),
}
"""What both dialects can say, in each one's words."""


@pytest.mark.parametrize("pair", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_setting_is_said_in_both_dialects(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = pair

    outward = to_openai(**ours)
    inward = to_ollama(**theirs)

    assert outward.document == {"messages": [USER], **theirs}
    assert inward.document == {"messages": [USER], **ours}
    assert outward.losses == inward.losses == ()


def test_a_conversation_is_said_in_both_dialects() -> None:
    call = {"function": {"name": "get_depth", "arguments": {"lake": "Annecy"}}}
    ours = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What?", "images": [PNG]},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", **call}]},
        {"role": "tool", "content": "82 m", "tool_name": "get_depth", "tool_call_id": "c1"},
        {"role": "user", "content": "And?"},
    ]
    called = {"name": "get_depth", "arguments": '{"lake":"Annecy"}'}
    theirs = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": called}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "82 m"},
        {"role": "user", "content": "And?"},
    ]

    outward = to_openai(messages=ours)
    inward = to_ollama(messages=theirs)

    assert outward.document == {"messages": theirs}
    assert inward.document == {"messages": ours}
    assert outward.losses == inward.losses == ()


def test_calls_and_results_without_ids_are_joined_by_name_and_order() -> None:
    calls = [{"function": {"name": name, "arguments": {}}} for name in ("a", "b", "a")]
    results = [
        {"role": "tool", "tool_name": "b", "content": "1"},
        {"role": "tool", "tool_name": "a", "content": "2"},
        {"role": "tool", "content": "3"},
    ]
    answer = {"role": "assistant", "content": "", "tool_calls": calls}

    _, asked, *answered = to_openai(messages=[USER, answer, *results]).document["messages"]

    assert [call["id"] for call in asked["tool_calls"]] == ["call_1", "call_2", "call_3"]
    assert [(m["tool_call_id"], m["content"]) for m in answered] == [
        ("call_2", "1"),
        ("call_1", "2"),
        ("call_3", "3"),
    ]


def test_what_generate_is_asked_is_a_conversation_of_one_message() -> None:
    request = to_openai(
        "/api/generate", prompt="What?", system="Be brief.", images=[f"data:image/gif;base64,{PNG}"]
    )

    assert request.document["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{PNG}"}},
            ],
        },
    ]
    assert request.losses == ()


def test_a_stream_is_the_default_and_reaches_providers_of_any_dialect() -> None:
    document = sent(TO_OPENAI_PROVIDER, ollama_request()).document

    assert document["stream"] is True


def test_a_provider_is_told_whether_to_stream_for_its_default_is_yes() -> None:
    for stream in (True, False):
        document = sent(FROM_OPENAI_CLIENT, openai_request(stream=stream)).document
        assert document["stream"] is stream


class TestThinking:
    @pytest.mark.parametrize(
        ("model", "effort", "think"),
        [
            ("qwen3:8b", "minimal", "low"),
            ("qwen3:8b", "xhigh", "high"),
            ("qwen3:8b", "max", "max"),
            ("gpt-oss:20b", "max", "high"),
        ],
    )
    def test_an_effort_is_a_level(self, model: str, effort: str, think: str) -> None:
        assert to_ollama(model, reasoning_effort=effort).document["think"] == think

    def test_a_budget_is_a_yes_and_the_loss_is_named(self) -> None:
        thinking = {"type": "enabled", "budget_tokens": 2000}

        request = sent(FROM_ANTHROPIC_CLIENT, anthropic_request(thinking=thinking), "qwen3:8b")

        assert request.document["think"] is True
        assert request.losses == ("thinking.budget_tokens",)

    def test_models_that_do_not_think_are_not_asked_to(self) -> None:
        request = to_ollama(facts=TargetFacts("local", reasons=False), reasoning_effort="high")

        assert "think" not in request.document
        assert request.losses == ("reasoning_effort",)

    @pytest.mark.parametrize(
        ("origin", "kept"), [("ollama:local", "Two lakes."), ("ollama:other", None)]
    )
    def test_thoughts_go_home_and_nowhere_else(self, origin: str, kept: str | None) -> None:
        thought = {"type": "thinking", "thinking": "Two lakes.", "signature": seal(origin, "")}
        text = {"type": "text", "text": "Geneva."}
        messages = [USER, {"role": "assistant", "content": [thought, text]}, USER]
        asked = anthropic_request(messages=messages)

        request = sent(FROM_ANTHROPIC_CLIENT, asked, "qwen3:8b", TargetFacts("local"))

        assert request.document["messages"][1].get("thinking") == kept
        assert request.losses == (() if kept else ("messages.1.content.0",))


class TestToolChoice:
    def test_none_leaves_no_tools(self) -> None:
        request = to_ollama(tools=[TOOL], tool_choice="none")

        assert "tools" not in request.document
        assert request.losses == ()

    def test_ollama_can_force_nothing(self) -> None:
        request = to_ollama(tools=[TOOL], tool_choice="required")

        assert request.document["tools"] == [TOOL]
        assert request.losses == ("tool_choice",)

    def test_a_named_tool_is_the_only_one_that_is_left(self) -> None:
        choice = {"type": "function", "function": {"name": "get_depth"}}
        other = {"type": "function", "function": {"name": "other"}}

        request = to_ollama(tools=[other, TOOL], tool_choice=choice)

        assert request.document["tools"] == [TOOL]
        assert request.losses == ("tool_choice",)

    def test_a_tool_without_parameters_gets_an_empty_schema(self) -> None:
        bare = {"type": "function", "function": {"name": "now"}}

        (tool,) = to_ollama(tools=[bare]).document["tools"]

        assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


class TestLosses:
    def test_what_only_ollama_knows_is_named_field_by_field(self) -> None:
        request = to_openai(
            "/api/generate",
            keep_alive="5m",
            truncate=False,
            raw=True,
            template="x",
            suffix="y",
            context=[1],
            options={"num_ctx": 4096, "mirostat": 1, "num_predict": -1},
            x_new=1,
        )

        assert set(request.losses) == {
            "keep_alive",
            "truncate",
            "raw",
            "template",
            "suffix",
            "context",
            "options.num_ctx",
            "options.mirostat",
            "x_new",
        }
        assert request.document == {"messages": [USER]}

    def test_what_ollama_has_no_word_for_is_named_in_the_clients_words(self) -> None:
        picture = {"type": "image_url", "image_url": {"url": "https://lakes.example/a.png"}}
        request = to_ollama(
            messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}, picture]}],
            user="u1",
            verbosity="low",
            prompt_cache_key="k",
            parallel_tool_calls=False,
            service_tier="flex",
        )

        assert set(request.losses) == {
            "messages.0.content.1",
            "user",
            "verbosity",
            "prompt_cache_key",
            "parallel_tool_calls",
            "service_tier",
        }
        assert request.document == {"messages": [USER]}

    def test_arguments_that_are_no_json_travel_as_text_and_are_a_loss(self) -> None:
        called = {"name": "f", "arguments": "[1"}
        answer = {"role": "assistant", "tool_calls": [{"id": "c", "function": called}]}

        request = to_ollama(messages=[USER, answer])

        (call,) = request.document["messages"][1]["tool_calls"]
        assert call["function"]["arguments"] == {"arguments": "[1"}
        assert request.losses == ("messages.1.tool_calls.0.arguments",)

    def test_that_a_tool_failed_is_a_loss(self) -> None:
        used = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}
        messages = [
            USER,
            {"role": "assistant", "content": [used]},
            {"role": "user", "content": [result]},
        ]

        request = sent(FROM_ANTHROPIC_CLIENT, anthropic_request(messages=messages), "qwen3:8b")

        assert request.losses == ("messages.2.content.0.is_error",)

    def test_a_document_of_text_is_sent_as_text(self) -> None:
        source = {"type": "text", "media_type": "text/plain", "data": "Deep."}
        block = {"type": "document", "source": source, "title": "Lakes"}
        messages = [{"role": "user", "content": [block, {"type": "text", "text": "hi"}]}]

        request = sent(FROM_ANTHROPIC_CLIENT, anthropic_request(messages=messages), "qwen3:8b")

        assert request.document["messages"] == [{"role": "user", "content": "Deep.\n\nhi"}]
        assert request.losses == ("messages.0.content.0.title",)


class TestNative:
    def test_every_field_passes_but_the_models_name(self) -> None:
        request = ollama_request(keep_alive=0, options={"num_ctx": 1}, x_unknown=10**30)

        outgoing = NATIVE.encode(request, "qwen3:8b")

        assert json.loads(outgoing.body) == {**request.document, "model": "qwen3:8b"}
        assert outgoing.path == "/api/chat"
        assert outgoing.losses == ()

    def test_a_request_that_names_the_model_already_passes_byte_for_byte(self) -> None:
        request = ollama_request(model="qwen3:8b")

        assert NATIVE.encode(request, "qwen3:8b").body == request.body

    def test_generate_is_asked_where_generate_was(self) -> None:
        assert NATIVE.encode(ollama_request("/api/generate"), "m").path == "/api/generate"
