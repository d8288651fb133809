"""What one dialect cannot say of another, and how clients are told."""

from __future__ import annotations

import pytest

from llmrouter.core.chat.losses import Losses, translation_header
from tests.dialects.translating import (
    TEXT,
    TO_ANTHROPIC,
    TO_OPENAI,
    TOOL,
    Json,
    anthropic_request,
    openai_request,
    send,
    user,
)

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
