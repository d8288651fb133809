"""Requests from a client of one dialect to a provider of another, and what is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.chat.losses import Losses, translation_header
from llmrouter.core.chat.sealing import seal
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.translating import (
    TO_ANTHROPIC,
    TO_OPENAI,
    anthropic_request,
    openai_request,
    send,
)

Json = dict[str, Any]

PNG = "iVBORw0KGgo="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ASKED = [{"role": "user", "content": "hi"}]


def user(*parts: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(parts)}]}


TEXT = {"type": "text", "text": "Which lake?"}

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


TOOL = [{"name": "look", "input_schema": {"type": "object"}}]
FUNCTION = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "look"},
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        ),
        (
            {"type": "any", "disable_parallel_tool_use": True},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
    ],
)
def test_each_tool_choice_both_ways(theirs: Json, ours: Json) -> None:
    sent = send(TO_OPENAI, anthropic_request(tools=TOOL, tool_choice=theirs))
    back = send(TO_ANTHROPIC, openai_request(tools=FUNCTION, **ours))

    assert {name: sent.document[name] for name in ours} == ours
    assert back.document["tool_choice"] == theirs


def test_a_choice_among_several_tools_leaves_the_others_out_for_anthropic() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "abc"]
    allowed = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [tools[0], tools[2]]},
    }

    sent = send(TO_ANTHROPIC, openai_request(tools=tools, tool_choice=allowed))

    assert [tool["name"] for tool in sent.document["tools"]] == ["a", "c"]
    assert sent.document["tool_choice"] == {"type": "any"}


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


class TestToolResults:
    def result(self, **members: Any) -> list[Json]:
        call = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "a", **members}
        return [
            *ASKED,
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]

    def test_pictures_follow_the_results_as_the_users(self) -> None:
        picture = {"type": "image", "source": {"type": "url", "url": "https://lakes.example/a"}}

        sent = send(TO_OPENAI, anthropic_request(messages=self.result(content=[TEXT, picture])))

        assert sent.document["messages"][2:] == [
            {"role": "tool", "tool_call_id": "a", "content": "Which lake?"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "From the result of tool call a:"},
                    {"type": "image_url", "image_url": {"url": "https://lakes.example/a"}},
                ],
            },
        ]
        assert sent.losses == ()

    def test_that_a_tool_failed_is_a_loss_in_chat_completions(self) -> None:
        failed = self.result(content="no such city", is_error=True)

        sent = send(TO_OPENAI, anthropic_request(messages=failed))

        assert sent.document["messages"][2]["content"] == "no such city"
        assert sent.losses == ("messages.2.content.0.is_error",)

    def test_a_tool_that_gave_nothing_still_answered(self) -> None:
        sent = send(TO_OPENAI, anthropic_request(messages=self.result()))

        assert sent.document["messages"][2] == {
            "role": "tool",
            "tool_call_id": "a",
            "content": "",
        }

    def test_ids_and_arguments_are_made_to_fit_anthropic(self) -> None:
        function = {"name": "look", "arguments": "{broken"}
        call = {"id": "functions.look:0", "type": "function", "function": function}
        messages = [
            *ASKED,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "functions.look:0", "content": "ok"},
        ]

        sent = send(TO_ANTHROPIC, openai_request(messages=messages))

        use, result = (message["content"][0] for message in sent.document["messages"][1:])
        assert use["id"] == result["tool_use_id"] == "functions_look_0"
        assert use["input"] == {"arguments": "{broken"}
        assert sent.losses == ("messages.1.tool_calls.0.arguments",)


class TestThinking:
    @pytest.mark.parametrize(
        ("model", "members", "written"),
        [
            ("claude-opus-4-6", {}, {"thinking": {"type": "adaptive"}}),
            ("claude-opus-4-5", {}, {"thinking": {"type": "enabled", "budget_tokens": 8000}}),
            ("claude-3-7-sonnet", {}, {"thinking": {"type": "enabled", "budget_tokens": 8000}}),
            ("claude-sonnet-4-5", {"max_tokens": 1000}, {}),
            ("claude-3-5-haiku-latest", {}, {}),
        ],
    )
    def test_an_effort_in_the_form_that_the_model_takes(
        self, model: str, members: Json, written: Json
    ) -> None:
        request = openai_request(reasoning_effort="high", **{"max_tokens": 10_000, **members})

        sent = send(TO_ANTHROPIC, request, model=model)

        assert {k: v for k, v in sent.document.items() if k == "thinking"} == written
        assert sent.losses == (() if written else ("reasoning_effort",))

    def test_a_forced_call_goes_before_a_thinking_budget(self) -> None:
        request = openai_request(
            reasoning_effort="high", max_tokens=9_000, tools=FUNCTION, tool_choice="required"
        )

        sent = send(TO_ANTHROPIC, request, model="claude-opus-4-5")

        assert "thinking" not in sent.document
        assert sent.losses == ("reasoning_effort",)

    @pytest.mark.parametrize(
        ("model", "thinks"), [("claude-opus-4-5", False), ("claude-opus-4-6", True)]
    )
    def test_in_a_tool_loop_without_its_thoughts_only_newer_models_think(
        self, model: str, thinks: bool
    ) -> None:
        function = {"name": "look", "arguments": "{}"}
        call = {"id": "a", "type": "function", "function": function}
        messages = [
            *ASKED,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "21 °C"},
        ]
        request = openai_request(reasoning_effort="high", max_tokens=9_000, messages=messages)

        sent = send(TO_ANTHROPIC, request, model=model)

        assert ("thinking" in sent.document) is thinks
        assert sent.losses == (() if thinks else ("reasoning_effort",))

    @pytest.mark.parametrize(
        ("thinking", "effort"),
        [
            ({"type": "enabled", "budget_tokens": 1024}, "low"),
            ({"type": "enabled", "budget_tokens": 10_000}, "medium"),
            ({"type": "enabled", "budget_tokens": 60_000}, "high"),
            ({"type": "adaptive"}, None),
        ],
    )
    def test_a_budget_as_an_effort(self, thinking: Json, effort: str | None) -> None:
        sent = send(TO_OPENAI, anthropic_request(max_tokens=64_000, thinking=thinking))

        assert sent.document.get("reasoning_effort") == effort

    @pytest.mark.parametrize(
        ("model", "facts"),
        [("gpt-4o-mini", TargetFacts()), ("some-model", TargetFacts(reasons=False))],
    )
    def test_models_that_do_not_reason_are_not_asked_to(
        self, model: str, facts: TargetFacts
    ) -> None:
        request = anthropic_request(output_config={"effort": "high"})

        sent = send(TO_OPENAI, request, model=model, facts=facts)

        assert "reasoning_effort" not in sent.document
        assert sent.losses == ("output_config.effort",)

    @pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-sonnet-5", "claude-next"])
    def test_models_that_refuse_sampling_get_none(self, model: str) -> None:
        sent = send(TO_ANTHROPIC, openai_request(temperature=0.2, top_p=0.9), model=model)

        assert not {"temperature", "top_p"} & set(sent.document)
        assert sent.losses == ("temperature", "top_p")

    def test_temperature_goes_before_top_p_where_only_one_is_taken(self) -> None:
        sent = send(TO_ANTHROPIC, openai_request(temperature=1.7, top_p=0.9))

        assert sent.document["temperature"] == 1
        assert sent.losses == ("top_p", "temperature")


class TestReasoningOfEarlierTurns:
    def thought(self, signature: str) -> list[Json]:
        block = {"type": "thinking", "thinking": "Two lakes.", "signature": signature}
        return [*ASKED, {"role": "assistant", "content": [block, TEXT]}]

    def test_returns_to_the_endpoint_that_had_it(self) -> None:
        messages = self.thought(seal("openai:deepseek", ""))

        sent = send(
            TO_OPENAI,
            anthropic_request(messages=messages),
            facts=TargetFacts(provider="deepseek"),
        )

        assert sent.document["messages"][1] == {
            "role": "assistant",
            "content": "Which lake?",
            "reasoning_content": "Two lakes.",
        }
        assert sent.losses == ()

    @pytest.mark.parametrize("signature", [seal("openai:kimi", ""), "EqQBCkYIARgC"])
    def test_and_to_no_other(self, signature: str) -> None:
        sent = send(
            TO_OPENAI,
            anthropic_request(messages=self.thought(signature)),
            facts=TargetFacts(provider="deepseek"),
        )

        assert sent.document["messages"][1] == {"role": "assistant", "content": "Which lake?"}
        assert sent.losses == ("messages.1.content.0",)

    def test_signed_and_encrypted_blocks_come_back_from_a_chat_client(self) -> None:
        details = [
            {
                "type": "reasoning.text",
                "text": "Two lakes.",
                "signature": seal("anthropic:anthropic", "EqQB"),
            },
            {"type": "reasoning.encrypted", "data": seal("anthropic:anthropic", "EmwK")},
        ]
        messages = [
            *ASKED,
            {"role": "assistant", "content": "Which lake?", "reasoning_details": details},
        ]

        sent = send(
            TO_ANTHROPIC,
            openai_request(messages=messages),
            facts=TargetFacts(provider="anthropic"),
        )

        assert sent.document["messages"][1]["content"] == [
            {"type": "thinking", "thinking": "Two lakes.", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "EmwK"},
            TEXT,
        ]
        assert sent.losses == ()

    def test_unsigned_thoughts_are_nothing_to_anthropic(self) -> None:
        messages = [*ASKED, {"role": "assistant", "content": "x", "reasoning_content": "Two."}]

        sent = send(TO_ANTHROPIC, openai_request(messages=messages))

        assert sent.losses == ("messages.1.reasoning_content",)


HINTED = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}


class TestCacheHints:
    def test_survive_where_the_provider_knows_them(self) -> None:
        sent = send(TO_OPENAI, anthropic_request(**user(HINTED)), quirks=("cache_control",))

        assert sent.document["messages"] == user(HINTED)["messages"]
        assert sent.losses == ()

    def test_and_are_a_loss_elsewhere(self) -> None:
        sent = send(TO_OPENAI, anthropic_request(**user(HINTED)))

        assert sent.document["messages"] == [{"role": "user", "content": "long"}]
        assert sent.losses == ("messages.0.content.0.cache_control",)

    def test_of_a_chat_client_reach_anthropic(self) -> None:
        sent = send(TO_ANTHROPIC, openai_request(**user(HINTED)))

        assert sent.document["messages"] == user(HINTED)["messages"]


class TestSchemas:
    def test_a_tool_may_be_only_a_name(self) -> None:
        sent = send(TO_ANTHROPIC, openai_request(tools=["look"]))

        schema = {"type": "object", "properties": {}}
        assert sent.document["tools"] == [{"name": "look", "input_schema": schema}]

    def test_a_choice_at_the_top_of_a_tools_schema_is_a_loss(self) -> None:
        function = {"name": "look", "parameters": {"type": "object", "anyOf": [{}]}}

        sent = send(
            TO_ANTHROPIC, openai_request(tools=[{"type": "function", "function": function}])
        )

        assert sent.document["tools"][0]["input_schema"] == {"type": "object"}
        assert sent.losses == ("tools.0.function.parameters.anyOf",)

    def test_an_answers_schema_is_closed_and_freed_of_limits_unknown_to_anthropic(self) -> None:
        age = {"type": "integer", "minimum": 0}
        schema = {
            "type": "object",
            "properties": {"age": age, "tags": {"oneOf": [{"type": "null"}]}},
        }
        response_format = {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}

        sent = send(TO_ANTHROPIC, openai_request(response_format=response_format))

        assert sent.document["output_config"]["format"]["schema"] == {
            "type": "object",
            "properties": {"age": {"type": "integer"}, "tags": {"anyOf": [{"type": "null"}]}},
            "additionalProperties": False,
        }
        assert sent.losses == ("response_format.json_schema.schema.properties.age.minimum",)


SOUND = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
CLOSE_LOOK = {"type": "image_url", "image_url": {"url": "https://a.example", "detail": "high"}}


@pytest.mark.parametrize(
    ("members", "losses"),
    [
        ({"n": 2}, ("n",)),
        ({"n": 1, "logprobs": False, "store": False, "modalities": ["text"]}, ()),
        ({"logprobs": True, "top_logprobs": 3}, ("logprobs", "top_logprobs")),
        ({"presence_penalty": 0.5, "frequency_penalty": 0}, ("presence_penalty",)),
        ({"seed": 7}, ("seed",)),
        ({"prompt_cache_key": "k"}, ("prompt_cache_key",)),
        ({"metadata": {"team": "lakes"}}, ("metadata",)),
        ({"service_tier": "flex"}, ("service_tier",)),
        ({"response_format": {"type": "json_object"}}, ("response_format",)),
        ({"response_format": {"type": "text"}}, ()),
        ({"stop": ["\n", "END"]}, ("stop",)),
        ({"x_unknown": {"a": 1}}, ("x_unknown",)),
        ({"tools": [{"type": "web_search"}]}, ("tools.0",)),
        (user(SOUND), ("messages.0.content.0",)),
        (user(TEXT, {"type": "file", "file": {"file_id": "file-1"}}), ("messages.0.content.1",)),
        (user(TEXT, {"type": "video_url", "video_url": {}}), ("messages.0.content.1",)),
        ({"messages": [{"role": "user", "name": "ada", "content": "hi"}]}, ("messages.0.name",)),
        (user(CLOSE_LOOK), ("messages.0.content.0.image_url.detail",)),
    ],
)
def test_what_anthropic_cannot_say_is_said(members: Json, losses: tuple[str, ...]) -> None:
    assert send(TO_ANTHROPIC, openai_request(**members)).losses == losses


@pytest.mark.parametrize(
    ("members", "losses"),
    [
        ({"top_k": 3}, ("top_k",)),
        ({"cache_control": {"type": "ephemeral"}}, ("cache_control",)),
        ({"stop_sequences": list("abcde")}, ("stop_sequences",)),
        ({"metadata": {"user_id": "u" * 65}}, ("metadata.user_id",)),
        ({"context_management": {"edits": []}}, ("context_management",)),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, ("tools.0",)),
        ({"tools": [{**TOOL[0], "defer_loading": True}]}, ()),
        ({"thinking": {"type": "between_tools"}}, ("thinking",)),
        (user(TEXT, {"type": "container_upload", "file_id": "f"}), ("messages.0.content.1",)),
        (
            user(TEXT, {"type": "document", "source": {"type": "file", "file_id": "f"}}),
            ("messages.0.content.1",),
        ),
        (
            user({"type": "document", "source": {"type": "text", "data": "Lake."}, "title": "T"}),
            ("messages.0.content.0.title",),
        ),
    ],
)
def test_what_chat_completions_cannot_say_is_said(members: Json, losses: tuple[str, ...]) -> None:
    assert send(TO_OPENAI, anthropic_request(**members)).losses == losses


def test_the_translation_header_shows_each_shape_of_a_loss_once() -> None:
    losses = Losses()
    for index in range(3):
        losses.drop(f"messages.{index}.content.0.cache_control", "why")
    losses.drop("logprobs", "why")

    header = translation_header(native=False, dropped=losses.fields)

    assert header == "lossy; dropped=messages.*.content.*.cache_control,logprobs"
    assert translation_header(native=False, dropped=()) == "lossless"
    assert translation_header(native=True, dropped=()) == "native"


def test_the_translation_header_stays_a_header() -> None:
    wild = [f"x\r\nset-cookie: {'y' * 90}{index}z" for index in range(50)]

    header = translation_header(native=False, dropped=wild)

    assert len(header) < 1_100
    assert header.isascii()
    assert header.isprintable()
