"""Requests of clients of the Responses API, as providers of other dialects get them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import ToolCall
from llmrouter.core.chat.sealing import seal
from llmrouter.dialects.responses.parse import parse
from llmrouter.dialects.responses.seals import Seal, write_seal
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.responses.passing import (
    FROM_ANTHROPIC,
    FROM_OPENAI,
    RESPONSES,
    TO_ANTHROPIC,
    TO_OPENAI,
    anthropic_request,
    fixture,
    named,
    openai_request,
    request,
    send,
)

TARGETS = [
    pytest.param(TO_OPENAI, "gpt-5", "", id="openai"),
    pytest.param(TO_ANTHROPIC, "claude-opus-4-6", "anthropic", id="anthropic"),
]


@pytest.mark.parametrize(("codec", "model", "provider"), TARGETS)
@pytest.mark.parametrize("case", fixture("requests"), ids=named)
def test_a_request_says_the_same_in_another_dialect(
    case: Path, codec: Any, model: str, provider: str
) -> None:
    asked = parse((case / "request.json").read_bytes())

    sent = send(codec, asked, model, TargetFacts(provider=provider))

    expected = json.loads((case / f"{codec.provider.name}.json").read_text())
    assert {"sent": sent.document, "lost": list(sent.losses)} == expected


@pytest.mark.parametrize("case", fixture("requests"), ids=named)
def test_the_tools_alone_are_read_as_with_the_rest(case: Path) -> None:
    document = json.loads((case / "request.json").read_text())

    assert (
        RESPONSES.read_tools(document, Losses()) == RESPONSES.read_request(document, Losses()).tools
    )


@pytest.mark.parametrize(
    ("members", "lost"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"truncation": "auto"}, "truncation"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"reasoning": {"effort": "low", "mode": "pro"}}, "reasoning.mode"),
        ({"text": {"format": {"type": "json_object", "x": 1}, "y": 2}}, "text.y"),
        ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice"),
        ({"lake": True}, "lake"),
        ({"input": [{"type": "compaction", "encrypted_content": "x"}]}, "input.0"),
        ({"input": [{"role": "user", "content": [{"type": "sonar"}]}]}, "input.0.content.0"),
        (
            {"input": [{"role": "developer", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input.0.content.0",
        ),
    ],
)
def test_what_nobody_else_can_say_is_named(members: dict[str, Any], lost: str) -> None:
    assert lost in send(TO_OPENAI, request(**members), "gpt-5").losses


@pytest.mark.parametrize(
    "members",
    [
        {"store": False, "background": False, "truncation": "disabled", "top_logprobs": 0},
        {"include": ["reasoning.encrypted_content"], "stream_options": {"include_obfuscation": 0}},
        {"text": {"format": {"type": "text"}}, "reasoning": {"effort": "low"}},
        {"conversation": None, "instructions": None, "tools": [], "metadata": {}},
    ],
)
def test_what_every_dialect_does_anyway_is_no_loss(members: dict[str, Any]) -> None:
    assert send(TO_OPENAI, request(**members), "gpt-5").losses == ()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "custom", "name": "b"}, {"type": "function", "function": {"name": "b"}}),
        ({"type": "function", "name": "c", "namespace": "n"}, {"function": {"name": "n__c"}}),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}, "none"),
    ],
)
def test_a_tool_choice_is_kept(choice: Any, expected: Any) -> None:
    tools = [
        {"type": "function", "name": "a", "parameters": {}},
        {"type": "custom", "name": "b"},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "c"}]},
    ]

    sent = send(TO_OPENAI, request(tools=tools, tool_choice=choice), "gpt-5").document

    if isinstance(expected, dict):
        assert sent["tool_choice"]["function"] == expected["function"]
    else:
        assert sent["tool_choice"] == expected


def test_a_signed_call_gets_its_signature_back() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    bearer = {"type": "reasoning", "encrypted_content": write_seal(Seal("gemini:g", "call", "s1"))}
    document = {"input": [bearer, call]}

    (message,) = RESPONSES.read_request(document, Losses()).messages

    assert message.parts == (ToolCall("c", "f", "{}", signature="s1", origin="gemini:g"),)


class TestRequestsForProvidersOfTheResponsesApi:
    def test_nothing_is_stored_and_reasoning_comes_encrypted(self) -> None:
        sent = send(FROM_OPENAI, openai_request(), "gpt-5").document

        assert sent["store"] is False
        assert sent["include"] == ["reasoning.encrypted_content"]

    def test_a_model_that_does_not_reason_is_asked_for_no_reasoning(self) -> None:
        sent = send(FROM_OPENAI, openai_request(reasoning_effort="high"), "gpt-4o")

        assert "include" not in sent.document
        assert "reasoning" not in sent.document
        assert sent.losses == ("reasoning_effort",)

    def test_a_loop_of_parallel_tools(self) -> None:
        asked = openai_request(
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Go."},
                {
                    "role": "assistant",
                    "content": "I look.",
                    "tool_calls": [
                        {"id": "a", "function": {"name": "f", "arguments": "{}"}},
                        {"id": "b", "type": "custom", "custom": {"name": "g", "input": "x y"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "a", "content": "1"},
                {"role": "tool", "tool_call_id": "b", "content": "2"},
            ],
            tools=[
                {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
                {
                    "type": "custom",
                    "custom": {
                        "name": "g",
                        "format": {
                            "type": "grammar",
                            "grammar": {"syntax": "regex", "definition": "[xy ]+"},
                        },
                    },
                },
            ],
            tool_choice={"type": "custom", "custom": {"name": "g"}},
        )

        sent = send(FROM_OPENAI, asked, "gpt-5")

        assert sent.losses == ()
        assert sent.document["instructions"] == "Be brief."
        assert sent.document["input"] == [
            message("user", "input_text", "Go."),
            message("assistant", "output_text", "I look."),
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "b", "name": "g", "input": "x y"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            {"type": "custom_tool_call_output", "call_id": "b", "output": "2"},
        ]
        function, custom = sent.document["tools"]
        assert function == {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object"},
            "strict": False,
        }
        assert custom["format"] == {"type": "grammar", "syntax": "regex", "definition": "[xy ]+"}
        assert sent.document["tool_choice"] == {"type": "custom", "name": "g"}

    def test_pictures_files_and_sound(self) -> None:
        parts = [
            {"type": "text", "text": "See."},
            {"type": "image_url", "image_url": {"url": "https://lakes.example/a.png"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0="}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        ]
        asked = openai_request(messages=[{"role": "user", "content": parts}])

        sent = send(FROM_OPENAI, asked, "gpt-5")

        assert sent.losses == ()
        assert sent.document["input"][0]["content"] == [
            {"type": "input_text", "text": "See."},
            {
                "type": "input_image",
                "image_url": "https://lakes.example/a.png",
                "detail": "auto",
            },
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64,JVBERi0=",
            },
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        ]

    def test_an_answer_by_schema(self) -> None:
        schema = {"type": "object", "properties": {}}
        wanted = {"type": "json_schema", "json_schema": {"name": "lake", "schema": schema}}

        sent = send(FROM_OPENAI, openai_request(response_format=wanted, verbosity="low"), "gpt-5")

        assert sent.document["text"] == {
            "format": {"type": "json_schema", "name": "lake", "schema": schema},
            "verbosity": "low",
        }

    def test_encrypted_reasoning_comes_home_and_goes_nowhere_else(self) -> None:
        facts = TargetFacts(provider="openai")
        turns = [
            {"role": "user", "content": "Hi."},
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "thinking",
                        "thinking": "Hm.",
                        "signature": seal("responses:openai", "gAAA1"),
                    },
                    {"type": "redacted_thinking", "data": seal("responses:openai", "gAAA2")},
                    {
                        "type": "thinking",
                        "thinking": "Elsewhere.",
                        "signature": seal("responses:azure", "gAAA3"),
                    },
                    {"type": "text", "text": "Hello."},
                ],
            },
            {"role": "user", "content": "Bye."},
        ]

        sent = send(FROM_ANTHROPIC, anthropic_request(messages=turns), "gpt-5", facts)

        thoughts = [item for item in sent.document["input"] if item["type"] == "reasoning"]
        assert thoughts == [
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "gAAA1",
            },
            {"type": "reasoning", "summary": [], "encrypted_content": "gAAA2"},
        ]
        assert sent.losses == ("messages.1.content.2",)

    @pytest.mark.parametrize(
        ("thinking", "expected"),
        [
            ({"type": "enabled", "budget_tokens": 2_000}, {"effort": "low", "summary": "auto"}),
            ({"type": "enabled", "budget_tokens": 9_000}, {"effort": "medium", "summary": "auto"}),
            ({"type": "enabled", "budget_tokens": 32_000}, {"effort": "high", "summary": "auto"}),
            ({"type": "adaptive"}, {"summary": "auto"}),
            ({"type": "adaptive", "display": "omitted"}, None),
            ({"type": "disabled"}, {"effort": "none"}),
        ],
    )
    def test_thinking_as_effort(self, thinking: Any, expected: Any) -> None:
        asked = anthropic_request(thinking=thinking, max_tokens=64_000)

        assert send(FROM_ANTHROPIC, asked, "gpt-5").document.get("reasoning") == expected

    @pytest.mark.parametrize(
        ("model", "members", "temperature", "losses"),
        [
            ("gpt-5-mini", {"temperature": 0.2}, None, ("temperature",)),
            ("gpt-5-mini", {"temperature": 1, "top_p": 1}, None, ()),
            ("o3", {"temperature": 0.2, "top_p": 0.5}, None, ("temperature", "top_p")),
            ("gpt-5.2", {"temperature": 0.2, "reasoning_effort": "none"}, 0.2, ()),
            ("gpt-5.2", {"temperature": 0.2, "reasoning_effort": "low"}, None, ("temperature",)),
            ("gpt-5", {"temperature": 0.2, "reasoning_effort": "none"}, None, ("temperature",)),
            ("gpt-5-chat-latest", {"temperature": 0.2}, 0.2, ()),
            ("openai/gpt-4.1", {"temperature": 0.2}, 0.2, ()),
            ("grok-4", {"temperature": 0.2}, 0.2, ()),
        ],
    )
    def test_sampling_reaches_the_models_that_take_it(
        self, model: str, members: Any, temperature: float | None, losses: tuple[str, ...]
    ) -> None:
        sent = send(FROM_OPENAI, openai_request(**members), model)

        assert sent.document.get("temperature") == temperature
        assert sent.losses == losses

    def test_a_limit_below_the_apis_least_is_raised_and_said(self) -> None:
        sent = send(FROM_ANTHROPIC, anthropic_request(max_tokens=1), "gpt-5")

        assert sent.document["max_output_tokens"] == 16
        assert sent.losses == ()
        assert sent.notes == ("max_tokens: 16, the API's least, was sent",)

    def test_what_the_api_has_no_word_for_is_named(self) -> None:
        asked = openai_request(
            stop=["x"], seed=1, frequency_penalty=0.5, presence_penalty=0, user="u" * 65
        )

        assert set(send(FROM_OPENAI, asked, "gpt-5").losses) == {
            "stop",
            "seed",
            "frequency_penalty",
            "user",
        }

    def test_what_anthropics_clients_say_besides_is_named(self) -> None:
        hinted = {"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral"}}
        failed = {"type": "tool_result", "tool_use_id": "a", "content": "No.", "is_error": True}
        asked = anthropic_request(
            messages=[
                {"role": "user", "content": [hinted]},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}],
                },
                {"role": "user", "content": [failed]},
            ],
            top_k=5,
        )

        assert set(send(FROM_ANTHROPIC, asked, "gpt-5").losses) == {
            "messages.0.content.0.cache_control",
            "messages.2.content.0.is_error",
            "top_k",
        }

    def test_instructions_in_pieces_stay_in_pieces(self) -> None:
        system = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]

        sent = send(FROM_ANTHROPIC, anthropic_request(system=system), "gpt-5").document

        assert "instructions" not in sent
        assert sent["input"][0]["role"] == "system"
        assert [part["text"] for part in sent["input"][0]["content"]] == ["One.", "Two."]


def message(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
