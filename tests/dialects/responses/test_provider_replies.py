"""Replies of providers of the Responses API, as clients of other dialects get them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.usage import Usage
from llmrouter.dialects.sse import encode_event
from tests.dialects.clients import anthropic_message, openai_completion
from tests.dialects.responses.passing import (
    FROM_ANTHROPIC,
    FROM_OPENAI,
    Got,
    anthropic_request,
    each_cutting,
    fixture,
    named,
    openai_request,
    receive,
)

STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
CASES = pytest.mark.parametrize("case", fixture("replies"), ids=named)


def comparable(document: Any) -> Any:
    """The document without nulls and empty content, which a stream does not say."""
    if isinstance(document, dict):
        members = {name: comparable(value) for name, value in document.items()}
        return {name: value for name, value in members.items() if value not in (None, "", [])}
    return [comparable(item) for item in document] if isinstance(document, list) else document


@CASES
class TestForChatClients:
    def test_whole(self, case: Path) -> None:
        got = receive(FROM_OPENAI, (case / "whole.json").read_bytes(), openai_request())

        assert got.document == json.loads((case / "openai.json").read_text())

    def test_streamed(self, case: Path) -> None:
        got = receive(FROM_OPENAI, (case / "stream.sse").read_bytes(), openai_request(**STREAMED))

        expected = json.loads((case / "openai.json").read_text())
        assert comparable(openai_completion(got.stream)) == comparable(expected)

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream, asked = (case / "stream.sse").read_bytes(), openai_request(**STREAMED)
        uncut = receive(FROM_OPENAI, stream, asked)

        for cuts in each_cutting(stream):
            assert receive(FROM_OPENAI, stream, asked, *cuts) == uncut


# Anthropic's clients have no tools that take free text, so none can be called.
@pytest.mark.parametrize(
    "case", [c for c in fixture("replies") if (c / "anthropic.json").exists()], ids=named
)
class TestForAnthropicsClients:
    def test_whole(self, case: Path) -> None:
        got = receive(FROM_ANTHROPIC, (case / "whole.json").read_bytes(), anthropic_request())

        assert got.document == json.loads((case / "anthropic.json").read_text())

    def test_streamed_and_cut_at_every_byte(self, case: Path) -> None:
        stream, asked = (case / "stream.sse").read_bytes(), anthropic_request(stream=True)

        got = receive(FROM_ANTHROPIC, stream, asked, *range(len(stream)))

        expected = json.loads((case / "anthropic.json").read_text())
        assert comparable(anthropic_message(got.stream)) == comparable(expected)


def test_an_item_without_deltas_is_read_once_it_is_done() -> None:
    call = {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "c1",
        "name": "f",
        "arguments": '{"a":1}',
    }
    stream = events(
        ("response.output_item.done", {"output_index": 0, "item": said("msg_1", "Lake.")}),
        ("response.output_item.done", {"output_index": 1, "item": call}),
        ("response.completed", {"response": response()}),
    )

    message = streamed(stream)["choices"][0]["message"]

    assert message["content"] == "Lake."
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}


def test_a_response_that_comes_only_at_the_end_is_read_there() -> None:
    stream = events(("response.completed", {"response": response(output=[said("m", "Lake.")])}))

    assert streamed(stream)["choices"][0]["message"]["content"] == "Lake."


def test_of_raw_thoughts_and_their_summary_the_first_are_shown() -> None:
    stream = events(
        ("response.reasoning_text.delta", {"output_index": 0, "delta": "Raw."}),
        ("response.reasoning_summary_text.delta", {"output_index": 0, "delta": "Sum."}),
        ("response.output_item.done", {"output_index": 0, "item": {"type": "reasoning"}}),
        ("response.completed", {"response": response()}),
    )

    assert streamed(stream)["choices"][0]["message"]["reasoning_content"] == "Raw."


DELTA = {"type": "response.output_text.delta", "delta": "L", "output_index": 0}
CUT_OFF = "truncated stream: None the provider's stream ended before it was complete"


def event(document: dict[str, Any], name: str | None = None) -> bytes:
    return encode_event(json.dumps(document).encode(), name)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (
            event({"type": "error", "code": "rate_limit_exceeded", "message": "Slow."}, "error"),
            "error_body first_token: rate_limit_exceeded Slow.",
        ),
        (
            event({"type": "error", "error": {"code": "gone"}}),
            'error_body first_token: gone {"code":"gone"}',
        ),
        (
            event({"type": "response.failed", "response": {"error": {"message": "Too long."}}}),
            "error_body first_token: None Too long.",
        ),
        (
            event({"error": {"message": "No.", "code": 500}}),
            "error_body first_token: 500 No.",
        ),
        (event(DELTA), CUT_OFF),
        (event(DELTA) + encode_event(b"[DONE]"), CUT_OFF),
        (b": alive\n\n", "empty first_token: None the provider's reply held nothing"),
        (
            b'{"status":"failed","error":{"code":"server_error","message":"Oh."},"output":[]}',
            "error_body body: server_error Oh.",
        ),
        (b'{"choices":[]}', "bad_body body: None the provider's reply has no output"),
        (b'{"error":{"message":"No."}}', "error_body body: None No."),
        (b"{", "bad_body body: None the reply is no JSON object"),
    ],
)
@pytest.mark.parametrize("stream_asked", [True, False])
def test_a_reply_that_fails_is_a_failed_attempt(
    reply: bytes, fault: str, stream_asked: bool
) -> None:
    got = receive(FROM_OPENAI, reply, openai_request(stream=stream_asked))

    assert got.fault == fault


def test_usage_is_told_in_disjoint_classes() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 150,
    }
    body = json.dumps(response(output=[said("m", "Lake.")], usage=usage)).encode()

    got = receive(FROM_OPENAI, body, openai_request())

    assert got.observed.usage == Usage(30, 60, 10, 30, 20)
    assert got.document["usage"]["prompt_tokens"] == 100


def streamed(stream: bytes) -> dict[str, Any]:
    got: Got = receive(FROM_OPENAI, stream, openai_request(**STREAMED))
    assert got.fault is None
    return openai_completion(got.stream)


def events(*written: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(event({"type": kind, **members}) for kind, members in written)


def said(item_id: str, text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": item_id, "type": "message", "role": "assistant", "content": [part]}


def response(**members: Any) -> dict[str, Any]:
    return {"id": "resp_1", "model": "m", "status": "completed", "output": [], **members}
