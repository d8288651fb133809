"""How long to think, and earlier thoughts, from one dialect to another."""

from __future__ import annotations

import pytest

from llmrouter.core.chat.sealing import seal
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.translating import (
    ASKED,
    FUNCTION,
    TEXT,
    TO_ANTHROPIC,
    TO_OPENAI,
    Json,
    anthropic_request,
    openai_request,
    send,
)


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
