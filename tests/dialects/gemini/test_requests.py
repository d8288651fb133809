"""Requests of Gemini clients in other dialects' words, and others' in Gemini's."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from tests.dialects.gemini.speaking import (
    CALL,
    FROM_ANTHROPIC_CLIENT,
    FROM_OPENAI_CLIENT,
    PNG,
    RESULT,
    TO_ANTHROPIC_PROVIDER,
    TO_OPENAI_PROVIDER,
    USER,
    gemini_request,
    said,
    sent,
    to_gemini,
    to_openai,
)
from tests.dialects.translating import anthropic_request, openai_request

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
