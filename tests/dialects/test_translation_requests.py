"""Requests from a client of one dialect to a provider of another: what both can say."""

from __future__ import annotations

import pytest

from llmrouter.dialects.wire import TargetFacts
from tests.dialects.translating import (
    ASKED,
    PNG,
    SCHEMA,
    TEXT,
    TO_ANTHROPIC,
    TO_OPENAI,
    Json,
    anthropic_request,
    openai_request,
    send,
    user,
)

SAID_BY_BOTH: dict[str, tuple[Json, Json]] = {
    "text": ({"messages": ASKED}, {"messages": ASKED}),
    "system": (
        {"system": "Be brief.", "messages": ASKED},
        {"messages": [{"role": "system", "content": "Be brief."}, *ASKED]},
    ),
    "system in blocks": (
        {"system": [TEXT, {"type": "text", "text": "b"}], "messages": ASKED},
        {
            "messages": [
                {"role": "system", "content": [TEXT, {"type": "text", "text": "b"}]},
                *ASKED,
            ]
        },
    ),
    "two user messages in a row": ({"messages": ASKED * 2}, {"messages": ASKED * 2}),
    "image inside": (
        user(
            TEXT,
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        user(TEXT, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}),
    ),
    "image at an address": (
        user(
            TEXT, {"type": "image", "source": {"type": "url", "url": "https://lakes.example/a.png"}}
        ),
        user(TEXT, {"type": "image_url", "image_url": {"url": "https://lakes.example/a.png"}}),
    ),
    "document": (
        user(
            TEXT,
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "title": "lakes.pdf",
            },
        ),
        user(
            TEXT,
            {
                "type": "file",
                "file": {
                    "filename": "lakes.pdf",
                    "file_data": "data:application/pdf;base64,JVBERi0=",
                },
            },
        ),
    ),
    "tools": (
        {
            "messages": ASKED,
            "tools": [
                {"name": "look", "description": "looks", "input_schema": SCHEMA, "strict": True}
            ],
        },
        {
            "messages": ASKED,
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "look",
                        "description": "looks",
                        "parameters": SCHEMA,
                        "strict": True,
                    },
                }
            ],
        },
    ),
    "parallel calls and their results": (
        {
            "messages": [
                *ASKED,
                {
                    "role": "assistant",
                    "content": [
                        TEXT,
                        {
                            "type": "tool_use",
                            "id": "a",
                            "name": "look",
                            "input": {"city": "Zürich"},
                        },
                        {"type": "tool_use", "id": "b", "name": "look", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "a", "content": "21 °C"},
                        {"type": "tool_result", "tool_use_id": "b", "content": "none"},
                        TEXT,
                    ],
                },
            ]
        },
        {
            "messages": [
                *ASKED,
                {
                    "role": "assistant",
                    "content": "Which lake?",
                    "tool_calls": [
                        {
                            "id": "a",
                            "type": "function",
                            "function": {"name": "look", "arguments": '{"city":"Zürich"}'},
                        },
                        {
                            "id": "b",
                            "type": "function",
                            "function": {"name": "look", "arguments": "{}"},
                        },
                    ],
                },
                {"role": "tool", "tool_call_id": "a", "content": "21 °C"},
                {"role": "tool", "tool_call_id": "b", "content": "none"},
                {"role": "user", "content": "Which lake?"},
            ]
        },
    ),
    "settings": (
        {
            "messages": ASKED,
            "temperature": 0.5,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u-1"},
            "service_tier": "standard_only",
        },
        {
            "messages": ASKED,
            "temperature": 0.5,
            "stop": ["END"],
            "user": "u-1",
            "service_tier": "default",
        },
    ),
    "stream": (
        {"messages": ASKED, "stream": True},
        {"messages": ASKED, "stream": True, "stream_options": {"include_usage": True}},
    ),
    "effort": (
        {
            "messages": ASKED,
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "high"},
        },
        {"messages": ASKED, "reasoning_effort": "high"},
    ),
    "no thinking": (
        {"messages": ASKED, "thinking": {"type": "disabled"}},
        {"messages": ASKED, "reasoning_effort": "none"},
    ),
    "schema of the answer": (
        {
            "messages": ASKED,
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        },
        {
            "messages": ASKED,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA},
            },
        },
    ),
}


