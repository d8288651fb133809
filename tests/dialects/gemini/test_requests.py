"""Requests of Gemini clients in other dialects' words, and others' in Gemini's."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from llmrouter.core.chat.sealing import seal
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.translation import TranslatingCodec
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.gemini.speaking import (
    FROM_ANTHROPIC_CLIENT,
    FROM_OPENAI_CLIENT,
    TO_ANTHROPIC_PROVIDER,
    TO_OPENAI_PROVIDER,
    gemini_request,
    said,
)
from tests.dialects.translating import Sent, anthropic_request, openai_request

PNG = "iVBORw0KGgo="
CALL = {"functionCall": {"name": "get_depth", "args": {"lake": "Annecy"}}}
RESULT = {"functionResponse": {"name": "get_depth", "response": {"output": "82 m"}}}
PROVIDER = TargetFacts(provider="google")


def sent(
    codec: TranslatingCodec,
    request: ChatRequest,
    model: str = "gpt-5",
    facts: TargetFacts = PROVIDER,
) -> Sent:
    outgoing = codec.encode(request, model, (), facts)
    document = json.loads(outgoing.body)
    document.pop("model", None)
    return Sent(document, outgoing.losses, outgoing.notes)


def to_openai(**members: Any) -> Sent:
    return sent(TO_OPENAI_PROVIDER, gemini_request(**members))


def to_gemini(model: str = "gemini-3.8-flash", **members: Any) -> Sent:
    return sent(FROM_OPENAI_CLIENT, openai_request(**members), model)


USER = {"role": "user", "content": "hi"}

CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "temperature": ({"temperature": 0.5}, {"temperature": 0.5}),
    "top_p": ({"topP": 0.9}, {"top_p": 0.9}),
    "limit": ({"maxOutputTokens": 100}, {"max_completion_tokens": 100}),
    "stops": ({"stopSequences": ["END"]}, {"stop": ["END"]}),
    "seed": ({"seed": 7}, {"seed": 7}),
    "penalties": (
        {"frequencyPenalty": 0.1, "presencePenalty": 0.2},
        {"frequency_penalty": 0.1, "presence_penalty": 0.2},
    ),
    "json": (
        {"responseMimeType": "application/json"},
        {"response_format": {"type": "json_object"}},
    ),
    "effort": ({"thinkingConfig": {"thinkingLevel": "low"}}, {"reasoning_effort": "low"}),
}
"""What both dialects can say, in each one's words."""


@pytest.mark.parametrize("pair", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_setting_is_said_in_both_dialects(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = pair

    outward = to_openai(generationConfig=ours)
    inward = to_gemini(**theirs)

    assert outward.document == {"messages": [USER], **theirs}
    assert inward.document == {"contents": [said("hi")], "generationConfig": ours}
    assert outward.losses == inward.losses == ()


CONVERSATIONS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "instructions": (
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [said("hi")]},
        [{"role": "system", "content": "Be brief."}, USER],
    ),
    "an earlier answer": (
        {"contents": [said("hi"), said("Hello.", "model"), said("And?")]},
        [USER, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "And?"}],
    ),
    "a picture": (
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"text": "What?"},
                        {"inlineData": {"mimeType": "image/png", "data": PNG}},
                    ],
                }
            ]
        },
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                ],
            }
        ],
    ),
    "a picture elsewhere": (
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {
                            "fileData": {
                                "mimeType": "image/png",
                                "fileUri": "https://lakes.example/a.png",
                            }
                        }
                    ],
                }
            ]
        },
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://lakes.example/a.png"}}
                ],
            }
        ],
    ),
    "sound": (
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}],
                }
            ]
        },
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_audio",
                        "input_audio": {"data": "UklGRg==", "format": "wav"},
                    }
                ],
            }
        ],
    ),
}


