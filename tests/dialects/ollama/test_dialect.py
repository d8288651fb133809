"""What the router learns from an Ollama client, and tells it beside replies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.errors import (
    AllModelsFailed,
    AttemptSummary,
    BodyTooLarge,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    StreamBroken,
)
from llmrouter.core.requests import Turn
from llmrouter.dialects.ollama.dialect import OllamaDialect
from llmrouter.dialects.ollama.loading import load_reply
from llmrouter.dialects.ollama.models import (
    running_document,
    show_document,
    tags_document,
    version_document,
)
from llmrouter.dialects.wire import AddressedDialect, Dialect, RequestAddress
from tests.dialects.ollama.speaking import ollama_request

DIALECT: Dialect = OllamaDialect()
NOW_S = 1_790_000_000


class TestParsing:
    def test_a_chat(self) -> None:
        request = ollama_request(
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "User", "content": "What?", "images": ["AAAA"]},
                {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},
                {"role": "tool", "tool_name": "f", "content": "82 m"},
            ],
            tools=[{"type": "function", "function": {"name": "f"}}],
            format={"type": "object"},
            options={"num_predict": 50},
        )

        assert (request.model, request.stream, request.form) == ("smart", True, None)
        assert request.turns == (
            Turn("system", "Be brief."),
            Turn("user", "What?", has_media=True),
            Turn("assistant", "", calls_tools=True),
            Turn("tool", "82 m"),
        )
        assert request.tools == ("f",)
        assert request.needs == {"tools", "vision", "json_schema"}
        assert request.max_output_tokens == 50

    def test_a_text_to_go_on_from(self) -> None:
        request = ollama_request("/api/generate", system="Be brief.", stream=False)

        assert request.turns == (Turn("system", "Be brief."), Turn("user", "hi"))
        assert (request.stream, request.form) == (False, "generate")

    def test_without_an_address_the_body_tells_the_two_apart(self) -> None:
        assert DIALECT.parse(b'{"prompt": "hi"}').form == "generate"
        assert DIALECT.parse(b'{"messages": [{"role": "user"}]}').form is None

    @pytest.mark.parametrize(
        ("path", "members", "fields"),
        [
            ("/api/chat", {"messages": None}, ["messages"]),
            ("/api/chat", {"messages": []}, ["messages"]),
            ("/api/chat", {"messages": [1, {"role": "x", "content": 1, "images": 1}]},
             ["messages.0", "messages.1.role", "messages.1.content", "messages.1.images"]),
            ("/api/chat", {"messages": [{"role": "user", "tool_calls": [1]}]},
             ["messages.0.tool_calls"]),
            ("/api/chat", {"stream": "yes", "options": 1, "tools": [{}]},
             ["stream", "options", "tools.0"]),
            ("/api/generate", {"prompt": ""}, ["prompt"]),
        ],
    )  # fmt: skip
    def test_every_wrong_field_is_named(
        self, path: str, members: dict[str, Any], fields: list[str]
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            ollama_request(path, **members)

        assert [error.field for error in caught.value.errors] == fields

    def test_what_is_no_json_object_is_malformed(self) -> None:
        with pytest.raises(MalformedRequest):
            DIALECT.parse(b"[]")

    def test_too_many_messages_are_too_large(self) -> None:
        with pytest.raises(BodyTooLarge):
            DIALECT.parse(b'{"messages": [{}, {}]}', max_messages=1)

    def test_other_addresses_are_not_found(self) -> None:
        assert isinstance(DIALECT, AddressedDialect)
        with pytest.raises(NotFound):
            OllamaDialect().at(RequestAddress("/api/pull"))


class TestErrors:
    def test_an_error_is_a_text(self) -> None:
        document = json.loads(DIALECT.error_body(NotFound("no such model", code="model_not_found")))

        assert document == {"error": "no such model", "code": "model_not_found"}

    def test_what_was_tried_stands_beside_it(self) -> None:
        attempts = [AttemptSummary("ollama/qwen3:8b", "transient", 500)]
        error = AllModelsFailed("all failed", status=502, attempts=attempts)

        document = json.loads(DIALECT.error_body(error))

        assert document["attempts"] == [
            {"target": "ollama/qwen3:8b", "class": "transient", "status": 500}
        ]

    def test_an_error_inside_a_stream_is_a_line(self) -> None:
        assert DIALECT.error_event(StreamBroken("cut off")) == b'{"error":"cut off"}\n'

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b'{"error": "model \'x\' not found"}', "model 'x' not found"),
            (b"oh no", "HTTP 404: oh no"),
            (b"", "HTTP 404 without a body"),
        ],
    )
    def test_a_providers_error_is_read(self, body: bytes, message: str) -> None:
        error = DIALECT.read_error(404, {}, body)

        assert (error.kind, error.status, error.message) == ("status", 404, message)

    def test_the_key_travels_as_a_bearers(self) -> None:
        assert DIALECT.credentials("k") == {"authorization": "Bearer k"}


class TestLoading:
    @pytest.mark.parametrize(
        ("operation", "body", "reason"),
        [
            ("chat", {"model": "m", "messages": []}, "load"),
            ("chat", {"model": "m"}, "load"),
            ("chat", {"model": "m", "messages": [], "keep_alive": 0}, "unload"),
            ("generate", {"model": "m", "prompt": ""}, "load"),
        ],
    )
    def test_a_request_that_only_loads_is_answered_as_ollama_does(
        self, operation: Any, body: dict[str, Any], reason: str
    ) -> None:
        reply = load_reply(json.dumps(body).encode(), operation, NOW_S)

        assert reply is not None
        document = json.loads(reply)
        assert (document["done"], document["done_reason"]) == (True, reason)
        assert ("message" in document) == (operation == "chat")
        assert document["created_at"] == "2026-09-21T14:13:20Z"

    @pytest.mark.parametrize(
        ("operation", "body"),
        [
            ("chat", b'{"model": "m", "messages": [{"role": "user"}]}'),
            ("generate", b'{"model": "m", "prompt": "hi"}'),
            ("generate", b'{"model": "m", "images": ["A"]}'),
            ("chat", b'{"messages": []}'),
            ("chat", b"{"),
            ("chat", b'{"model": "m", "x": "' + b"a" * 5000 + b'"}'),
        ],
    )
    def test_everything_else_has_something_to_say(self, operation: Any, body: bytes) -> None:
        assert load_reply(body, operation, NOW_S) is None


class TestModels:
    def test_models_are_told_by_their_names(self) -> None:
        first, second = tags_document(["auto", "openrouter/z-ai/glm-5"], NOW_S)["models"]

        assert (first["name"], first["model"]) == ("auto", "auto")
        assert first["modified_at"] == "2026-09-21T14:13:20Z"
        assert first["digest"] != second["digest"]

    def test_a_model_tells_what_is_known_of_it(self) -> None:
        document = show_document(modified_s=NOW_S, context_tokens=1000, tools=True, vision=None)

        architecture = document["model_info"]["general.architecture"]
        assert document["model_info"][f"{architecture}.context_length"] == 1000
        assert document["capabilities"] == ["completion", "tools"]

    def test_no_model_is_in_memory(self) -> None:
        assert running_document() == {"models": []}

    def test_the_version_is_told(self) -> None:
        assert version_document("1.2.3") == {"version": "1.2.3"}
