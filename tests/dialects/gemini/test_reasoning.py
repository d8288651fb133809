"""Signatures and how long to think, to and from Gemini."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.chat.sealing import seal
from tests.dialects.gemini.speaking import (
    CALL,
    FROM_ANTHROPIC_CLIENT,
    RESULT,
    TO_ANTHROPIC_PROVIDER,
    USER,
    gemini_request,
    said,
    sent,
    to_gemini,
    to_openai,
)
from tests.dialects.translating import anthropic_request


class TestSignatures:
    """Reasoning that is bound to its maker."""

    def history(self, signature: str, origin: str = "gemini:google") -> list[Any]:
        """A chat client's messages after a call that ``origin`` signed."""
        detail = {"type": "reasoning.text", "text": "", "signature": seal(origin, signature)}
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        answer = {
            "role": "assistant",
            "content": "Let me see.",
            "reasoning_details": [detail],
            "tool_calls": [call],
        }
        return [USER, answer, {"role": "tool", "tool_call_id": "c", "content": "r"}]

    def test_a_signature_comes_home_to_the_call_that_it_stood_at(self) -> None:
        request = to_gemini(messages=self.history("CiQB"))

        text, call = request.document["contents"][1]["parts"]
        assert text == {"text": "Let me see."}
        assert call["thoughtSignature"] == "CiQB"
        assert request.losses == ()

    def test_another_providers_signature_is_dropped_and_its_place_marked(self) -> None:
        request = to_gemini(messages=self.history("CiQB", "gemini:vertex"))

        _, call = request.document["contents"][1]["parts"]
        assert call["thoughtSignature"] == "skip_thought_signature_validator"
        assert request.losses == ("messages.1.reasoning_details",)

    def test_models_that_sign_nothing_get_no_mark(self) -> None:
        request = to_gemini("gemini-2.5-flash", messages=self.history("CiQB", "openai:x"))

        assert "thoughtSignature" not in request.document["contents"][1]["parts"][1]

    def test_googles_signatures_are_dropped_for_others_and_named(self) -> None:
        contents = [
            said("hi"),
            {"role": "model", "parts": [{**CALL, "thoughtSignature": "CiQB"}]},
            {"role": "user", "parts": [RESULT]},
        ]

        assert to_openai(contents=contents).losses == ("contents.1.parts.0.thoughtSignature",)

    def test_a_mark_in_the_place_of_a_signature_is_no_loss(self) -> None:
        marks = [seal("openai:x", ""), "skip_thought_signature_validator"]
        parts = [{**CALL, "thoughtSignature": mark} for mark in marks]
        contents = [said("hi"), {"role": "model", "parts": parts}, said("And?")]

        assert to_openai(contents=contents).losses == ()

    def test_thoughts_signed_elsewhere_go_home_whole(self) -> None:
        """As Google's library keeps a stream: each chunk is a content of its own."""
        signature = seal("anthropic:google", "EqQB")
        chunks: list[dict[str, Any]] = [
            {"text": "Two ", "thought": True},
            {"text": "lakes.", "thought": True},
            {"text": "", "thought": True, "thoughtSignature": signature},
            {"text": "Lake "},
            {"text": "Geneva."},
            {"text": ""},
        ]
        contents = [said("hi"), *({"role": "model", "parts": [c]} for c in chunks), said("And?")]

        request = sent(TO_ANTHROPIC_PROVIDER, gemini_request(contents=contents), "claude-opus-4-6")

        assert request.document["messages"][1]["content"] == [
            {"type": "thinking", "thinking": "Two lakes.", "signature": "EqQB"},
            {"type": "text", "text": "Lake Geneva."},
        ]
        assert request.losses == ()

    def test_encrypted_reasoning_goes_home_in_the_slot_of_signatures(self) -> None:
        sealed = seal("anthropic:google", "encrypted:hush")
        part = {"text": "", "thought": True, "thoughtSignature": sealed}
        contents = [said("hi"), {"role": "model", "parts": [part, {"text": "A"}]}, said("And?")]

        request = sent(TO_ANTHROPIC_PROVIDER, gemini_request(contents=contents), "claude-opus-4-6")

        hidden, _ = request.document["messages"][1]["content"]
        assert hidden == {"type": "redacted_thinking", "data": "hush"}


class TestThinking:
    @pytest.mark.parametrize(
        ("model", "effort", "config"),
        [
            ("gemini-3.8-flash", "minimal", {"thinkingLevel": "minimal"}),
            ("gemini-3-pro-preview", "medium", {"thinkingLevel": "high"}),
            ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "low"}),
            ("gemini-4-argon", "xhigh", {"thinkingLevel": "high"}),
            ("gemini-2.5-flash", "medium", {"thinkingBudget": 8192}),
            ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
            ("gemini-2.5-pro", "high", {"thinkingBudget": 24576}),
        ],
    )
    def test_an_effort_is_a_level_or_a_budget(
        self, model: str, effort: str, config: dict[str, Any]
    ) -> None:
        request = to_gemini(model, reasoning_effort=effort)

        assert request.document["generationConfig"]["thinkingConfig"] == config
        assert request.losses == ()

    @pytest.mark.parametrize(
        ("model", "config"),
        [
            ("gemini-2.5-pro", {"thinkingBudget": 128}),
            ("gemini-3.8-flash", {"thinkingLevel": "minimal"}),
        ],
    )
    def test_models_that_always_think_do_so_as_little_as_they_can(
        self, model: str, config: dict[str, Any]
    ) -> None:
        request = to_gemini(model, reasoning_effort="none")

        assert request.document["generationConfig"]["thinkingConfig"] == config
        assert request.losses == ("reasoning_effort",)

    @pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemma-3-27b-it"])
    def test_models_that_do_not_think_are_not_asked_to(self, model: str) -> None:
        request = to_gemini(model, reasoning_effort="high")

        assert "generationConfig" not in request.document
        assert request.losses == ("reasoning_effort",)

    @pytest.mark.parametrize(
        ("model", "thinking", "config"),
        [
            ("gemini-2.5-flash", 2_000, {"thinkingBudget": 2_000}),
            ("gemini-2.5-flash", 60_000, {"thinkingBudget": 24_576}),
            ("gemini-3.8-flash", 2_000, {"thinkingLevel": "low"}),
            ("gemini-3.8-flash", 30_000, {"thinkingLevel": "high"}),
        ],
    )
    def test_a_budget_is_kept_within_bounds_or_becomes_a_level(
        self, model: str, thinking: int, config: dict[str, Any]
    ) -> None:
        asked = {"type": "enabled", "budget_tokens": thinking}
        request = sent(FROM_ANTHROPIC_CLIENT, anthropic_request(thinking=asked), model)

        written = request.document["generationConfig"]["thinkingConfig"]
        assert written == {**config, "includeThoughts": True}

    @pytest.mark.parametrize(
        ("config", "thinking"),
        [
            ({"thinkingBudget": 0}, {"type": "disabled"}),
            ({"thinkingBudget": 5000}, {"type": "enabled", "budget_tokens": 5000}),
            ({"thinking_budget": 5000}, {"type": "enabled", "budget_tokens": 5000}),
        ],
    )
    def test_what_a_gemini_client_asks_of_claude(
        self, config: dict[str, Any], thinking: dict[str, Any]
    ) -> None:
        request = gemini_request(
            generationConfig={"thinkingConfig": config, "maxOutputTokens": 9000}
        )

        document = sent(TO_ANTHROPIC_PROVIDER, request, "claude-sonnet-4-5").document

        assert document["thinking"] == thinking