@pytest.mark.parametrize(("anthropic", "openai"), SAID_BY_BOTH.values(), ids=SAID_BY_BOTH)
class TestWhatBothDialectsSay:
    def test_from_anthropic(self, anthropic: Json, openai: Json) -> None:
        sent = send(TO_OPENAI, anthropic_request(max_tokens=100, **anthropic))

        assert sent.document == {**openai, "max_completion_tokens": 100}
        assert sent.losses == ()

    def test_from_openai(self, anthropic: Json, openai: Json) -> None:
        sent = send(TO_ANTHROPIC, openai_request(max_completion_tokens=100, **openai))

        assert sent.document == {**anthropic, "max_tokens": 100}
        assert sent.losses == ()


def test_each_provider_is_asked_at_its_own_address_with_its_own_headers() -> None:
    to_openai = TO_OPENAI.encode(anthropic_request(), "gpt-5")
    to_anthropic = TO_ANTHROPIC.encode(openai_request(), "claude-opus-5")

    assert to_openai.path == "/chat/completions"
    assert to_openai.headers == {"content-type": "application/json"}
    assert to_anthropic.path == "/messages"
    assert to_anthropic.headers["anthropic-version"] == "2023-06-01"


class TestMaxTokens:
    def test_anthropic_is_told_the_models_own_limit_where_the_client_said_none(self) -> None:
        sent = send(TO_ANTHROPIC, openai_request(), facts=TargetFacts(max_output_tokens=64_000))

        assert sent.document["max_tokens"] == 64_000
        assert sent.losses == ()
        assert sent.notes == ("max_tokens: Anthropic asks for one; 64000 was sent",)

    def test_and_a_cautious_one_where_that_is_not_known(self) -> None:
        assert send(TO_ANTHROPIC, openai_request()).document["max_tokens"] == 4096

    def test_has_its_older_name_at_providers_that_know_no_other(self) -> None:
        sent = send(TO_OPENAI, anthropic_request(max_tokens=7), quirks=("max_tokens_only",))

        assert sent.document["max_tokens"] == 7
        assert "max_completion_tokens" not in sent.document


class TestInstructions:
    BILLING = "x-anthropic-billing-header: cc_version=2.1.0; cch=00000;"

    def test_claude_codes_billing_line_stays_with_anthropic(self) -> None:
        system = [{"type": "text", "text": self.BILLING}, {"type": "text", "text": "You code."}]

        sent = send(TO_OPENAI, anthropic_request(system=system))

        assert sent.document["messages"][0] == {"role": "system", "content": "You code."}
        assert sent.losses == ()

    def test_and_what_follows_it_in_its_block_does_not(self) -> None:
        sent = send(TO_OPENAI, anthropic_request(system=f"{self.BILLING}\nYou code."))

        assert sent.document["messages"][0]["content"] == "You code."

    def test_inside_a_conversation_keep_their_place(self) -> None:
        messages = [*ASKED, {"role": "system", "content": "Now in French."}, *ASKED]

        assert send(TO_OPENAI, anthropic_request(messages=messages)).document["messages"] == (
            messages
        )

    @pytest.mark.parametrize("role", ["system", "developer"])
    def test_inside_a_conversation_are_the_users_for_anthropic(self, role: str) -> None:
        messages = [*ASKED, {"role": role, "content": "Now in French."}]

        sent = send(TO_ANTHROPIC, openai_request(messages=messages))

        assert sent.document["messages"][1] == {"role": "user", "content": "Now in French."}
        assert sent.losses == ("messages.1.role",)

    def test_and_for_providers_that_refuse_them_there(self) -> None:
        messages = [*ASKED, {"role": "system", "content": "Now in French."}]

        sent = send(
            TO_OPENAI, anthropic_request(messages=messages), quirks=("leading_system_only",)
        )

        assert sent.document["messages"][1]["role"] == "user"
        assert sent.losses == ("messages.1.role",)

    def test_developer_messages_lead_as_a_system_prompt(self) -> None:
        messages = [{"role": "developer", "content": "Be brief."}, *ASKED]

        sent = send(TO_ANTHROPIC, openai_request(messages=messages))

        assert sent.document["system"] == "Be brief."
