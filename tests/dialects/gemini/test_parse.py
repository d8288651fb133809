"""What the router learns from a Gemini client's request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.errors import BodyTooLarge, InvalidRequest, MalformedRequest, NotFound
from llmrouter.core.requests import Turn
from llmrouter.dialects.gemini.dialect import GeminiDialect
from llmrouter.dialects.wire import AddressedDialect, Dialect, RequestAddress
from tests.dialects.gemini.speaking import address, gemini_request, said

DIALECT: Dialect = GeminiDialect()


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/gemini-3.8-flash:generateContent", "gemini-3.8-flash"),
        ("/v1/models/smart:generateContent", "smart"),
        ("/models/smart:generateContent/", "smart"),
        ("/v1beta/models/openrouter/z-ai/glm-5:generateContent", "openrouter/z-ai/glm-5"),
        ("/v1beta/models/ollama/qwen3:8b:generateContent", "ollama/qwen3:8b"),
        ("/v1beta/tunedModels/lakes:generateContent", "tunedModels/lakes"),
        ("/v1/publishers/google/models/smart:generateContent", "smart"),
    ],
)
def test_the_model_stands_in_the_path(path: str, model: str) -> None:
    request = GeminiDialect().at(RequestAddress(path)).parse(b'{"contents": [{"parts": []}]}')

    assert (request.model, request.stream, request.form) == (model, False, None)


@pytest.mark.parametrize(("query", "form"), [({"alt": "sse"}, "sse"), ({}, "array")])
def test_the_form_of_a_stream_stands_in_the_query(query: dict[str, str], form: str) -> None:
    dialect = GeminiDialect().at(address("streamGenerateContent", **query))

    request = dialect.parse(json.dumps({"contents": [said("hi")]}).encode())

    assert (request.stream, request.form, request.include_usage) == (True, form, True)


@pytest.mark.parametrize(
    "path", ["/v1beta/models", "/v1beta/models/smart", "/v1/models/a:embedContent"]
)
def test_other_addresses_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        GeminiDialect().at(RequestAddress(path))


def test_the_dialect_is_one_that_is_spoken_at_addresses() -> None:
    assert isinstance(DIALECT, AddressedDialect)


def test_without_an_address_the_body_may_name_the_model() -> None:
    body = json.dumps({"model": "models/smart", "contents": [said("hi")]}).encode()

    assert DIALECT.parse(body).model == "smart"


@pytest.mark.parametrize("is_snake", [False, True])
def test_both_spellings_are_understood(is_snake: bool) -> None:
    camel = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What?"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ],
            }
        ],
        "tools": [{"functionDeclarations": [{"name": "get_depth"}]}, {"googleSearch": {}}],
        "generationConfig": {
            "maxOutputTokens": 50,
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object"},
        },
    }
    snake = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What?"},
                    {"inline_data": {"mime_type": "image/png", "data": "AAAA"}},
                ],
            }
        ],
        "tools": [{"function_declarations": [{"name": "get_depth"}]}, {"google_search": {}}],
        "generation_config": {
            "max_output_tokens": 50,
            "response_mime_type": "application/json",
            "response_json_schema": {"type": "object"},
        },
    }

    request = gemini_request(**(snake if is_snake else camel))

    assert request.turns == (Turn("system", "Be brief."), Turn("user", "What?", has_media=True))
    assert request.tools == ("get_depth", "googleSearch")
    assert request.needs == {"tools", "vision", "json_schema"}
    assert request.max_output_tokens == 50


def test_turns_tell_calls_results_and_thoughts_apart() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    result = {"functionResponse": {"name": "f", "response": {"output": "82 m"}}}
    request = gemini_request(
        contents=[
            {"parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "Ok."}, call]},
            {"role": "user", "parts": [result, {"text": "Go on."}]},
            {"role": "user", "parts": [{"inlineData": {"mimeType": "audio/wav", "data": "A"}}]},
        ]
    )

    assert request.turns == (
        Turn("user", "hi"),
        Turn("assistant", "Ok.", calls_tools=True),
        Turn("tool", '{"output":"82 m"}'),
        Turn("user", "Go on."),
        Turn("user", "", has_media=True),
    )
    assert request.needs == {"audio"}


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        ({}, ["contents"]),
        ({"contents": []}, ["contents"]),
        ({"contents": "hi"}, ["contents"]),
        ({"contents": [1, {"role": "x", "parts": 1}]},
         ["contents.0", "contents.1.role", "contents.1.parts"]),
        ({"contents": [{"parts": [1, {"text": 1}, {"inline_data": 1}]}]},
         ["contents.0.parts.0", "contents.0.parts.1.text", "contents.0.parts.2.inlineData"]),
        ({"contents": [said("hi")], "tools": [1, {"functionDeclarations": [{}]}]},
         ["tools.0", "tools.1.functionDeclarations.0.name"]),
        ({"contents": [said("hi")], "generationConfig": 1, "systemInstruction": 1},
         ["generationConfig", "systemInstruction"]),
    ],
)  # fmt: skip
def test_every_wrong_field_is_named(members: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        DIALECT.parse(json.dumps(members).encode())

    assert [error.field for error in caught.value.errors] == fields


def test_what_is_no_json_object_is_malformed() -> None:
    for body in (b"", b"[]", b"{", b'{"contents": NaN}'):
        with pytest.raises(MalformedRequest):
            DIALECT.parse(body)


def test_too_many_contents_are_too_large() -> None:
    with pytest.raises(BodyTooLarge):
        DIALECT.parse(json.dumps({"contents": [said("hi")] * 3}).encode(), max_messages=2)