@pytest.mark.parametrize("pair", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_conversation_is_said_in_both_dialects(pair: tuple[dict[str, Any], list[Any]]) -> None:
    ours, theirs = pair

    outward = to_openai(**ours)
    inward = to_gemini(messages=theirs)

    assert outward.document == {"messages": theirs}
    assert inward.document == ours
    assert outward.losses == inward.losses == ()


class TestTools:
    DECLARED: ClassVar = {
        "name": "get_depth",
        "description": "How deep a lake is",
        "parametersJsonSchema": {"type": "object", "properties": {"lake": {"type": "string"}}},
    }
    FUNCTION: ClassVar = {
        "name": "get_depth",
        "description": "How deep a lake is",
        "parameters": {"type": "object", "properties": {"lake": {"type": "string"}}},
    }

    def test_declarations_both_ways(self) -> None:
        ours = [{"functionDeclarations": [self.DECLARED]}]
        theirs = [{"type": "function", "function": self.FUNCTION}]

        assert to_openai(tools=ours).document["tools"] == theirs
        assert to_gemini(tools=theirs).document["tools"] == ours

    def test_googles_own_kind_of_schema_is_read_as_a_json_schema(self) -> None:
        parameters = {
            "type": "OBJECT",
            "properties": {"n": {"type": "INTEGER", "nullable": True, "minimum": 1}},
            "property_ordering": ["n"],
        }
        declared = {"name": "f", "parameters": parameters}

        (tool,) = to_openai(tools=[{"function_declarations": [declared]}]).document["tools"]

        assert tool["function"]["parameters"] == {
            "type": "object",
            "properties": {"n": {"type": ["integer", "null"], "minimum": 1}},
        }

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ({"mode": "AUTO"}, "auto"),
            ({"mode": "NONE"}, "none"),
            ({"mode": "ANY"}, "required"),
            (
                {"mode": "ANY", "allowedFunctionNames": ["get_depth"]},
                {"type": "function", "function": {"name": "get_depth"}},
            ),
        ],
    )
    def test_the_choice_both_ways(self, ours: dict[str, Any], theirs: Any) -> None:
        tools = [{"functionDeclarations": [self.DECLARED]}]
        outward = to_openai(tools=tools, toolConfig={"functionCallingConfig": ours})
        functions = [{"type": "function", "function": self.FUNCTION}]
        inward = to_gemini(tools=functions, tool_choice=theirs)

        assert outward.document["tool_choice"] == theirs
        assert inward.document["toolConfig"] == {"functionCallingConfig": ours}
        assert outward.losses == inward.losses == ()

    def test_a_choice_of_the_models_own_among_few_leaves_only_those(self) -> None:
        functions = [{"type": "function", "function": {"name": name}} for name in "ab"]
        allowed = {"mode": "auto", "tools": [functions[0]]}
        choice = {"type": "allowed_tools", "allowed_tools": allowed}

        document = to_gemini(tools=functions, tool_choice=choice).document

        assert document["tools"] == [{"functionDeclarations": [{"name": "a"}]}]
        assert document["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}

    def test_calls_without_ids_are_joined_to_their_responses_by_name_and_order(self) -> None:
        again = {"functionCall": {"name": "get_depth", "args": {"lake": "Bourget"}}}
        late = {"functionResponse": {"name": "get_depth", "response": {"result": "145 m"}}}
        contents = [
            said("hi"),
            {"role": "model", "parts": [CALL, again]},
            {"role": "user", "parts": [RESULT]},
            {"role": "function", "parts": [late]},
        ]

        _, answer, first, second = to_openai(contents=contents).document["messages"]

        assert [call["id"] for call in answer["tool_calls"]] == ["call_1", "call_2"]
        assert (first["tool_call_id"], first["content"]) == ("call_1", "82 m")
        assert (second["tool_call_id"], second["content"]) == ("call_2", "145 m")

    @pytest.mark.parametrize(
        ("response", "content"),
        [
            ({"output": "82 m"}, "82 m"),
            ({"result": ""}, ""),
            ({"depth_m": 82}, '{"depth_m":82}'),
            ({"output": {"depth_m": 82}}, '{"output":{"depth_m":82}}'),
        ],
    )
    def test_what_a_function_gave_back_is_text(
        self, response: dict[str, Any], content: str
    ) -> None:
        result = {"functionResponse": {"name": "get_depth", "response": response}}
        contents = [
            said("hi"),
            {"role": "model", "parts": [CALL]},
            {"role": "user", "parts": [result]},
        ]

        assert to_openai(contents=contents).document["messages"][-1]["content"] == content

    def test_a_function_that_failed_is_said_to_have(self) -> None:
        failed = {"functionResponse": {"name": "get_depth", "response": {"error": "no such lake"}}}
        contents = [
            said("hi"),
            {"role": "model", "parts": [CALL]},
            {"role": "user", "parts": [failed]},
        ]

        document = sent(TO_ANTHROPIC_PROVIDER, gemini_request(contents=contents)).document

        (result,) = document["messages"][-1]["content"]
        assert (result["content"], result["is_error"]) == ("no such lake", True)

    def test_results_of_parallel_calls_share_a_content_and_get_their_names(self) -> None:
        calls = [
            {"id": f"c{n}", "type": "function", "function": {"name": f"f{n}", "arguments": "{}"}}
            for n in (1, 2)
        ]
        results = [{"role": "tool", "tool_call_id": f"c{n}", "content": f"r{n}"} for n in (1, 2)]
        answer = {"role": "assistant", "content": None, "tool_calls": calls}

        document = to_gemini("gemini-2.5-flash", messages=[USER, answer, *results]).document

        assert document["contents"][1:] == [
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": "c1", "name": "f1", "args": {}}},
                    {"functionCall": {"id": "c2", "name": "f2", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "c1",
                            "name": "f1",
                            "response": {"output": "r1"},
                        }
                    },
                    {
                        "functionResponse": {
                            "id": "c2",
                            "name": "f2",
                            "response": {"output": "r2"},
                        }
                    },
                ],
            },
        ]

    @pytest.mark.parametrize(
        ("model", "nests"), [("gemini-3.8-flash", True), ("gemini-2.5-pro", False)]
    )
    def test_a_picture_in_a_result_stands_where_the_model_takes_it(
        self, model: str, nests: bool
    ) -> None:
        picture = {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
        }
        used = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t1", "content": [picture]}
        messages = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [used]},
            {"role": "user", "content": [result]},
        ]

        document = sent(FROM_ANTHROPIC_CLIENT, anthropic_request(messages=messages), model).document

        written = {"inlineData": {"mimeType": "image/png", "data": PNG}}
        response = document["contents"][2]["parts"][0]["functionResponse"]
        assert response.get("parts") == ([written] if nests else None)
        assert document["contents"][3:] == ([] if nests else [{"role": "user", "parts": [written]}])

    def test_arguments_that_are_no_json_travel_as_text_and_are_a_loss(self) -> None:
        function = {"name": "f", "arguments": '{"lake": '}
        answer = {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}

        request = to_gemini(messages=[USER, answer])

        call = request.document["contents"][1]["parts"][0]["functionCall"]
        assert call["args"] == {"arguments": '{"lake": '}
        assert request.losses == ("messages.1.tool_calls.0.arguments",)


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


class TestAddress:
    def test_the_model_and_the_stream_stand_in_the_path(self) -> None:
        for stream, method in ((True, "streamGenerateContent?alt=sse"), (False, "generateContent")):
            outgoing = FROM_OPENAI_CLIENT.encode(openai_request(stream=stream), "gemini-3.8-flash")

            assert outgoing.path == f"/models/gemini-3.8-flash:{method}"
            assert "model" not in json.loads(outgoing.body)

    def test_a_stream_that_the_url_asks_for_reaches_providers_of_any_dialect(self) -> None:
        outgoing = TO_OPENAI_PROVIDER.encode(gemini_request(stream=True), "gpt-5")

        document = json.loads(outgoing.body)
        assert document["stream"] is True
        assert document["stream_options"] == {"include_usage": True}
