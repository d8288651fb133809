"""What Gemini cannot say of other dialects, and they of it."""

from __future__ import annotations

from tests.dialects.gemini.speaking import (
    FROM_ANTHROPIC_CLIENT,
    TO_ANTHROPIC_PROVIDER,
    USER,
    gemini_request,
    said,
    sent,
    to_gemini,
    to_openai,
)
from tests.dialects.translating import anthropic_request


class TestLosses:
    def test_what_only_google_knows_is_named_field_by_field(self) -> None:
        request = to_openai(
            contents=[{"role": "user", "parts": [{"text": "hi", "videoMetadata": {"fps": 1}}]}],
            safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            cachedContent="cachedContents/abc",
            tools=[{"googleSearch": {}}, {"codeExecution": {}}],
            generationConfig={"candidateCount": 2, "responseModalities": ["IMAGE"]},
            x_new={"a": 1},
        )

        assert set(request.losses) == {
            "contents.0.parts.0.videoMetadata",
            "safetySettings",
            "cachedContent",
            "tools.0.googleSearch",
            "tools.1.codeExecution",
            "generationConfig.candidateCount",
            "generationConfig.responseModalities",
            "xNew",
        }
        assert request.document == {"messages": [USER]}

    def test_defaults_that_are_said_are_no_loss(self) -> None:
        config = {"candidateCount": 1, "responseModalities": ["TEXT"], "topK": 40.0}
        request = sent(TO_ANTHROPIC_PROVIDER, gemini_request(generationConfig=config))

        assert request.document["top_k"] == 40
        assert request.losses == ()

    def test_a_file_at_google_is_not_sent_elsewhere(self) -> None:
        uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"
        part = {"fileData": {"mimeType": "image/png", "fileUri": uri}}

        request = to_openai(contents=[{"role": "user", "parts": [{"text": "hi"}, part]}])

        assert request.losses == ("contents.0.parts.1",)

    def test_what_gemini_has_no_word_for_is_named_in_the_clients_words(self) -> None:
        request = to_gemini(
            messages=[{"role": "user", "content": "hi", "name": "ada"}],
            user="u1",
            verbosity="low",
            prompt_cache_key="k",
            parallel_tool_calls=False,
            metadata={"team": "lakes"},
            stop=list("abcdef"),
        )

        assert set(request.losses) == {
            "messages.0.name",
            "user",
            "verbosity",
            "prompt_cache_key",
            "parallel_tool_calls",
            "metadata",
            "stop",
        }
        assert request.document["generationConfig"]["stopSequences"] == list("abcde")

    def test_cache_hints_are_a_loss(self) -> None:
        system = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]

        request = sent(FROM_ANTHROPIC_CLIENT, anthropic_request(system=system), "gemini-3.8-flash")

        assert request.losses == ("system.0.cache_control",)

    def test_json_beside_tools_is_a_loss_at_models_that_take_one_of_them(self) -> None:
        tools = [{"type": "function", "function": {"name": "f"}}]
        asked = {"response_format": {"type": "json_object"}, "tools": tools}

        older, newer = to_gemini("gemini-2.5-pro", **asked), to_gemini("gemini-3.8-flash", **asked)

        assert older.losses == ("response_format",)
        assert "generationConfig" not in older.document
        assert newer.document["generationConfig"] == {"responseMimeType": "application/json"}

    def test_instructions_alone_are_sent_as_the_users(self) -> None:
        request = to_gemini(messages=[{"role": "system", "content": "Say hi."}])

        assert request.document == {"contents": [said("Say hi.")]}
        assert request.losses == ()
        assert request.notes
