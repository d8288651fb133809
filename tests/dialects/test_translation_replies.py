"""Replies from a provider of one dialect to a client of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.usage import Usage
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.clients import anthropic_message, events, openai_completion
from tests.dialects.translating import (
    CONTRACT,
    FROM_ANTHROPIC,
    FROM_OPENAI,
    NOW_S,
    TO_ANTHROPIC,
    TO_OPENAI,
    anthropic_request,
    openai_request,
    receive,
    whole_reply,
)

WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def named(path: Path) -> str:
    return path.name


def comparable(document: Any) -> Any:
    """The document without what a stream says otherwise: nulls, empty content, spaces in JSON."""
    if isinstance(document, dict):
        members = {name: comparable(value) for name, value in document.items()}
        if isinstance(members.get("arguments"), str):
            members["arguments"] = json.loads(members["arguments"])
        return {name: value for name, value in members.items() if value not in (None, "", [])}
    return [comparable(item) for item in document] if isinstance(document, list) else document


@pytest.mark.parametrize("case", FROM_ANTHROPIC, ids=named)
class TestAnthropicRepliesForChatClients:
    def test_whole(self, case: Path) -> None:
        got = receive(TO_ANTHROPIC, (case / "whole.json").read_bytes(), openai_request())

        assert got.document == json.loads((case / "openai.json").read_text())

    def test_streamed_as_the_same_completion(self, case: Path) -> None:
        request = openai_request(**WITH_USAGE)

        got = receive(TO_ANTHROPIC, (case / "stream.sse").read_bytes(), request)

        completion = openai_completion(got.content + got.terminator)
        assert comparable(completion) == comparable(json.loads((case / "openai.json").read_text()))
        assert got.terminator == b"data: [DONE]\n\n"

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream, request = (case / "stream.sse").read_bytes(), openai_request(**WITH_USAGE)
        uncut = receive(TO_ANTHROPIC, stream, request)

        assert all(receive(TO_ANTHROPIC, stream, request, at) == uncut for at in range(len(stream)))
        assert receive(TO_ANTHROPIC, stream, request, *range(len(stream))) == uncut


@pytest.mark.parametrize("case", FROM_OPENAI, ids=named)
class TestChatRepliesForAnthropicClients:
    def test_whole(self, case: Path) -> None:
        got = receive(TO_OPENAI, (case / "whole.json").read_bytes(), anthropic_request())

        assert got.document == json.loads((case / "anthropic.json").read_text())

    def test_streamed_as_the_same_message(self, case: Path) -> None:
        request = anthropic_request(stream=True)

        got = receive(TO_OPENAI, (case / "stream.sse").read_bytes(), request)

        message = anthropic_message(got.content + got.terminator)
        assert message == json.loads((case / "anthropic.json").read_text())
        assert events(got.terminator) == [("message_stop", {"type": "message_stop"})]

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream, request = (case / "stream.sse").read_bytes(), anthropic_request(stream=True)
        uncut = receive(TO_OPENAI, stream, request)

        assert all(receive(TO_OPENAI, stream, request, at) == uncut for at in range(len(stream)))
        assert receive(TO_OPENAI, stream, request, *range(len(stream))) == uncut


@pytest.mark.parametrize("case", FROM_ANTHROPIC + FROM_OPENAI, ids=named)
@pytest.mark.parametrize("asks_for_stream", [True, False])
def test_a_reply_that_is_not_streamed_as_asked_is_converted(
    case: Path, asks_for_stream: bool
) -> None:
    is_from_anthropic = case in FROM_ANTHROPIC
    reply = (case / ("whole.json" if asks_for_stream else "stream.sse")).read_bytes()

    if is_from_anthropic:
        members = WITH_USAGE if asks_for_stream else {}
        got = receive(TO_ANTHROPIC, reply, openai_request(**members))
        build, expected = openai_completion, case / "openai.json"
    else:
        got = receive(TO_OPENAI, reply, anthropic_request(stream=asks_for_stream))
        build, expected = anthropic_message, case / "anthropic.json"

    document = build(got.content + got.terminator) if asks_for_stream else got.document
    assert comparable(document) == comparable(json.loads(expected.read_text()))
    assert "converted" in got.observed.notes


def anthropic_whole(**members: Any) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": [{"type": "text", "text": "Lake."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    return whole_reply({**message, **members})


def openai_whole(message: dict[str, Any] | None = None, **members: Any) -> bytes:
    choice = {"index": 0, "message": message or {"content": "Lake."}, "finish_reason": "stop"}
    return whole_reply({"id": "chatcmpl-1", "model": "gpt-5", "choices": [choice], **members})


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_each_stop_reason_as_a_finish_reason_that_chat_clients_know(
    stop_reason: str, finish_reason: str
) -> None:
    reply = anthropic_whole(stop_reason=stop_reason)

    got = receive(TO_ANTHROPIC, reply, openai_request())

    assert got.document["choices"][0]["finish_reason"] == finish_reason


@pytest.mark.parametrize(
    ("finish_reason", "stop_reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
        ("something_new", "end_turn"),
    ],
)
def test_each_finish_reason_as_a_stop_reason(finish_reason: str, stop_reason: str) -> None:
    choice = {"index": 0, "message": {"content": "Lake."}, "finish_reason": finish_reason}

    got = receive(TO_OPENAI, openai_whole(choices=[choice]), anthropic_request())

    assert got.document["stop_reason"] == stop_reason


def test_the_stop_sequence_that_was_met_is_known_to_accounting_as_an_end() -> None:
    reply = anthropic_whole(stop_reason="stop_sequence", stop_sequence="END")

    assert receive(TO_ANTHROPIC, reply, openai_request()).observed.finish_reason == "stop_sequence"


class TestUsage:
    def test_anthropic_counts_become_disjoint_classes(self) -> None:
        usage = {
            "input_tokens": 10,
            "cache_creation_input_tokens": 300,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
            "cache_read_input_tokens": 2000,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 20},
        }

        observed = receive(TO_ANTHROPIC, anthropic_whole(usage=usage), openai_request()).observed

        assert observed.usage == Usage(10, 2000, 100, 30, 20, cache_write_1h_tokens=200)
        assert observed.raw_usage == usage

    def test_cache_writes_are_known_where_only_their_lifetimes_are_said(self) -> None:
        split = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}
        usage = {"input_tokens": 10, "cache_creation": split, "output_tokens": 5}

        got = receive(TO_ANTHROPIC, anthropic_whole(usage=usage), openai_request())

        assert got.observed.usage == Usage(10, None, 100, 5, None, cache_write_1h_tokens=200)

    @pytest.mark.parametrize("count", [-1, "12", True, 2**63, 1.5])
    def test_a_count_that_cannot_be_is_not_known(self, count: object) -> None:
        usage = {"input_tokens": count, "output_tokens": 5}

        got = receive(TO_ANTHROPIC, anthropic_whole(usage=usage), openai_request())

        assert got.observed.usage == Usage(text_output_tokens=5)

    def test_a_chat_stream_tells_its_usage_only_if_asked(self) -> None:
        stream = (FROM_ANTHROPIC[0] / "stream.sse").read_bytes()

        silent = receive(TO_ANTHROPIC, stream, openai_request(stream=True))

        assert b'"usage"' not in silent.content
        assert silent.observed.usage is not None

    def test_the_price_is_told_where_the_provider_said_none(self) -> None:
        def cost_of(usage: Usage) -> int | None:
            return 1_500_000 if usage.output_tokens == 2 else None

        got = receive(TO_ANTHROPIC, anthropic_whole(), openai_request(), cost_of=cost_of)

        assert got.document["usage"]["cost"] == 0.0015
        assert got.observed.reported_cost_nusd is None

    def test_the_providers_own_cost_goes_before_ours(self) -> None:
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.25}

        got = receive(
            TO_OPENAI, openai_whole(usage=usage), anthropic_request(), cost_of=lambda _: 7
        )

        assert got.document["usage"]["cost"] == 0.25
        assert got.observed.reported_cost_nusd == 250_000_000


class TestStandIns:
    def test_a_completion_has_the_time_of_the_request_where_the_provider_says_none(self) -> None:
        assert receive(TO_ANTHROPIC, anthropic_whole(), openai_request()).document["created"] == (
            NOW_S
        )

    def test_a_reply_without_an_id_gets_the_same_one_each_time(self) -> None:
        reply = openai_whole(id=None)

        first = receive(TO_OPENAI, reply, anthropic_request()).document["id"]

        assert first.startswith("msg_")
        assert receive(TO_OPENAI, reply, anthropic_request()).document["id"] == first

    def test_the_model_is_the_one_that_answered(self) -> None:
        got = receive(TO_OPENAI, openai_whole(model="gpt-5-2026"), anthropic_request())

        assert got.document["model"] == got.observed.response_model == "gpt-5-2026"


class TestToolCalls:
    def test_broken_arguments_reach_a_chat_client_as_they_are(self) -> None:
        stream = (CONTRACT / "anthropic/replies/tool_call/stream.sse").read_bytes()
        broken = stream.replace(b'": 2}', b'": 2')

        got = receive(TO_ANTHROPIC, broken, openai_request(**WITH_USAGE))

        call = openai_completion(got.content + got.terminator)["choices"][0]["message"][
            "tool_calls"
        ][0]
        assert call["function"]["arguments"] == '{"city": "Zürich", "days": 2'

    def test_broken_arguments_reach_an_anthropic_client_inside_an_object(self) -> None:
        function = {"name": "get_time", "arguments": '{"zone": '}
        message = {"tool_calls": [{"id": "call_a", "type": "function", "function": function}]}

        got = receive(TO_OPENAI, openai_whole(message), anthropic_request())

        assert got.document["content"][0]["input"] == {"arguments": '{"zone": '}

    def test_calls_of_one_index_are_told_apart_by_their_ids(self) -> None:
        calls = [
            {"index": 0, "id": f"call_{name}", "function": {"name": name, "arguments": "{}"}}
            for name in ("first", "second")
        ]
        chunk = {"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "stop"}]}
        stream = b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n"

        got = receive(TO_OPENAI, stream, anthropic_request(stream=True))

        message = anthropic_message(got.content + got.terminator)
        assert [block["name"] for block in message["content"]] == ["first", "second"]
        assert message["stop_reason"] == "tool_use"

    def test_a_name_too_long_for_openai_comes_back_as_the_client_knows_it(self) -> None:
        name = "mcp__" + "lake" * 20
        request = anthropic_request(tools=[{"name": name, "input_schema": {"type": "object"}}])
        sent = json.loads(TO_OPENAI.encode(request, "gpt-5").body)["tools"][0]["function"]["name"]
        function = {"name": sent, "arguments": "{}"}
        message = {"tool_calls": [{"id": "call_a", "type": "function", "function": function}]}

        got = receive(TO_OPENAI, openai_whole(message), request)

        assert len(sent) == 64
        assert got.document["content"][0]["name"] == name

    def test_free_text_for_a_custom_tool_is_taken_out_of_its_object(self) -> None:
        custom = {"type": "custom", "custom": {"name": "patch", "description": "edits"}}
        stream = (CONTRACT / "anthropic/replies/tool_call/stream.sse").read_bytes()
        stream = (
            stream.replace(b"get_weather", b"patch")
            .replace(rb"{\"city\": \"Z", rb"{\"input\": \"a")
            .replace(rb"rich\", \"days\"", rb"b\"")
            .replace(b'": 2}"', b'"}"')
        )

        got = receive(TO_ANTHROPIC, stream, openai_request(tools=[custom], **WITH_USAGE))

        call = openai_completion(got.content + got.terminator)["choices"][0]["message"][
            "tool_calls"
        ][0]
        assert call["type"] == "custom"
        assert call["custom"] == {"name": "patch", "input": "aüb"}


class TestReasoning:
    def test_is_sealed_with_the_endpoint_that_had_it(self) -> None:
        reply = (CONTRACT / "anthropic/replies/thinking/whole.json").read_bytes()

        got = receive(
            TO_ANTHROPIC, reply, openai_request(), facts=TargetFacts(provider="anthropic")
        )

        details = got.document["choices"][0]["message"]["reasoning_details"]
        assert [detail["type"] for detail in details] == ["reasoning.text", "reasoning.encrypted"]
        assert "EqQBCkYIARgC" not in json.dumps(details)
