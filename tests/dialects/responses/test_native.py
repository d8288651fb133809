"""The Responses API on both sides: law 7, and what it must not be taken for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.usage import Usage
from llmrouter.dialects.responses.parse import parse
from llmrouter.dialects.responses.seals import Seal, write_seal
from llmrouter.dialects.sse import encode_event
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.responses.client import built_response
from tests.dialects.responses.passing import (
    FIXTURES,
    NATIVE,
    Got,
    each_cutting,
    fixture,
    named,
    receive,
    request,
    send,
)

WHOLE = request()
STREAM = request(stream=True)
CASES = pytest.mark.parametrize("case", fixture("replies"), ids=named)


@CASES
class TestReplies:
    def test_a_stream_passes_untouched_its_last_event_held_back(self, case: Path) -> None:
        stream = (case / "stream.sse").read_bytes()

        got = receive(NATIVE, stream, STREAM)

        assert got.stream == stream
        status = json.loads((case / "whole.json").read_text())["status"]
        assert got.terminator.startswith(f"event: response.{status}\n".encode())
        assert got.observed.notes == []

    def test_a_whole_response_passes_untouched(self, case: Path) -> None:
        body = (case / "whole.json").read_bytes()

        got = receive(NATIVE, body, WHOLE)

        assert (got.content, got.terminator) == (b"", body)

    def test_both_tell_accounting_the_same(self, case: Path) -> None:
        streamed = receive(NATIVE, (case / "stream.sse").read_bytes(), STREAM).observed
        whole = receive(NATIVE, (case / "whole.json").read_bytes(), WHOLE).observed

        assert streamed.first_token
        assert whole.first_token
        for name in ("finish_reason", "response_model", "usage", "output_characters"):
            assert getattr(streamed, name) == getattr(whole, name), name

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream = (case / "stream.sse").read_bytes()
        uncut = receive(NATIVE, stream, STREAM)

        for cuts in each_cutting(stream):
            assert receive(NATIVE, stream, STREAM, *cuts) == uncut

    def test_a_whole_response_where_a_stream_was_asked_loses_nothing(self, case: Path) -> None:
        whole = (case / "whole.json").read_bytes()

        got = receive(NATIVE, whole, STREAM)

        assert built_response(got.stream) == json.loads(whole)
        assert got.observed.notes == ["converted"]

    def test_a_stream_where_none_was_asked_loses_nothing(self, case: Path) -> None:
        got = receive(NATIVE, (case / "stream.sse").read_bytes(), WHOLE)

        assert got.document == json.loads((case / "whole.json").read_text())
        assert got.observed.notes == ["converted"]


@pytest.mark.parametrize("name", ["text", "tool_call", "incomplete_length"])
def test_a_stream_cut_once_anywhere_is_the_same(name: str) -> None:
    stream = (FIXTURES / "replies" / name / "stream.sse").read_bytes()
    uncut = receive(NATIVE, stream, STREAM)

    assert all(receive(NATIVE, stream, STREAM, at) == uncut for at in range(len(stream)))


def end(**members: Any) -> bytes:
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": [], **members}
    document = {"type": "response.completed", "sequence_number": 9, "response": response}
    return encode_event(json.dumps(document).encode(), "response.completed")


def delta(text: str) -> bytes:
    document = {"type": "response.output_text.delta", "output_index": 0, "delta": text}
    return encode_event(json.dumps(document).encode(), "response.output_text.delta")


USAGE = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14}


def test_the_cost_is_added_where_the_provider_said_none() -> None:
    got = receive(NATIVE, delta("L") + end(usage=USAGE), STREAM, cost_of=lambda _: 2_000_000)

    assert got.content == delta("L")
    ended = json.loads(got.terminator.split(b"data: ")[1])
    assert ended["response"]["usage"] == {**USAGE, "cost": 0.002}
    assert ended["sequence_number"] == 9


@pytest.mark.parametrize(
    ("usage", "cost_nusd"), [({**USAGE, "cost": 0.5}, 1), (USAGE, None), (None, 1)]
)
def test_nothing_is_added_otherwise(usage: Any, cost_nusd: int | None) -> None:
    stream = delta("L") + end(usage=usage)

    assert receive(NATIVE, stream, STREAM, cost_of=lambda _: cost_nusd).stream == stream


def test_a_whole_responses_cost_is_added_too() -> None:
    body = json.dumps({"output": [], "status": "completed", "usage": USAGE}).encode()

    got = receive(NATIVE, body, WHOLE, cost_of=lambda _: 2_000_000)

    assert got.document["usage"]["cost"] == 0.002
    assert got.observed.usage == Usage(10, None, None, 4, None)


def test_a_closing_done_stays_and_what_else_follows_is_dropped() -> None:
    done = encode_event(b"[DONE]")

    got = receive(NATIVE, delta("L") + end() + done + delta("more"), STREAM)

    assert got.stream == delta("L") + end() + done
    assert got.observed.notes == ["trailing"]


def test_an_end_without_its_empty_line_gets_one() -> None:
    got = receive(NATIVE, (delta("L") + end()).rstrip(b"\n"), STREAM)

    assert got.stream == delta("L") + end()


def test_comments_pass_and_events_that_are_none_do_not() -> None:
    got = receive(
        NATIVE, delta("L") + b": alive\n\n" + b"id: 7\n\n" + b"data: {oh\n\n" + end(), STREAM
    )

    assert got.stream == delta("L") + b": alive\n\n" + end()
    assert got.observed.notes == ["bad_event"]


def test_items_that_only_the_stream_names_are_put_in_the_whole_response() -> None:
    item = {"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "L"}]}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}

    got = receive(NATIVE, encode_event(json.dumps(done).encode()) + end(), WHOLE)

    assert got.document["output"] == [item]


def test_a_providers_own_tool_at_work_is_a_first_token() -> None:
    added = {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {"type": "web_search_call", "id": "ws_1", "status": "in_progress"},
    }
    reader = NATIVE.reader(
        STREAM, content_type="", event_bytes=10_000, body_bytes=10_000, cost_of=None
    )

    reader.feed(encode_event(json.dumps(added).encode()))

    assert reader.observed.first_token


def failed(code: str) -> bytes:
    error = {"code": code, "message": "Oh."}
    document = {"type": "response.failed", "response": {"status": "failed", "error": error}}
    return encode_event(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("reply", "fault", "content"),
    [
        (failed("server_error"), "error_body first_token: server_error Oh.", b""),
        (delta("L") + failed("x"), "error_body stream: x Oh.", delta("L")),
        (
            delta("L"),
            "truncated stream: None the provider's stream ended before it was complete",
            delta("L"),
        ),
        (b"<html>", "bad_body body: None a web page instead of a reply", b""),
        (b'{"error":{"message":"No."}}', "error_body body: None No.", b""),
    ],
)
def test_a_reply_that_fails_is_a_failed_attempt(reply: bytes, fault: str, content: bytes) -> None:
    got: Got = receive(NATIVE, reply, STREAM)

    assert (got.fault, got.content) == (fault, content)


@pytest.mark.parametrize("case", fixture("requests"), ids=named)
def test_no_field_of_a_request_is_dropped(case: Path) -> None:
    document = json.loads((case / "request.json").read_text())
    asked = parse(json.dumps(document).encode())

    sent = send(NATIVE, asked, "gpt-5", TargetFacts(provider="openai"))

    del document["model"]
    if case.name == "reasoning_of_others":
        document["input"] = [item for item in document["input"] if item.get("id") not in OTHERS]
        assert sent.losses == ("input.1", "input.2", "input.3")
    else:
        assert sent.losses == ()
    assert sent.document == document


OTHERS = ("rs_1", "rs_2", "rs_3")
"""Reasoning that other endpoints sealed, which OpenAI answers with a 400."""


def test_unknown_fields_pass_and_arguments_of_client_libraries_do_not() -> None:
    asked = request(lake={"deep": True}, api_key="sk-1", base_url="https://evil.example")

    assert send(NATIVE, asked, "gpt-5").document == {"input": "hi", "lake": {"deep": True}}


def test_reasoning_of_the_same_endpoint_is_opened() -> None:
    own = write_seal(Seal("responses:openai", "encrypted", "gAAA"))
    signature = write_seal(Seal("gemini:g", "call", "sig"))
    items = [
        {"type": "reasoning", "summary": [], "encrypted_content": own},
        {"type": "reasoning", "summary": [], "encrypted_content": signature},
    ]

    sent = send(NATIVE, request(input=items), "gpt-5", TargetFacts(provider="openai"))

    assert sent.document["input"] == [
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    ]
    assert sent.losses == ("input.1.signature",)


def test_a_provider_without_developers_gets_system_messages() -> None:
    asked = request(input=[{"role": "developer", "content": "Be brief."}])

    outgoing = NATIVE.encode(asked, "m", ["no_developer_role"])

    assert json.loads(outgoing.body)["input"][0]["role"] == "system"
    assert outgoing.path == "/responses"
